//! Fuzz targets, and the properties that must hold for any input. A parser does not panic and does
//! not take more memory than its limits allow. A value that it has read can be written and read
//! again.
//!
//! A [`Target`] has a file in `targets/`, a line in [`TARGETS`] and a folder in `corpus/`. A corpus
//! is text: each line is an input in hex, and lines that begin with `#` are comments.
//!
//! `cargo xtask fuzz` runs the targets under libFuzzer, guided by coverage, on stable Rust.
//! `cargo test` replays the corpora without libFuzzer.

mod memory;
mod targets;
mod text;

pub use memory::bounded;
pub use targets::TARGETS;

/// A parser of bytes that come from outside.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// The name of the target on the command line, and of its folder in `corpus/`.
    pub name: &'static str,
    /// Runs the parser with an input. Panics if a property does not hold.
    pub run: fn(&[u8]),
}

impl Target {
    /// Returns the target with this name, or `None` if no target has it.
    #[must_use]
    pub fn find(name: &str) -> Option<Self> {
        TARGETS.iter().find(|target| target.name == name).copied()
    }
}
