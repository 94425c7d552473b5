//! The owners of presences: the end of an owner ends its presences.

use std::fmt;
use std::num::NonZeroU64;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use super::{Disconnect, DisconnectGrace, Host};
use crate::replication::set::OwnerId;
use crate::sync::Mutex;

/// The owner of presences: a channel, a connection, a job.
///
/// The drop of its last clone untracks all its presences, in every tracker, before the drop
/// returns. So an owner that a task holds ends with the task, whether the task returns, panics or
/// is aborted. It takes the place of the pid in `Phoenix.Presence.track/4`.
///
/// Cheap to make and to clone. An owner without presences takes a few words of memory.
#[derive(Clone)]
pub struct Owner(Arc<Life>);

struct Life {
    id: OwnerId,
    /// The trackers that have presences of this owner, and need to know its end. Nearly always zero
    /// or one.
    ///
    /// The lock is held through a change of the owner's presences, which keeps the counts true.
    holdings: Mutex<Vec<Holding>>,
}

/// The presences of an owner in one tracker.
#[derive(Debug)]
pub(super) struct Holding {
    /// Weak: an owner that outlives a tracker must not keep its presences.
    host: Weak<Host>,
    /// The number of presences, for the limit. A tracker with zero is not called at the owner's
    /// end.
    pub(super) presences: usize,
}

impl Owner {
    /// Creates an owner without presences.
    pub fn new() -> Self {
        // Numbers are unique in the process: an owner may track in any tracker of it.
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let number = NonZeroU64::new(NEXT.fetch_add(1, Ordering::Relaxed));
        Self(Arc::new(Life {
            id: OwnerId::new(number.unwrap_or(NonZeroU64::MAX)),
            holdings: Mutex::new(Vec::new()),
        }))
    }

    /// Ends the owner's presences in every tracker, because its connection ended. Those that have a
    /// [grace](DisconnectGrace) stay for it, and belong to nobody then. The owner can track again.
    ///
    /// `grace` takes the place of the grace of each tracker's
    /// [options](super::TrackerOptions::disconnect_grace), if it is given. Without any grace, this
    /// does as [`Tracker::untrack_all`](super::Tracker::untrack_all), and so does the drop of an
    /// owner.
    ///
    /// A channel of presence-channels does this by itself.
    ///
    /// # Examples
    ///
    /// ```
    /// # use presence_core::{Owner, Presence, PubSub, Tracker, tracker::Disconnect};
    /// # use std::time::Duration;
    /// # struct Users;
    /// # impl Presence for Users { const NAME: &str = "docs.users"; }
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let tracker = Tracker::start(&PubSub::local(), Users);
    /// let phone = Owner::new();
    /// tracker.track_as(&phone, "room:1", "ann", serde_json::json!({})).await?;
    ///
    /// phone.disconnect(Disconnect::Lost, Some(Duration::from_secs(15).into()));
    /// assert_eq!(tracker.count("room:1"), 1);
    /// # tokio::time::sleep(Duration::from_secs(16)).await;
    /// # assert_eq!(tracker.count("room:1"), 0);
    /// # Ok(())
    /// # }
    /// ```
    pub fn disconnect(&self, end: Disconnect, grace: Option<DisconnectGrace>) {
        let holdings = self.0.holdings.lock();
        let tracking = holdings.iter().filter(|holding| holding.presences > 0);
        let hosts: Vec<_> = tracking
            .filter_map(|holding| holding.host.upgrade())
            .collect();
        drop(holdings);
        for host in hosts {
            let grace = grace.unwrap_or(host.disconnect_grace).after(end);
            host.and_then_carry_out(|effects| {
                self.with(&host, |holding| {
                    match grace {
                        Some(time) => host.owner_lost(self.id(), time, effects),
                        None => host.owner_gone(self.id(), effects),
                    }
                    holding.presences = 0;
                });
            });
        }
    }

    /// Returns whether a presence of this owner would stay if its connection were lost now.
    /// `grace` means the same as in [`disconnect`](Self::disconnect).
    ///
    /// # Examples
    ///
    /// ```
    /// assert!(!presence_core::Owner::new().has_grace(None));
    /// ```
    pub fn has_grace(&self, grace: Option<DisconnectGrace>) -> bool {
        let holdings = self.0.holdings.lock();
        let mut tracking = holdings.iter().filter(|holding| holding.presences > 0);
        tracking.any(|holding| {
            let host = holding.host.upgrade();
            let grace = grace.or_else(|| host.map(|host| host.disconnect_grace));
            grace.is_some_and(|grace| grace.after(Disconnect::Lost).is_some())
        })
    }

    pub(super) fn id(&self) -> OwnerId {
        self.0.id
    }

    /// Returns whether a change of the owner's presences runs now.
    #[cfg(test)]
    pub(super) fn is_locked(&self) -> bool {
        self.0.holdings.try_lock().is_none()
    }

    /// Runs a change of the owner's presences in `host`, alone. The effects of the change are
    /// carried out after it, without this lock: an adapter may take its time.
    pub(super) fn with<T>(&self, host: &Arc<Host>, change: impl FnOnce(&mut Holding) -> T) -> T {
        let mut holdings = self.0.holdings.lock();
        let known = holdings
            .iter()
            .position(|holding| holding.host.as_ptr() == Arc::as_ptr(host));
        let place = known.unwrap_or_else(|| {
            holdings.retain(|holding| holding.host.strong_count() > 0);
            // Nearly all owners have one; a vector would take room for four.
            holdings.reserve_exact(1);
            holdings.push(Holding {
                host: Arc::downgrade(host),
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
                && let Some(host) = holding.host.upgrade()
            {
                host.and_then_carry_out(|effects| host.owner_gone(self.id, effects));
            }
        }
    }
}

impl fmt::Debug for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Owner").field(&self.0.id).finish()
    }
}

/// A value with an owner and a topic, which can be tracked directly: a channel's socket.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be tracked: it has no owner and no topic",
    note = "in a channel, pass its socket",
    note = "elsewhere, make an `Owner` and use `track_as(&owner, topic, key, meta)`"
)]
pub trait Tracked {
    /// Returns the owner of the presences.
    fn owner(&self) -> &Owner;
    /// Returns the topic of the presences.
    fn topic(&self) -> &str;
}

#[cfg(test)]
mod tests {
    use super::*;

    // Every joined channel has an owner, and most of them never track.
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
