//! The wakers of tasks that wait for the same thing.

use std::{
    collections::{HashSet, VecDeque},
    mem,
    task::Waker,
};

use crate::guard::call_guarded;

/// The number of tasks that one portion wakes. Most of a large crowd would only find that the first
/// few have used up what there was, and wait again.
pub(crate) const PORTION: usize = if cfg!(all(test, shuttle)) { 1 } else { 16 };

/// The wakers of tasks, in the order in which they came. A task that looks often waits once.
///
/// No operation visits the others, so a crowd of any size may wait.
#[derive(Default)]
pub(crate) struct Wakers {
    queue: VecDeque<Waker>,
    /// The identities of the wakers.
    known: HashSet<Identity>,
}

/// The address of a waker's data and of its functions, which [`Waker::will_wake`] compares.
type Identity = (usize, usize);

fn identity(waker: &Waker) -> Identity {
    let vtable: *const _ = waker.vtable();
    (waker.data().addr(), vtable.addr())
}

/// Wakes a task, by a waker that may be the app's. One that panics keeps no other from its turn.
pub(crate) fn wake(waker: Waker) {
    if let Err(panic) = call_guarded(|| waker.wake()) {
        tracing::error!(panic, "the waker of a task panicked");
    }
}

impl Wakers {
    pub(crate) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Returns whether the waker is one of these. Calls nothing of the waker's own.
    pub(crate) fn has(&self, waker: &Waker) -> bool {
        self.known.contains(&identity(waker))
    }

    pub(crate) fn add(&mut self, waker: &Waker) {
        if !self.has(waker) {
            drop(self.put(waker.clone()));
        }
    }

    /// Adds a waker that was cloned without a lock. Returns the clone if it is not needed, to be
    /// dropped without a lock.
    pub(crate) fn put(&mut self, waker: Waker) -> Option<Waker> {
        // Its own identity: a clone may have other data, and only the clone stays.
        if !self.known.insert(identity(&waker)) {
            return Some(waker);
        }
        self.queue.push_back(waker);
        None
    }

    /// Removes and returns those that have waited longest, a [`PORTION`] of them. They are to be
    /// woken without a lock.
    pub(crate) fn take_portion(&mut self) -> VecDeque<Waker> {
        if self.queue.len() <= PORTION {
            return self.take_all();
        }
        let portion: VecDeque<_> = self.queue.drain(..PORTION).collect();
        for waker in &portion {
            self.known.remove(&identity(waker));
        }
        portion
    }

    /// Wakes all, in order. To be called without a lock, because a waker may be of any kind.
    pub(crate) fn wake(self) {
        self.queue.into_iter().for_each(wake);
    }

    /// Removes and returns all. A crowd leaves no memory behind.
    pub(crate) fn take_all(&mut self) -> VecDeque<Waker> {
        mem::take(self).queue
    }
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use std::{
        sync::{
            Arc,
            atomic::{AtomicUsize, Ordering},
        },
        task::Wake,
    };

    use super::*;

    /// The waker of an app that panics, or counts.
    struct Own {
        panics: bool,
        woken: Arc<AtomicUsize>,
    }

    impl Wake for Own {
        fn wake(self: Arc<Self>) {
            assert!(!self.panics, "asked to");
            self.woken.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn a_waker_that_panics_keeps_no_other_from_its_turn() {
        let woken = Arc::new(AtomicUsize::new(0));
        let mut wakers = Wakers::default();
        for panics in [false, true, false] {
            let woken = woken.clone();
            wakers.add(&Arc::new(Own { panics, woken }).into());
        }
        wakers.wake();
        assert_eq!(woken.load(Ordering::Relaxed), 2);
    }
}
