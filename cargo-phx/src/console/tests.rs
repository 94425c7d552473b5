use super::*;
use crate::hint::Hinted;

/// Runs `asks` with a typed input. Returns its result and the output.
fn typing<T>(
    typed: &str,
    asks: impl FnOnce(&mut Console) -> anyhow::Result<T>,
) -> (anyhow::Result<T>, String) {
    let mut output = Vec::new();
    let mut input = typed.as_bytes();
    let result = asks(&mut Console::new(&mut input, &mut output));
    (result, String::from_utf8(output).unwrap())
}

fn confirm(typed: &str, default: bool) -> (bool, String) {
    let (answer, output) = typing(typed, |console| console.confirm("Go on?", default));
    (answer.unwrap(), output)
}

#[track_caller]
fn refused<T: std::fmt::Debug>(result: anyhow::Result<T>) -> (String, String) {
    let error = result.unwrap_err();
    let hint = error.downcast_ref::<Hinted>().unwrap().hint();
    (error.to_string(), hint.to_owned())
}

#[test]
fn answers_are_read_as_mix_reads_them() {
    assert_eq!(confirm("y\n", false), (true, "Go on? [yN] y\n".into()));
    assert!(confirm("YES\n", false).0);
    assert_eq!(confirm("n\n", true), (false, "Go on? [Yn] n\n".into()));
    assert!(confirm("\n", true).0);
    assert!(!confirm("\n", false).0);
}

#[test]
fn a_question_without_an_answer_is_an_error_that_names_yes() {
    for default in [true, false] {
        let (result, output) = typing("", |console| console.confirm("Go on?", default));
        let (message, hint) = refused(result);
        assert!(message.contains("not answered"), "{message}");
        assert!(message.contains("Go on?"), "{message}");
        assert!(hint.contains("--yes"), "{hint}");
        assert!(output.ends_with("] \n"), "{output}");
    }
}

#[test]
fn another_answer_is_asked_again() {
    let (answer, output) = confirm("perhaps\nno\n", true);
    assert!(!answer);
    assert_eq!(output, "Go on? [Yn] perhaps\nGo on? [Yn] no\n");
}

#[test]
fn yes_answers_without_asking_but_neither_chooses_nor_overwrites() {
    let (answer, output) = typing("n\n", |console| {
        console.assume_yes();
        console.confirm("Go on?", false)
    });
    assert!(answer.unwrap());
    assert_eq!(output, "");

    let (result, _) = typing("1\n", |console| {
        console.assume_yes();
        console.choose("Which?", &["a".into(), "b".into()], "--bin NAME")
    });
    assert!(refused(result).0.ends_with("Which? a, b"));
    let (result, _) = typing("y\n", |console| {
        console.assume_yes();
        console.overwrite("a.rs")
    });
    assert!(refused(result).1.contains("--force"));
}

#[test]
fn an_offer_is_made_on_a_terminal_only() {
    let (answer, output) = typing("n\n", |console| console.offer("Add it?"));
    assert!(answer.unwrap());
    assert_eq!(output, "");

    let mut output = Vec::new();
    let mut input: &[u8] = b"n\n";
    let mut console = Console::new(&mut input, &mut output).terminal(true);
    assert!(!console.offer("Add it?").unwrap());
    assert_eq!(output, b"Add it? [Yn] ");
}

#[test]
fn a_choice_is_made_by_its_number_or_its_name() {
    let choices = ["server".to_owned(), "Worker".to_owned()];
    let choose = |typed: &str| {
        typing(typed, |console| {
            console.choose("Which?", &choices, "--bin NAME")
        })
    };
    assert_eq!(choose("2\n").0.unwrap(), 1);
    assert_eq!(choose("worker\n").0.unwrap(), 1);
    assert_eq!(choose("0\n\n3\nother\n1\n").0.unwrap(), 0);
    assert_eq!(
        choose("1\n").1,
        "Which?\n  1. server\n  2. Worker\n[1-2] 1\n"
    );
    let (message, hint) = refused(choose("").0);
    assert!(message.ends_with("Which? server, Worker"), "{message}");
    assert_eq!(hint, "say which with --bin NAME");
}

#[test]
fn a_file_that_differs_has_five_answers() {
    for (typed, answer) in [
        ("\n", Overwrite::Yes),
        ("Y\n", Overwrite::Yes),
        ("no\n", Overwrite::No),
        ("d\n", Overwrite::Diff),
        ("a\n", Overwrite::All),
        ("what\nq\n", Overwrite::Quit),
    ] {
        let (result, output) = typing(typed, |console| console.overwrite("a.rs"));
        assert_eq!(result.unwrap(), answer, "{typed:?}");
        assert!(
            output.starts_with(
                "a.rs exists and differs. Overwrite it? [Y]es [n]o [d]iff [a]ll [q]uit "
            ),
            "{output}"
        );
    }
    let (message, hint) = refused(typing("", |console| console.overwrite("a.rs")).0);
    assert_eq!(message, "a.rs exists and differs, and nothing was written");
    assert!(hint.contains("--force"), "{hint}");
}

#[test]
fn quiet_leaves_out_the_status_alone() {
    let (result, output) = typing("", |console| {
        console.be_quiet();
        console.status("* creating a.rs")?;
        console.line("Add this line.")
    });
    result.unwrap();
    assert_eq!(output, "Add this line.\n");
}
