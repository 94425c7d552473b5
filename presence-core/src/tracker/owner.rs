//! Whose presences end when it ends.

use std::fmt;
use std::num::NonZeroU64;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;

use super::Pool;
use crate::crdt::OwnerId;

/// What presences belong to: a channel, a connection, a job.
///
/// When its last clone is dropped, all it tracked is untracked, in every tracker, before the drop
/// returns. So an owner that a task holds ends with the task, whether it returns, panics or is
/// aborted. It takes the place of the pid in `Phoenix.Presence.track/4`.
///
/// Cheap to make and to clone; one that tracks nothing is a few words.
#[derive(Clone)]
pub struct Owner(Arc<Life>);

struct Life {
    id: OwnerId,
    /// The trackers it has tracked in: those it has to tell of its end. Nearly always one, or none.
    ///
    /// The lock is held through a change of the owner's presences, which keeps the counts true.
    holdings: Mutex<Vec<Holding>>,
}

/// What an owner has in one tracker.
#[derive(Debug)]
pub(super) struct Holding {
    /// Weak: an owner that outlives a tracker must not keep its presences.
    pool: Weak<Pool>,
    /// How many presences, for the limit, and to tell no tracker in vain.
    pub(super) presences: usize,
}

impl Owner {
    /// An owner that tracks nothing yet.
    pub fn new() -> Self {
        // Numbers are unique in the process: an owner may track in any tracker of it.
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let number = NonZeroU64::new(NEXT.fetch_add(1, Ordering::Relaxed));
        Self(Arc::new(Life {
            id: OwnerId::new(number.unwrap_or(NonZeroU64::MAX)),
            holdings: Mutex::new(Vec::new()),
        }))
    }

    pub(super) fn id(&self) -> OwnerId {
        self.0.id
    }

    /// Runs a change of what the owner has in `pool`, alone.
    pub(super) fn with<T>(&self, pool: &Arc<Pool>, change: impl FnOnce(&mut Holding) -> T) -> T {
        let mut holdings = self.0.holdings.lock();
        let known = holdings
            .iter()
            .position(|holding| holding.pool.as_ptr() == Arc::as_ptr(pool));
        let place = known.unwrap_or_else(|| {
            holdings.retain(|holding| holding.pool.strong_count() > 0);
            // One is what nearly all have; a vector would take room for four.
            holdings.reserve_exact(1);
            holdings.push(Holding {
                pool: Arc::downgrade(pool),
                presences: 0,
            });
            holdings.len() - 1
        });
        change(&mut holdings[place])
    }
}

impl Default for Owner {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        for holding in self.holdings.get_mut() {
            if holding.presences > 0
                && let Some(pool) = holding.pool.upgrade()
            {
                pool.owner_gone(self.id);
            }
        }
    }
}

impl fmt::Debug for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Owner").field(&self.0.id).finish()
    }
}

/// What can be tracked as it stands: something with an owner, on a topic. A channel's socket is.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be tracked: it has no owner and no topic",
    note = "in a channel, pass its socket",
    note = "elsewhere, make an `Owner` and use `track_as(&owner, topic, key, meta)`"
)]
pub trait Tracked {
    /// Whose presences they are.
    fn owner(&self) -> &Owner;
    /// Where they are seen.
    fn topic(&self) -> &str;
}

#[cfg(test)]
mod tests {
    use super::*;

    // One exists for every joined channel, most of which never track.
    #[test]
    #[cfg(target_pointer_width = "64")]
    fn an_idle_owner_is_tiny() {
        assert_eq!(size_of::<Owner>(), 8);
        assert!(size_of::<Life>() <= 40);
    }

    #[test]
    fn owners_are_told_apart() {
        let owner = Owner::new();
        let clone = owner.clone();
        assert_eq!(owner.id(), clone.id());
        assert_ne!(owner.id(), Owner::new().id());
    }
}
