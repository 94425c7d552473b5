//! The lock of one shard, whose holds are counted.

use std::ops::{Deref, DerefMut};

use crate::replication::set::visits::HoldCount;
use crate::replication::shard::Shard;
use crate::sync::{Mutex, MutexGuard};

/// A shard behind its lock.
#[derive(Debug)]
pub(crate) struct ShardLock(Mutex<Shard>);

impl ShardLock {
    pub(super) fn new(shard: Shard) -> Self {
        Self(Mutex::new(shard))
    }

    /// Waits for the shard. A holder does one bounded piece of work.
    pub(crate) fn lock(&self) -> HeldShard<'_> {
        HeldShard::new(self.0.lock())
    }

    /// Returns the shard if nobody holds it.
    pub(super) fn try_lock(&self) -> Option<HeldShard<'_>> {
        self.0.try_lock().map(HeldShard::new)
    }
}

/// A shard whose lock is held until this is dropped.
#[derive(Debug)]
pub(crate) struct HeldShard<'a> {
    shard: MutexGuard<'a, Shard>,
    _count: HoldCount,
}

impl<'a> HeldShard<'a> {
    fn new(shard: MutexGuard<'a, Shard>) -> Self {
        Self {
            shard,
            _count: HoldCount::begin(),
        }
    }
}

impl Deref for HeldShard<'_> {
    type Target = Shard;

    fn deref(&self) -> &Shard {
        &self.shard
    }
}

impl DerefMut for HeldShard<'_> {
    fn deref_mut(&mut self) -> &mut Shard {
        &mut self.shard
    }
}
