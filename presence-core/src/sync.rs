//! The primitives by which the threads of a node and of its tracker share state. The search for
//! faulty orders of events (`cargo xtask model`) has others, whose schedules it chooses.

#[cfg(not(all(test, shuttle)))]
pub(crate) use parking_lot::{Mutex, MutexGuard};
#[cfg(not(all(test, shuttle)))]
pub(crate) use std::{sync::atomic, thread_local};
#[cfg(not(all(test, shuttle)))]
pub(crate) use tokio::sync::Notify;

#[cfg(all(test, shuttle))]
pub(crate) use self::model::{Mutex, Notify};
#[cfg(all(test, shuttle))]
pub(crate) use shuttle::{
    sync::{MutexGuard, atomic},
    thread_local,
};

#[cfg(all(test, shuttle))]
mod model {
    use std::sync::{PoisonError, TryLockError};

    use shuttle::sync::atomic::{AtomicBool, Ordering};
    use tokio::sync::futures::Notified;

    use super::MutexGuard;

    /// A mutex without poison, as parking_lot's.
    #[derive(Debug, Default)]
    pub(crate) struct Mutex<T>(shuttle::sync::Mutex<T>);

    impl<T> Mutex<T> {
        pub(crate) fn new(value: T) -> Self {
            Self(shuttle::sync::Mutex::new(value))
        }

        pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner)
        }

        pub(crate) fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
            match self.0.try_lock() {
                Ok(guard) => Some(guard),
                Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
                Err(TryLockError::WouldBlock) => None,
            }
        }

        pub(crate) fn get_mut(&mut self) -> &mut T {
            self.0.get_mut().unwrap_or_else(PoisonError::into_inner)
        }
    }

    /// tokio's, with a place for another thread before each call.
    #[derive(Debug)]
    pub(crate) struct Notify {
        notify: tokio::sync::Notify,
        place: AtomicBool,
    }

    impl Notify {
        pub(crate) fn new() -> Self {
            Self {
                notify: tokio::sync::Notify::new(),
                place: AtomicBool::new(false),
            }
        }

        pub(crate) fn notified(&self) -> Notified<'_> {
            self.placed().notified()
        }

        pub(crate) fn notify_one(&self) {
            self.placed().notify_one();
        }

        pub(crate) fn notify_waiters(&self) {
            self.placed().notify_waiters();
        }

        fn placed(&self) -> &tokio::sync::Notify {
            self.place.load(Ordering::SeqCst);
            &self.notify
        }
    }
}
