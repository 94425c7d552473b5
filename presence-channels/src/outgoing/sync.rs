//! The primitives by which the queues of outgoing frames and their flushers share state. The search
//! for lost wake-ups (`cargo xtask model`) has others, whose schedules it chooses.

#[cfg(not(all(test, shuttle)))]
pub(super) use parking_lot::{Mutex, MutexGuard};
#[cfg(not(all(test, shuttle)))]
pub(super) use std::{sync::atomic, thread_local};

#[cfg(all(test, shuttle))]
pub(super) use self::model::Mutex;
#[cfg(all(test, shuttle))]
pub(super) use shuttle::{
    sync::{MutexGuard, atomic},
    thread_local,
};

#[cfg(all(test, shuttle))]
mod model {
    use std::sync::PoisonError;

    /// A mutex without poison, as parking_lot's.
    #[derive(Default)]
    pub(in crate::outgoing) struct Mutex<T>(shuttle::sync::Mutex<T>);

    impl<T> Mutex<T> {
        pub(in crate::outgoing) fn new(value: T) -> Self {
            Self(shuttle::sync::Mutex::new(value))
        }

        pub(in crate::outgoing) fn lock(&self) -> super::MutexGuard<'_, T> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner)
        }
    }
}
