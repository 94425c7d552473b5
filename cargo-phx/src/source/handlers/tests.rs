use super::*;

fn read(arms: &str) -> (Vec<String>, Vec<usize>) {
    let text = format!(
        "const TYPING: &str = \"typing\";\nimpl Channel for RoomChannel {{\n    \
         const LEAVE: &'static str = \"leave\";\n    \
         async fn handle_in(&mut self, name: &str, payload: Payload, socket: &mut Socket<Self>) \
         -> HandleResult {{\n{arms}\n    }}\n}}\n"
    );
    let source = Source::parse(std::path::Path::new("a.rs"), &text).unwrap();
    let events = events(&source, "RoomChannel");
    let known = events.known.into_iter().map(|event| event.name).collect();
    (known, events.unread)
}

#[test]
fn arms_are_events() {
    let (known, unread) = read(
        "match name { \"a\" | \"b\" => {} TYPING => {} Self::LEAVE => {} \
         \"c\" if ok => {} other => {} }",
    );
    assert_eq!(known, ["a", "b", "typing", "leave", "c"]);
    assert_eq!(unread, Vec::<usize>::new());
}

#[test]
fn comparisons_and_tuples_are_events() {
    let (known, _) = read(
        "if name == \"a\" { return; }\nmatch (name, payload) { (\"b\", _) => {} _ => {} }\n\
         match &*name.to_owned() { \"c\" => {} _ => {} }",
    );
    assert_eq!(known, ["a", "b", "c"]);
}

#[test]
fn what_run_time_values_decide_is_named() {
    let (known, unread) = read(
        "match name {\n \"a\" => {}\n event if event.starts_with(\"draw:\") => {}\n \
         elsewhere::NAME => {}\n _ => {} }",
    );
    assert_eq!(known, ["a"]);
    assert_eq!(unread, [7, 8]);
}
