//! The roll: the nodes that one node sees, and which of them is responsible for a topic.
//!
//! The choice is rendezvous hashing. Each node has a score for the topic, and the highest score
//! wins. So a node that comes takes topics from all others alike, and no other topic moves.

use std::sync::Arc;
use std::time::Duration;

use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use super::Membership;
use super::peer::{Peer, Standing};
use crate::replication::set::Origin;

/// The time after its start in which a node fetches what older nodes hold. Until then it does not
/// [count](Seat::counts_from) if an older node is up.
pub(crate) const NEWNESS: Duration = Duration::from_secs(10);

/// A node that is up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seat {
    /// The node.
    pub(crate) origin: Arc<Origin>,
    /// The time from which on the node runs what is run once per cluster.
    pub(crate) counts_from: Duration,
    /// The time until which the presences of the node come back: the node is up again, and had
    /// presences before.
    pub(crate) returns_until: Duration,
}

/// The nodes that one node sees. All times are by the clock of that node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Roll {
    /// This node.
    pub(crate) me: Arc<Origin>,
    /// The nodes that are up. This node is among them unless it has left and others are up.
    pub(crate) up: Vec<Seat>,
    /// The nodes that left in order.
    pub(crate) left: Vec<Origin>,
}

impl Membership {
    /// Returns the nodes that this node sees now.
    pub(crate) fn roll(&self) -> Roll {
        let is_up = |peer: &&Peer| !matches!(peer.standing, Standing::Down { .. });
        let peers = self.peers.values().filter(is_up);
        let peers = peers.map(|peer| (&peer.origin, peer.up_since));
        let me = (&self.me, self.since);
        // Without another node, nobody takes over from this one.
        let me = std::iter::once(me).filter(|_| !self.left || !self.has_peers());
        let up: Vec<_> = me.chain(peers).collect();
        let starts = up.iter().map(|(origin, _)| self.start_of(origin));
        let oldest = starts.min().unwrap_or_default();
        let seat = |(origin, up_since): (&Arc<Origin>, Duration)| {
            let start = self.start_of(origin);
            // A node with a clock that is ahead counts a while after it was seen.
            let later = later(start).min(up_since + NEWNESS);
            // Nodes that start together count at once.
            let is_new = start > oldest + NEWNESS.as_millis() as i64;
            let was_away = *origin != self.me && later < up_since;
            Seat {
                origin: Arc::clone(origin),
                counts_from: if is_new { later } else { Duration::ZERO },
                returns_until: match was_away {
                    true => up_since + NEWNESS,
                    false => Duration::ZERO,
                },
            }
        };
        Roll {
            me: Arc::clone(&self.me),
            up: up.into_iter().map(seat).collect(),
            left: self.tombs.left_in_order().collect(),
        }
    }

    /// Returns whether another node is up.
    pub(super) fn has_peers(&self) -> bool {
        let is_up = |peer: &Peer| !matches!(peer.standing, Standing::Down { .. });
        self.peers.values().any(is_up)
    }

    /// Returns the start of a node in milliseconds by this node's clock, which it is before for a
    /// node that started earlier.
    fn start_of(&self, origin: &Origin) -> i64 {
        let ahead = origin.incarnation.started_ms as i64 - self.started_ms as i64;
        ahead.saturating_add(self.since.as_millis() as i64)
    }
}

/// Returns the time at which a node with this start is no longer new.
fn later(start: i64) -> Duration {
    let end = start.saturating_add(NEWNESS.as_millis() as i64);
    Duration::from_millis(end.max(0) as u64)
}

impl Roll {
    /// Returns the node that is responsible for a topic: the one that rendezvous hashing names
    /// among those that are up.
    pub(crate) fn responsible(&self, topic: &str) -> &Arc<Origin> {
        self.choose(topic, |_| true).unwrap_or(&self.me)
    }

    /// Returns the node that runs a callback for a change of a topic at a time: the responsible one
    /// of the nodes that count then. `of` is the node whose presence changed.
    ///
    /// The presences of a node that returns are a change only to those that stayed, so they choose
    /// among themselves.
    pub(crate) fn runner(&self, topic: &str, of: &Origin, at: Duration) -> &Arc<Origin> {
        let counts = |seat: &Seat| seat.counts_from <= at;
        let returns = |seat: &Seat| at < seat.returns_until;
        let may = self.seat(of).is_none_or(|seat| !returns(seat));
        self.choose(topic, |seat| counts(seat) && (may || !returns(seat)))
            .or_else(|| self.choose(topic, counts))
            .unwrap_or_else(|| self.responsible(topic))
    }

    /// Returns whether this node is too new to run callbacks.
    pub(crate) fn is_new(&self, now: Duration) -> bool {
        self.seat(&self.me).is_some_and(|me| me.counts_from > now)
    }

    /// Returns the seat of a node that is up.
    pub(crate) fn seat(&self, origin: &Origin) -> Option<&Seat> {
        self.up.iter().find(|seat| *seat.origin == *origin)
    }

    fn choose(&self, topic: &str, may: impl Fn(&Seat) -> bool) -> Option<&Arc<Origin>> {
        let seats = self.up.iter().filter(|seat| may(seat));
        let origins = seats.map(|seat| &seat.origin);
        origins.max_by_key(|origin| {
            let name = origin.name.as_str();
            (score(topic, name), name)
        })
    }
}

/// Returns a node's score for a topic, the same in every version and on every platform.
fn score(topic: &str, name: &str) -> u64 {
    xxh3_64_with_seed(topic.as_bytes(), xxh3_64(name.as_bytes()))
}

#[cfg(test)]
mod tests;
