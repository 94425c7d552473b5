//! The primitives that the queue of outgoing frames and its flushers share state by. The search for
//! lost wake-ups (`cargo xtask model`) has its own, whose schedules it chooses.

#[cfg(not(shuttle))]
pub(super) use std::sync::atomic;

#[cfg(not(shuttle))]
pub(super) use parking_lot::{Mutex, MutexGuard};

#[cfg(shuttle)]
pub(super) use shuttle::sync::{MutexGuard, atomic};

/// A mutex as parking_lot's: without poison.
#[cfg(shuttle)]
#[derive(Default)]
pub(super) struct Mutex<T>(shuttle::sync::Mutex<T>);

#[cfg(shuttle)]
impl<T> Mutex<T> {
    pub(super) fn new(value: T) -> Self {
        Self(shuttle::sync::Mutex::new(value))
    }

    pub(super) fn lock(&self) -> shuttle::sync::MutexGuard<'_, T> {
        self.0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
