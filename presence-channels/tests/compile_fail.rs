//! What must not compile, and what the user is told then.
//!
//! `TRYBUILD=overwrite cargo test -p presence-channels --all-features --test compile_fail` writes
//! the messages down anew. Look at each change: would a newcomer know what to do?

use std::process::Command;

// The compiler writes a name in full where another crate in reach has one like it, so the messages
// are those of all crates together, as the tests of the whole workspace have them.
#[test]
#[cfg_attr(
    not(all(
        feature = "zenoh",
        feature = "nats",
        feature = "redis",
        feature = "metrics"
    )),
    ignore = "the messages are those with --all-features"
)]
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
