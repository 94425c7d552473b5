//! Code that must not compile, and the compiler's messages for it: `tests/compile_fail/`.
//!
//! The cases stand in a crate of their own, so that they are compiled against `presence-channels`
//! with its default features, as in a user's app. The engines would take minutes.
