//! Scripts as text, and runs that repeat.

use crate::sim::{Script, generate, run};

#[test]
fn a_script_reads_back_as_it_was_written() {
    for seed in 0..200 {
        let script = generate(seed);
        let text = script.to_string();
        assert_eq!(text.parse::<Script>().as_ref(), Ok(&script), "{text}");
    }
}

#[test]
fn what_is_no_operation_is_named_with_its_line() {
    for wrong in [
        "dance n0",
        "track n0",
        "track 0 o0 t0 k0",
        "wait",
        "wait -1",
        "nodes three",
        "pool_size",
    ] {
        let error = format!("seed 1\n\n{wrong}").parse::<Script>().unwrap_err();
        let expected = format!("line 3: not an operation or setting: {wrong:?}");
        assert_eq!(error.to_string(), expected);
    }
}

#[test]
fn a_run_repeats_exactly() {
    for seed in 0..10 {
        let script = generate(seed);
        let (first, second) = (run(&script), run(&script));
        assert_eq!(first.violation, second.violation);
        assert_eq!(first.coverage, second.coverage);
    }
}
