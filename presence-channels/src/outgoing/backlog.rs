//! The bytes that all clients of a node wait for, and the senders that wait in turn.

use std::task::{Context, Poll};

use super::{
    sync::atomic::{AtomicBool, AtomicIsize, AtomicUsize, Ordering},
    waiters::Waiters,
};

/// The broadcasts that were queued and not offered to the system yet, and the frames that wait for
/// clients that take no more. Counted a dispatch and a round of writes at a time, not a frame.
///
/// A sender whose broadcasts come faster than they can be written is made to wait, and nobody is
/// closed for what it does.
pub(crate) struct Backlog {
    /// Not offered to the system yet. Below zero for a moment, when a part was written before it
    /// was counted.
    unflushed: AtomicIsize,
    /// Offered, and refused: what slow clients hold.
    held: AtomicIsize,
    /// The clients that hold some of it.
    holders: AtomicUsize,
    max_unflushed: isize,
    max_held: isize,
    /// Senders that wait until less is unflushed.
    senders: Waiters,
    has_senders: AtomicBool,
}

impl Backlog {
    pub(super) fn new(max_unflushed: usize, max_held: usize) -> Self {
        let limit = |bytes| isize::try_from(bytes).unwrap_or(isize::MAX);
        Self {
            unflushed: AtomicIsize::new(0),
            held: AtomicIsize::new(0),
            holders: AtomicUsize::new(0),
            max_unflushed: limit(max_unflushed),
            max_held: limit(max_held),
            senders: Waiters::default(),
            has_senders: AtomicBool::new(false),
        }
    }

    /// Counts what was queued, or with a negative `bytes` what was written since. Returns whether
    /// [`wake_senders`](Self::wake_senders) is to be called.
    #[must_use]
    pub(super) fn add(&self, bytes: isize) -> bool {
        if bytes != 0 {
            self.unflushed.fetch_add(bytes, Ordering::SeqCst);
        }
        self.has_senders.load(Ordering::SeqCst) && self.is_calm()
    }

    /// Wakes some of the senders that wait, if they may go on. Returns whether it is to be called
    /// again, once those have had their turn. It need not be while too much is unflushed: what
    /// remains is written, and [`add`](Self::add) tells of that.
    #[must_use]
    pub(super) fn wake_senders(&self) -> bool {
        if !self.has_senders.load(Ordering::SeqCst) || !self.is_calm() {
            return false;
        }
        // First: a sender that comes meanwhile sets it again.
        self.has_senders.store(false, Ordering::SeqCst);
        let has_more = self.senders.wake_portion();
        if has_more {
            self.has_senders.store(true, Ordering::SeqCst);
        }
        has_more
    }

    /// Counts the bytes that wait for a client that takes no more, of which `before` are counted.
    pub(crate) fn hold(&self, before: usize, bytes: usize) {
        match (before, bytes) {
            (0, 1..) => _ = self.holders.fetch_add(1, Ordering::Relaxed),
            (1.., 0) => _ = self.holders.fetch_sub(1, Ordering::Relaxed),
            _ => {}
        }
        let change = bytes as isize - before as isize;
        self.held.fetch_add(change, Ordering::Relaxed);
    }

    #[cfg(all(test, shuttle))]
    pub(super) fn unflushed(&self) -> isize {
        self.unflushed.load(Ordering::SeqCst)
    }

    /// Returns whether senders should wait, with `more` bytes that are not counted yet.
    pub(super) fn is_high(&self, more: usize) -> bool {
        self.unflushed_with(more) > self.max_unflushed
    }

    /// Returns whether twice the limit is unflushed. A sender that does not wait must then write by
    /// itself.
    pub(super) fn is_overdrawn(&self, more: usize) -> bool {
        self.unflushed_with(more) > self.max_unflushed.saturating_mul(2)
    }

    fn unflushed_with(&self, more: usize) -> isize {
        let unflushed = self.unflushed.load(Ordering::SeqCst);
        unflushed.saturating_add(more as isize)
    }

    fn is_calm(&self) -> bool {
        self.unflushed.load(Ordering::SeqCst) <= self.max_unflushed / 2
    }

    /// Ready when senders need not wait. `more` bytes are not counted yet.
    pub(super) fn poll_calm(&self, cx: &mut Context<'_>, more: usize) -> Poll<()> {
        if !self.is_high(more) {
            return Poll::Ready(());
        }
        self.senders.add(cx.waker());
        self.has_senders.store(true, Ordering::SeqCst);
        // Written meanwhile, perhaps, by who saw no sender.
        if more == 0 && !self.is_high(0) {
            return Poll::Ready(());
        }
        Poll::Pending
    }

    /// Returns the bytes that one client may leave unread, if the budget for all of them is spent.
    /// Clients that leave nothing unread need no share.
    pub(crate) fn share_if_spent(&self) -> Option<usize> {
        self.share_beyond(self.max_held)
    }

    /// As [`share_if_spent`](Self::share_if_spent), of four fifths of the budget. The last fifth is
    /// for clients that catch up soon.
    pub(super) fn share_if_scarce(&self) -> Option<usize> {
        self.share_beyond(self.max_held / 5 * 4)
    }

    fn share_beyond(&self, limit: isize) -> Option<usize> {
        let held = self.held.load(Ordering::Relaxed);
        (held > limit).then(|| {
            let holders = self.holders.load(Ordering::Relaxed).max(1);
            limit.unsigned_abs() / holders
        })
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::{
            Arc,
            atomic::{AtomicUsize, Ordering},
        },
        task::{Wake, Waker},
    };

    use super::*;

    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn senders_wait_above_the_limit_and_are_woken_at_half_of_it() {
        let backlog = Backlog::new(100, 1000);
        let count = Arc::new(Count(AtomicUsize::new(0)));
        let waker = Waker::from(count.clone());
        let mut cx = Context::from_waker(&waker);
        assert!(!backlog.add(100));
        assert!(backlog.poll_calm(&mut cx, 0).is_ready());
        assert!(backlog.poll_calm(&mut cx, 1).is_pending());
        assert!(!backlog.add(1));
        assert!(backlog.poll_calm(&mut cx, 0).is_pending());
        assert!(!backlog.add(-50) && !backlog.wake_senders());
        assert_eq!(count.0.load(Ordering::Relaxed), 0);
        assert!(backlog.add(-1) && !backlog.wake_senders());
        assert_eq!(count.0.load(Ordering::Relaxed), 1);
        assert!(backlog.poll_calm(&mut cx, 0).is_ready());
    }

    #[test]
    fn the_budget_is_shared_once_it_is_spent() {
        let backlog = Backlog::new(100, 1000);
        for _ in 0..4 {
            backlog.hold(0, 250);
        }
        assert_eq!(backlog.share_if_spent(), None);
        backlog.hold(250, 251);
        assert_eq!(backlog.share_if_spent(), Some(250));
        backlog.hold(250, 0);
        assert_eq!(backlog.share_if_spent(), None);
        backlog.hold(251, 800);
        assert_eq!(backlog.share_if_spent(), Some(333));
    }

    #[test]
    fn four_fifths_of_the_budget_are_shared_before_it_is_spent() {
        let backlog = Backlog::new(100, 1000);
        backlog.hold(0, 400);
        backlog.hold(0, 400);
        assert_eq!(backlog.share_if_scarce(), None);
        backlog.hold(400, 401);
        assert_eq!(backlog.share_if_scarce(), Some(400));
        assert_eq!(backlog.share_if_spent(), None);
    }

    #[test]
    fn twice_the_limit_is_overdrawn() {
        let backlog = Backlog::new(100, 1000);
        assert!(!backlog.is_overdrawn(200) && backlog.is_overdrawn(201));
        // Another has sent most of it, and this sender little.
        let _ = backlog.add(150);
        assert!(!backlog.is_overdrawn(50) && backlog.is_overdrawn(51));
    }
}
