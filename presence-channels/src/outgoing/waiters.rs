//! Tasks that wait until a condition changes.

use std::task::Waker;

use super::sync::Mutex;
use crate::wakers::{self, Wakers};

/// The wakers of tasks that look again when they are woken, in the order in which they came.
/// Whoever waits first adds its waker, and looks after that, so that no change falls between the
/// two.
///
/// A task that no longer waits is woken all the same. So no task may rely on another that was woken
/// before it: who wakes a portion sees to the next one.
#[derive(Default)]
pub(super) struct Waiters {
    wakers: Mutex<Wakers>,
}

impl Waiters {
    pub(super) fn add(&self, waker: &Waker) {
        self.wakers.lock().add(waker);
    }

    /// Wakes the tasks that have waited longest, a [`PORTION`](crate::wakers::PORTION) of them.
    /// Returns whether others wait.
    pub(super) fn wake_portion(&self) -> bool {
        let mut wakers = self.wakers.lock();
        let portion = wakers.take_portion();
        let has_more = !wakers.is_empty();
        drop(wakers);
        portion.into_iter().for_each(wakers::wake);
        has_more
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::{
            Arc,
            atomic::{AtomicUsize, Ordering},
        },
        task::Wake,
    };

    use super::*;
    use crate::wakers::PORTION;

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn a_portion_is_woken_in_order_and_each_task_once() {
        let waiters = Waiters::default();
        let tasks: Vec<_> = (0..2 * PORTION + 1)
            .map(|_| Arc::<Count>::default())
            .collect();
        for _ in 0..3 {
            for task in &tasks {
                waiters.add(&task.clone().into());
            }
        }
        let woken = || {
            let counts = tasks.iter().map(|task| task.0.load(Ordering::Relaxed));
            counts.collect::<Vec<_>>()
        };
        assert!(waiters.wake_portion());
        assert_eq!(
            woken(),
            [[1; PORTION].as_slice(), &[0; PORTION + 1]].concat()
        );
        // A task that was woken may wait again, behind the others.
        waiters.add(&tasks[0].clone().into());
        assert!(waiters.wake_portion());
        assert_eq!(woken(), [[1; 2 * PORTION].as_slice(), &[0]].concat());
        assert!(!waiters.wake_portion());
        assert_eq!((woken()[0], woken()[2 * PORTION]), (2, 1));
        assert!(!waiters.wake_portion());
        assert_eq!(woken().iter().sum::<usize>(), 2 * PORTION + 2);
    }
}
