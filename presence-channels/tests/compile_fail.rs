//! What must not compile, and what the user is told then.
//!
//! `TRYBUILD=overwrite cargo test --test compile_fail` writes the messages down anew; look at each
//! change: would a newcomer know what to do?

#[test]
fn mistakes_are_explained() {
    trybuild::TestCases::new().compile_fail("tests/compile_fail/*.rs");
}
