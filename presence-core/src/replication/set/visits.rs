//! The count of visited entries. Tests use it to check that a change visits only the entries that
//! it changes. In other builds, counting does nothing.

#[cfg(test)]
thread_local! {
    static VISITED: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
}

/// Counts visited entries. All code that holds entries calls it, on every way to them.
#[inline]
pub(crate) fn visit(entries: usize) {
    #[cfg(test)]
    VISITED.set(VISITED.get() + entries as u64);
    #[cfg(not(test))]
    let _ = entries;
}

/// Returns the number of entries that were visited on this thread so far.
#[cfg(test)]
pub(crate) fn visited() -> u64 {
    VISITED.get()
}
