//! The heartbeat of a node.

use std::time::Duration;

use xxhash_rust::xxh3::Xxh3Default;

use super::{Node, NodeEffect};
use crate::replication::message::{Body, Heartbeat};
use crate::replication::set::{Clock, Incarnation, Origin, ReplicaName};
use crate::sync::atomic::Ordering;

/// The state of one shard that a heartbeat carries.
#[derive(Clone, Debug)]
pub(super) struct Beats(Vec<Beat>);

#[derive(Clone, Copy, Debug)]
struct Beat {
    /// Under which incarnation.
    incarnation: Incarnation,
    /// The clock of this node's replica.
    clock: Clock,
    /// The hash of its own replica.
    check: u64,
    /// The hash of all that the shard shows.
    digest: u64,
}

impl Beats {
    pub(super) fn new(shards: usize, origin: &Origin) -> Self {
        let beat = Beat {
            incarnation: origin.incarnation,
            clock: Clock::ZERO,
            check: 0,
            digest: 0,
        };
        Self(vec![beat; shards])
    }
}

impl Node {
    /// Says that this node is there, if that is due. Waits for no shard.
    ///
    /// [`tick`](Self::tick) does it too. A driver whose ticks may be late calls it from somewhere
    /// else as well.
    pub(crate) fn beat(&self, now: Duration, out: &mut Vec<NodeEffect>) {
        if !self.clustered || !self.membership.lock().beat(now) {
            return;
        }
        if let Some((incarnation, body)) = self.heartbeat() {
            self.speak_as(incarnation, &body, |bytes| {
                out.push(NodeEffect::Broadcast(body.class(), bytes));
            });
        }
        // Comparisons happen under the order lock; a heartbeat does not wait for it.
        self.compare.store(true, Ordering::Relaxed);
    }

    /// When [`beat`](Self::beat) is due.
    #[must_use]
    pub(crate) fn next_beat(&self) -> Option<Duration> {
        let membership = self.membership.lock();
        (self.clustered && !membership.has_left()).then(|| membership.next_beat())
    }

    /// A heartbeat to one node alone.
    pub(super) fn greet(&self, to: ReplicaName, out: &mut Vec<NodeEffect>) {
        if let Some((incarnation, body)) = self.heartbeat() {
            self.speak_as(incarnation, &body, |bytes| {
                out.push(NodeEffect::Direct(to, body.class(), bytes));
            });
        }
    }

    /// Returns a heartbeat, and the incarnation whose clocks are in it: none if this node goes on
    /// under another one just now.
    fn heartbeat(&self) -> Option<(Incarnation, Body<'static>)> {
        let incarnation = self.membership.lock().me().incarnation;
        let beats = self.look();
        let current = beats.iter().all(|beat| beat.incarnation == incarnation);
        current.then(|| {
            let heartbeat = Heartbeat {
                clocks: beats.iter().map(|beat| beat.clock).collect(),
                check: together(beats.iter().map(|beat| beat.check)),
                digest: together(beats.iter().map(|beat| beat.digest)),
            };
            (incarnation, Body::Heartbeat(heartbeat))
        })
    }

    /// All that this node shows, as a number.
    pub(super) fn digest(&self) -> u64 {
        together(self.look().iter().map(|beat| beat.digest))
    }

    /// Looks at the shards that are free now.
    fn look(&self) -> Vec<Beat> {
        let mut beats = self.beats.lock();
        for (beat, shard) in beats.0.iter_mut().zip(&self.shards) {
            if let Some(shard) = shard.try_lock() {
                *beat = Beat {
                    incarnation: shard.replica().origin().incarnation,
                    clock: shard.replica().clock(),
                    check: shard.replica().check(),
                    digest: shard.digest(),
                };
            }
        }
        beats.0.clone()
    }
}

/// One number of a number a shard.
pub(super) fn together(numbers: impl Iterator<Item = u64>) -> u64 {
    let mut hash = Xxh3Default::new();
    for number in numbers {
        hash.update(&number.to_le_bytes());
    }
    hash.digest()
}
