//! The count of visited entries. Tests and benchmarks use it to check that a change visits only the
//! entries that it changes, and that no hold of a lock visits many. In other builds, counting does
//! nothing.

#[cfg(any(test, feature = "sim", feature = "fuzzing"))]
thread_local! {
    static VISITED: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
    static MOST_IN_A_HOLD: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
}

/// Counts visited entries. All code that holds entries calls it, on every way to them.
#[inline]
pub(crate) fn visit(entries: usize) {
    #[cfg(any(test, feature = "sim", feature = "fuzzing"))]
    VISITED.set(VISITED.get() + entries as u64);
    #[cfg(not(any(test, feature = "sim", feature = "fuzzing")))]
    let _ = entries;
}

/// Returns the number of entries that were visited on this thread so far.
#[cfg(any(test, feature = "sim", feature = "fuzzing"))]
pub(crate) fn visited() -> u64 {
    VISITED.get()
}

/// Counts the visits of one hold of a shard's lock, from its making to its drop.
#[derive(Debug)]
pub(crate) struct HoldCount {
    #[cfg(any(test, feature = "sim", feature = "fuzzing"))]
    before: u64,
}

impl HoldCount {
    pub(crate) fn begin() -> Self {
        Self {
            #[cfg(any(test, feature = "sim", feature = "fuzzing"))]
            before: visited(),
        }
    }
}

#[cfg(any(test, feature = "sim", feature = "fuzzing"))]
impl Drop for HoldCount {
    fn drop(&mut self) {
        let visits = visited() - self.before;
        MOST_IN_A_HOLD.set(MOST_IN_A_HOLD.get().max(visits));
    }
}

/// Returns the most entries that one hold on this thread has visited since the last call.
#[cfg(any(test, feature = "sim", feature = "fuzzing"))]
pub(crate) fn take_most_in_a_hold() -> u64 {
    MOST_IN_A_HOLD.take()
}
