//! The primitives by which the threads of a node share state. The search for faulty orders of
//! events (`cargo xtask model`) has others, whose schedules it chooses.

#[cfg(not(all(test, shuttle)))]
pub(crate) use parking_lot::{Mutex, MutexGuard};
#[cfg(not(all(test, shuttle)))]
pub(crate) use std::sync::atomic;

#[cfg(all(test, shuttle))]
pub(crate) use self::model::Mutex;
#[cfg(all(test, shuttle))]
pub(crate) use shuttle::sync::{MutexGuard, atomic};

#[cfg(all(test, shuttle))]
mod model {
    use std::sync::{PoisonError, TryLockError};

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
    }
}
