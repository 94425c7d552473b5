//! What is fuzzed, and what must hold for any input: no panic, no more memory than the limits say,
//! and what was read can be written down and read again.
//!
//! A [`Target`] is a file in `targets/`, a line in [`TARGETS`] and a folder in `corpus/`. A corpus
//! is kept as hex in text files, an input a line; lines that begin with `#` are remarks.
//! `cargo xtask fuzz` runs the targets under libFuzzer, guided by coverage, on stable Rust;
//! `cargo test` replays the corpora without it.

mod memory;
mod targets;
mod text;

pub use memory::bounded;
pub use targets::TARGETS;

/// One parser that meets bytes from outside.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// What it is called on the command line, and its corpus's folder.
    pub name: &'static str,
    /// Takes an input and panics if something that must hold does not.
    pub run: fn(&[u8]),
}

impl Target {
    /// The target `name`.
    #[must_use]
    pub fn find(name: &str) -> Option<Self> {
        TARGETS.iter().find(|target| target.name == name).copied()
    }
}
