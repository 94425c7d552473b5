//! Tasks that wait until a condition changes.

use std::task::Waker;

use super::sync::Mutex;

/// The wakers of tasks that look again when they are woken. Whoever waits first adds its waker, and
/// looks after that, so that no change falls between the two.
#[derive(Default)]
pub(super) struct Waiters {
    wakers: Mutex<Vec<Waker>>,
}

impl Waiters {
    pub(super) fn add(&self, waker: &Waker) {
        let mut wakers = self.wakers.lock();
        if !wakers.iter().any(|known| known.will_wake(waker)) {
            wakers.push(waker.clone());
        }
    }

    pub(super) fn wake_all(&self) {
        let wakers = std::mem::take(&mut *self.wakers.lock());
        wakers.into_iter().for_each(Waker::wake);
    }
}
