use super::*;

/// The files of a project beside `src/main.rs`: path and text.
struct Files<'a>(&'a [(&'a str, &'a str)]);

impl Functions for Files<'_> {
    fn return_type(&self, _: &str) -> Option<String> {
        None
    }

    fn text(&self, path: &Path) -> Option<String> {
        let found = self.0.iter().find(|(file, _)| Path::new(file) == path);
        found.map(|(_, text)| (*text).to_owned())
    }
}

const NOTHING: Needs = Needs {
    code: false,
    tests: false,
};
const CODE: Needs = Needs {
    code: true,
    tests: false,
};
const TESTS: Needs = Needs {
    code: false,
    tests: true,
};

#[track_caller]
fn assert_needs(main: &str, files: &[(&str, &str)], expected: &Needs) {
    let source = Source::parse(Path::new("src/main.rs"), main).unwrap();
    let found = needs(&source, &Files(files), "SocketAddr");
    assert_eq!(found, *expected, "{files:?}");
}

#[test]
fn a_child_that_takes_the_name_needs_the_import() {
    let function = "fn f(a: SocketAddr) {}";
    for taken in [
        "use super::*;",
        "use crate::*;",
        "use super::{self, *};",
        "use super::SocketAddr;",
        "use crate::{Config, SocketAddr};",
        "use crate::SocketAddr as Address;",
        "fn g() -> super::SocketAddr { super::SocketAddr::from(([0; 4], 1)) }",
        "fn g() { assert_eq!(a, crate::SocketAddr::from(b)); }",
    ] {
        let text = format!("{taken}\n{function}\n");
        for path in ["src/handlers.rs", "src/handlers/mod.rs"] {
            assert_needs("mod handlers;\n", &[(path, &text)], &CODE);
        }
        let file = [("src/handlers.rs", &*text)];
        assert_needs("#[cfg(test)]\nmod handlers;\n", &file, &TESTS);
        // A file that no module declares.
        assert_needs("mod other;\n", &file, &NOTHING);
    }
}

#[test]
fn a_child_without_the_name_or_with_its_own_import_needs_nothing() {
    for text in [
        "use super::*;\nfn f(a: Config) {}\n",
        "use std::net::SocketAddr;\nfn f(a: SocketAddr) {}\n",
        "use std::net::{IpAddr, SocketAddr};\nuse super::*;\nfn f(a: SocketAddr) {}\n",
        "fn f(a: std::net::SocketAddr) {}\n",
        "use super::Config;\nstruct SocketAddr;\nfn f(a: SocketAddr) {}\n",
        "use std::net::SocketAddr;\nmod tests {\n    use super::*;\n    \
         use super::SocketAddr;\n    fn f(a: SocketAddr) {}\n}\n",
    ] {
        assert_needs("mod handlers;\n", &[("src/handlers.rs", text)], &NOTHING);
    }
    assert_needs("mod handlers;\n", &[], &NOTHING);
}

#[test]
fn modules_below_a_child_are_read_too() {
    let uses_all = "use super::*;\nfn f(a: SocketAddr) {}\n";
    let child = "#[cfg(test)]\nmod tests;\n";
    let below = ("src/handlers/tests.rs", uses_all);
    let files = [("src/handlers.rs", child), below];
    assert_needs("mod handlers;\n", &files, &TESTS);
    // The child's own import hides that of `main.rs`.
    let own = format!("use std::net::SocketAddr;\n{child}");
    let files = [("src/handlers.rs", &*own), below];
    assert_needs("mod handlers;\n", &files, &NOTHING);
    let root = ("src/handlers/tests.rs", "use crate::SocketAddr;\n");
    let files = [("src/handlers.rs", &*own), root];
    assert_needs("mod handlers;\n", &files, &TESTS);

    let inline = "mod web {\n    mod handlers;\n}\n";
    let path = ("src/web/handlers.rs", "use crate::SocketAddr;\n");
    assert_needs(inline, &[path], &CODE);
    let renamed = "#[path = \"web.rs\"]\nmod handlers;\n";
    assert_needs(renamed, &[("src/web.rs", uses_all)], &CODE);
    // A file that declares itself is read once.
    let itself = [("src/handlers.rs", "mod handlers;\n")];
    assert_needs("mod handlers;\n", &itself, &NOTHING);
}

#[test]
fn a_child_that_cannot_be_parsed_may_need_the_import() {
    let file = [("src/handlers.rs", "fn f(a: SocketAddr {")];
    assert_needs("mod handlers;\n", &file, &CODE);
    let file = [("src/handlers.rs", "fn f( {")];
    assert_needs("mod handlers;\n", &file, &NOTHING);
}
