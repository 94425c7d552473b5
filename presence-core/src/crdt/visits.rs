//! How many entries are looked at: counted in tests, for that a change costs what it changes is a
//! promise, and nothing at all elsewhere.

#[cfg(test)]
thread_local! {
    static VISITED: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
}

/// So many entries are looked at. Every place that holds entries says so, of every way to them.
#[inline]
pub(crate) fn visit(entries: usize) {
    #[cfg(test)]
    VISITED.set(VISITED.get() + entries as u64);
    #[cfg(not(test))]
    let _ = entries;
}

/// How many were looked at in this thread so far.
#[cfg(test)]
pub(crate) fn visited() -> u64 {
    VISITED.get()
}
