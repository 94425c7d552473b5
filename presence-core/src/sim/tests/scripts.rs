//! Scripts as text, and runs that repeat.

use crate::sim::{Script, generate, generate_large, run};

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

#[test]
fn a_script_of_a_large_cluster_reads_back_and_keeps_every_promise() {
    for seed in 0..50 {
        let script = generate_large(seed);
        let text = script.to_string();
        assert_eq!(text.parse::<Script>().as_ref(), Ok(&script), "{text}");
    }
    let script = generate_large(1);
    let outcome = run(&script);
    assert_eq!(outcome.violation, None);
    assert!(outcome.coverage.get("limits") > 0);
}

/// Renamed and downgraded machines, over a slow link, agree as the others do.
#[test]
fn the_misfortunes_of_a_link_end_in_the_same_set() {
    let script: Script = "
        seed 3
        nodes 4
        track n0 o0 t0 k0
        track n1 o0 t0 k1
        limit n2 4000 2000
        bursts 50 200 1000
        downgrade n3
        track n3 o0 t0 k2
        wait 8000
        rename n2
        track n2 o0 t0 k0
        wait 2000
        untrack n1 o0 t0 k1
        wait 300
    "
    .parse()
    .unwrap();
    let outcome = run(&script);
    assert_eq!(outcome.violation, None);
    for name in ["renames", "downgrades", "limits", "messages_lost_in_bursts"] {
        assert!(outcome.coverage.get(name) > 0, "{name}");
    }
}

/// A machine that is set back to a snapshot draws the numbers of its requests again, for others.
#[test]
fn an_answer_from_before_a_snapshot_ends_no_later_request_of_its_number() {
    let script: Script = "
        seed 962567
        nodes 4
        pool_size 2
        diff_interval 0
        max_silent_periods 2
        down_period 9000
        permdown_period 25000
        weather 1 300 50 0 200 4000
        wait 129
        track n0 o1 t0 k1
        track n3 o1 t0 k1
        wait 716
        track n0 o1 t1 k0
        downgrade n1
        snapshot n1
        wait 2462
        restore n1
        wait 2397
        untrack n0 o1 t0 k1
    "
    .parse()
    .unwrap();
    assert_eq!(run(&script).violation, None);
}

/// A machine that is set back to a snapshot makes two entries of one tag. A node that holds the one
/// and learns of the other shows the other.
#[test]
fn an_entry_from_before_a_snapshot_takes_no_later_one_of_its_tag_away() {
    let script: Script = "
        seed 229312
        nodes 3
        max_silent_periods 2
        down_period 9000
        track n0 o1 t0 k1
        wait 1941
        snapshot n0
        track n0 o1 t0 k2
        track n0 o1 t0 k0
        wait 0
        restore n0
        untrack n0 o1 t0 k1
        track n0 o1 t0 k0
        track n0 o2 t0 k0
        wait 0
        owner-ends n0 o2
    "
    .parse()
    .unwrap();
    assert_eq!(run(&script).violation, None);
}
