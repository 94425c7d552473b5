//! Natural mistakes do not compile, and the compiler's message names the mistake.
//!
//! `TRYBUILD=overwrite cargo test -p compile-fail` writes the messages anew. Read each change: does
//! a newcomer know what to do?

use std::process::Command;

#[test]
fn mistakes_are_explained() {
    // Other compilers word their messages otherwise.
    let known = env!("CARGO_PKG_RUST_VERSION");
    let version = compiler_version();
    if !version.starts_with(&format!("rustc {known}.")) {
        #[expect(clippy::print_stderr, reason = "a skipped test must say so")]
        {
            eprintln!("skipped: the messages are those of Rust {known}, this is {version}");
        }
        return;
    }
    trybuild::TestCases::new().compile_fail("tests/compile_fail/*.rs");
}

fn compiler_version() -> String {
    let version = Command::new("rustc").arg("--version").output();
    String::from_utf8(version.expect("rustc runs").stdout).expect("rustc writes UTF-8")
}
