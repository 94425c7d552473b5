//! Measuring and limiting the memory that a parser takes.

use std::sync::atomic::{AtomicU64, Ordering};

/// The most bytes that a parser has held at once so far.
static PEAK: AtomicU64 = AtomicU64::new(0);

/// Runs `parse`, which may hold up to `most` bytes at once, its result included. Prints each new
/// peak to standard error, where `cargo xtask fuzz` reads it.
///
/// # Panics
///
/// Panics if `parse` holds more.
pub fn bounded<T>(most: usize, parse: impl FnOnce() -> T) -> T {
    let mut result = None;
    let held = allocation_counter::measure(|| result = Some(parse())).bytes_max;
    assert!(
        held <= most as u64,
        "{held} bytes were held, more than {most}"
    );
    if PEAK.fetch_max(held, Ordering::Relaxed) < held {
        #[expect(clippy::print_stderr, reason = "libFuzzer reports there too")]
        {
            eprintln!("peak allocation: {held}");
        }
    }
    result.expect("it was run")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_is_counted_and_what_was_given_back_is_not() {
        let twice = || {
            drop(vec![0_u8; 1000]);
            vec![0_u8; 1000]
        };
        assert_eq!(bounded(1000, twice).len(), 1000);
        let over = std::panic::catch_unwind(|| bounded(999, twice));
        assert!(over.is_err());
    }
}
