//! Two nodes in one thread, whose messages are handed over at once, for benchmarks.

use std::num::NonZeroU64;
use std::time::Duration;

use bytes::Bytes;

use crate::replication::node::{Node, NodeConfig, NodeEffect, NodeOptions};
use crate::replication::set::visits::take_most_in_a_hold;
use crate::replication::set::{Incarnation, MetaBody, OwnerId, ReplicaName};
use crate::replication::shard::Which;

/// The presences of a topic.
const PER_TOPIC: u64 = 100;

/// The time that passes with each hand-over of messages.
const STEP: Duration = Duration::from_millis(1);

/// The hand-overs after which a transfer counts as stuck.
const STUCK: u32 = 10_000_000;

/// A node that tracks presences, and one that holds a copy of them. Each has one shard, so that all
/// presences lie behind one lock.
#[derive(Debug)]
pub struct Pair {
    here: Node,
    there: Node,
    now: Duration,
    meta: MetaBody,
    options: NodeOptions,
    /// The presences of `there` have the numbers from `first` up to `next`.
    first: u64,
    next: u64,
}

/// The messages of a node.
#[derive(Debug, Default)]
pub struct Said(Vec<Bytes>);

impl Pair {
    /// Makes the two, with this many presences on the one and a copy on the other.
    ///
    /// # Panics
    ///
    /// If the copy does not become complete.
    #[must_use]
    pub fn new(presences: u64) -> Self {
        let options = NodeOptions {
            pool_size: 1,
            max_hidden: 10_000_000,
            ..NodeOptions::default()
        };
        let mut pair = Self {
            here: node("here", 1, &options, Duration::ZERO),
            there: node("there", 1, &options, Duration::ZERO),
            now: Duration::ZERO,
            meta: MetaBody::encode(&serde_json::json!({ "online_at": 1_700_000_000 }), 100)
                .expect("an object"),
            options,
            first: 0,
            next: 0,
        };
        for _ in 0..presences {
            let _ = pair.track_one();
        }
        pair.join();
        pair
    }

    /// Has `there` track one presence more. Returns its deltas.
    pub fn track_one(&mut self) -> Said {
        let (owner, topic, key) = place(self.next);
        let which = Which {
            owner,
            topic: &topic,
            key: &key,
        };
        let mut out = Vec::new();
        let tracked = self.there.track(which, &self.meta, &mut out);
        tracked.expect("not tracked yet");
        self.next += 1;
        Said(settle(&self.there, self.now, out))
    }

    /// Has `there` untrack its oldest presence. Returns its deltas.
    pub fn untrack_one(&mut self) -> Said {
        let (owner, topic, key) = place(self.first);
        let which = Which {
            owner,
            topic: &topic,
            key: &key,
        };
        let mut out = Vec::new();
        assert!(self.there.untrack(which, &mut out), "it is tracked");
        self.first += 1;
        Said(settle(&self.there, self.now, out))
    }

    /// Returns the number of keys in the topic of the newest presence, on `here`.
    #[must_use]
    pub fn count(&self) -> usize {
        self.here.count(&topic((self.next - 1) / PER_TOPIC))
    }

    /// Returns the length of a list of 100 presences on `here`.
    #[must_use]
    pub fn list(&self) -> usize {
        self.here.list(&topic(self.next / PER_TOPIC / 2)).len()
    }

    /// Has `there` track as many as it untracks, all in all this number. Returns its deltas.
    pub fn changes(&mut self, changes: u64) -> Said {
        self.now += self.options.delta_interval;
        let mut said = Vec::new();
        for _ in 0..changes / 2 {
            said.extend(self.track_one().0);
            said.extend(self.untrack_one().0);
        }
        self.now += self.options.delta_interval;
        said.extend(settle(&self.there, self.now, Vec::new()));
        Said(said)
    }

    /// Has `here` hear what `there` said.
    pub fn hear(&mut self, said: &Said) {
        let mut out = Vec::new();
        for message in &said.0 {
            self.here.receive(message, self.now, &mut out);
        }
        settle(&self.here, self.now, out);
    }

    /// Lets `there` be silent until `here` has hidden all that it tracks.
    pub fn down(&mut self) {
        self.wait(self.options.down_period + self.options.suspect_period);
        assert_eq!(self.count(), 0, "it is hidden");
    }

    /// Has `here` hear a heartbeat of `there`, and show again what it tracks.
    pub fn up(&mut self) {
        let mut out = Vec::new();
        self.there.beat(self.now, &mut out);
        let mut said = settle(&self.there, self.now, out);
        for _ in 0..STUCK {
            if said.is_empty() {
                break;
            }
            said = self.exchange(&said);
        }
        assert!(self.count() > 0, "it is shown");
    }

    /// Lets `there` be silent until `here` has forgotten all that it tracks.
    pub fn permdown(&mut self) {
        self.wait(self.options.permdown_period + self.options.down_period);
    }

    /// Has a new node take the place of `here`, and get all that `there` tracks. Returns the number
    /// of bytes that it got.
    ///
    /// # Panics
    ///
    /// If it does not get all.
    pub fn join(&mut self) -> usize {
        self.now += self.options.broadcast_period * 2;
        let incarnation = self.now.as_millis() as u64;
        self.here = node("here", incarnation, &self.options, self.now);
        let mut out = Vec::new();
        self.here.beat(self.now, &mut out);
        let mut from_here = settle(&self.here, self.now, out);
        let mut bytes = 0;
        for _ in 0..STUCK {
            let mut out = Vec::new();
            for message in &from_here {
                self.there.receive(message, self.now, &mut out);
            }
            let from_there = settle(&self.there, self.now, out);
            bytes += from_there.iter().map(Bytes::len).sum::<usize>();
            let mut out = Vec::new();
            for message in &from_there {
                self.here.receive(message, self.now, &mut out);
            }
            from_here = settle(&self.here, self.now, out);
            let is_quiet = from_there.is_empty() && from_here.is_empty();
            if is_quiet && self.here.is_caught_up() && self.count() > 0 {
                return bytes;
            }
            self.now += STEP;
        }
        panic!("{STUCK} hand-overs, and it has not caught up");
    }

    /// Returns the most entries that one hold of the shard's lock has visited since the last call.
    #[must_use]
    pub fn take_most_visits_in_a_hold(&mut self) -> u64 {
        take_most_in_a_hold()
    }

    /// Hands messages of `there` to `here`, and the answers back. Returns what `there` says to
    /// them.
    fn exchange(&mut self, said: &[Bytes]) -> Vec<Bytes> {
        let mut out = Vec::new();
        for message in said {
            self.here.receive(message, self.now, &mut out);
        }
        let answers = settle(&self.here, self.now, out);
        self.now += STEP;
        let mut out = Vec::new();
        for message in &answers {
            self.there.receive(message, self.now, &mut out);
        }
        settle(&self.there, self.now, out)
    }

    /// Lets time pass for `here`, deadline by deadline.
    fn wait(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(due) = self.here.next_deadline().filter(|due| *due <= end) {
            self.now = self.now.max(due);
            settle(&self.here, self.now, Vec::new());
        }
        self.now = end;
        settle(&self.here, self.now, Vec::new());
    }
}

fn topic(number: u64) -> String {
    format!("room:{number}")
}

fn place(number: u64) -> (OwnerId, String, String) {
    let owner = NonZeroU64::MIN.saturating_add(number);
    (
        OwnerId::new(owner),
        topic(number / PER_TOPIC),
        format!("user:{number}"),
    )
}

fn node(name: &str, started_ms: u64, options: &NodeOptions, now: Duration) -> Node {
    let config = NodeConfig {
        name: ReplicaName::new(name),
        incarnation: Incarnation {
            started_ms,
            nonce: 1,
        },
        seed: 1,
        clustered: true,
        options: options.clone(),
    };
    Node::new(config, now)
}

/// Carries out a node's effects until nothing is due. Returns its messages.
fn settle(node: &Node, now: Duration, mut out: Vec<NodeEffect>) -> Vec<Bytes> {
    let mut said = Vec::new();
    for _ in 0..STUCK {
        for effect in std::mem::take(&mut out) {
            match effect {
                NodeEffect::TopicDiff(diff) => node.dispatched(&diff.topic, now, &mut out),
                NodeEffect::Broadcast(_, bytes) | NodeEffect::Direct(_, _, bytes) => {
                    said.push(bytes);
                }
                _ => {}
            }
        }
        if node.next_deadline().is_some_and(|due| due <= now) {
            node.tick(now, &mut out);
        } else if out.is_empty() {
            return said;
        }
    }
    panic!("{STUCK} ticks at one moment");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_follows_goes_and_comes_back() {
        let mut pair = Pair::new(1000);
        assert_eq!(pair.list(), 100);
        let said = pair.changes(100);
        pair.hear(&said);
        assert_eq!(pair.count(), 50, "the newest topic");
        pair.down();
        pair.up();
        assert!(pair.join() > 10_000);
        pair.permdown();
        assert_eq!(pair.count(), 0);
        pair.join();
        assert_eq!(pair.count(), 50);
        assert!(pair.take_most_visits_in_a_hold() > 0);
    }

    #[test]
    fn no_hold_visits_more_of_a_large_set_than_of_a_small_one() {
        let most = |presences| {
            let mut pair = Pair::new(presences);
            let said = pair.changes(1000);
            pair.hear(&said);
            let _ = pair.list();
            pair.down();
            pair.up();
            pair.permdown();
            pair.join();
            pair.take_most_visits_in_a_hold()
        };
        let (small, large) = (most(10_000), most(100_000));
        assert!(large <= small, "{small} and {large}");
        let batch = NodeOptions::default().batch as u64;
        assert!(small <= 4 * batch, "{small}");
    }
}
