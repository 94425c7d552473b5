//! The work of a tracker that is under way, for those who wait until all of it has ended.

use crate::sync::Notify;
use crate::sync::atomic::{AtomicUsize, Ordering};

/// The counts of the work under way.
#[derive(Debug)]
pub(super) struct WorkUnderWay {
    /// Diffs that are not dispatched, lists that are not fetched, and callbacks that are due.
    calls: AtomicUsize,
    /// Changes whose diffs are not among `calls` yet. Another thread's change may wait in its shard
    /// for such a diff, and then nothing else is under way for it.
    changes: AtomicUsize,
    waiters: AtomicUsize,
    /// Wakes the waiters.
    settled: Notify,
}

/// A change, or a waiter, that counts until it is dropped.
#[derive(Debug)]
pub(super) struct Counted<'a> {
    count: &'a AtomicUsize,
    at_zero: Option<&'a WorkUnderWay>,
}

impl WorkUnderWay {
    pub(super) fn new() -> Self {
        Self {
            calls: AtomicUsize::new(0),
            changes: AtomicUsize::new(0),
            waiters: AtomicUsize::new(0),
            settled: Notify::new(),
        }
    }

    /// Counts a call until [`WorkUnderWay::call_ends`].
    pub(super) fn call_begins(&self) {
        self.calls.fetch_add(1, Ordering::AcqRel);
    }

    pub(super) fn call_ends(&self) {
        if self.calls.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.settled.notify_waiters();
        }
    }

    /// Counts a change until the returned value is dropped. To be called before the change takes a
    /// lock, and to be dropped when its diffs are counted as calls.
    pub(super) fn change(&self) -> Counted<'_> {
        Counted::new(&self.changes, Some(self))
    }

    /// Waits until nothing is under way.
    pub(super) async fn settled(&self) {
        let _waiter = Counted::new(&self.waiters, None);
        loop {
            let settled = self.settled.notified();
            tokio::pin!(settled);
            // Registered before the look, else an end in between wakes nobody.
            settled.as_mut().enable();
            // In this order: the diffs of a change that has just ended are among the calls.
            let is_changing = self.changes.load(Ordering::SeqCst) > 0;
            if !is_changing && self.calls.load(Ordering::Acquire) == 0 {
                return;
            }
            settled.await;
        }
    }
}

impl<'a> Counted<'a> {
    fn new(count: &'a AtomicUsize, at_zero: Option<&'a WorkUnderWay>) -> Self {
        count.fetch_add(1, Ordering::SeqCst);
        Self { count, at_zero }
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        let is_last = self.count.fetch_sub(1, Ordering::SeqCst) == 1;
        // Each change ends here: only those who are waited for pay for a wake-up. A waiter counts
        // itself before it looks at the changes.
        if is_last
            && let Some(work) = self.at_zero
            && work.waiters.load(Ordering::SeqCst) > 0
        {
            work.settled.notify_waiters();
        }
    }
}
