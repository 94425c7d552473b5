//! Handles messages from peers.

use std::sync::Arc;
use std::time::Duration;

use super::pull::ReceivedPart;
use super::{MessageCounts, Node, NodeEffect, Rejected};
use crate::replication::membership::{Say, Verdict};
use crate::replication::message::{self, Body, EntryRow, Header, Malformed};
use crate::replication::set::{Clock, Delta, Incarnation, Origin, ReplicaName};
use crate::replication::shard::{Ask, Credit, Effect, Input};

/// The sender of a message, and the judgement of it.
pub(super) struct MessageSource {
    pub(super) origin: Arc<Origin>,
    pub(super) number: u64,
    /// Set if the message is new: its number is above the last one received.
    pub(super) fresh: bool,
    /// Set if the message was sent after its sender was last down.
    pub(super) recent: bool,
}

impl Node {
    /// Handles a message of a peer. Malformed bytes change nothing: they are counted, and reported
    /// as [`NodeEffect::Rejected`].
    pub(crate) fn receive(&self, message: &[u8], now: Duration, out: &mut Vec<NodeEffect>) {
        if !self.clustered {
            return;
        }
        let mut counts = self.order.lock();
        let rejected = match message::decode(message) {
            Ok((header, body)) => {
                let from = header.name.to_string();
                let version = message[0];
                let taken = self.take(version, &header, body, &mut counts, now, out);
                taken.err().map(|malformed| (Some(from), malformed))
            }
            Err(malformed) => Some((message::sender(message).map(String::from), malformed)),
        };
        if let Some((from, malformed)) = rejected {
            counts.malformed += 1;
            let reason = malformed.to_string();
            out.push(NodeEffect::Rejected(Rejected { from, reason }));
        }
    }

    fn take(
        &self,
        version: u8,
        header: &Header<'_>,
        body: Body<'_>,
        counts: &mut MessageCounts,
        now: Duration,
        out: &mut Vec<NodeEffect>,
    ) -> Result<(), Malformed> {
        if usize::from(header.pool_size) != self.shards.len() {
            return Err(Malformed::PoolSize {
                theirs: header.pool_size,
                ours: self.shards.len() as u16,
            });
        }
        let speaker = Origin {
            name: ReplicaName::new(&*header.name),
            incarnation: incarnation(header.started_ms, header.nonce),
        };
        let mut events = Vec::new();
        let mut membership = self.membership.lock();
        if membership.has_left() {
            return Ok(());
        }
        // A refusal may come from an unknown node, and concerns only this node.
        if let Body::Refusal {
            started_ms,
            nonce,
            known_started_ms,
            known_nonce,
            number,
        } = body
        {
            let refused = incarnation(started_ms, nonce);
            let known = incarnation(known_started_ms, known_nonce);
            membership.refused(refused, (known, number), now, &mut events);
        }
        let verdict = membership.heard(&speaker, header.number, now, &mut events);
        if let Verdict::Fresh(origin) = &verdict {
            membership.writes(&origin.name, version);
        }
        drop(membership);
        self.carry(events, now, out);
        let (origin, fresh, recent) = match verdict {
            Verdict::Fresh(origin) => (origin, true, true),
            Verdict::Late(origin, recent) => (origin, false, recent),
            Verdict::Ignored => return Ok(()),
        };
        let sender = MessageSource {
            origin,
            number: header.number,
            fresh,
            recent,
        };
        self.understand(&sender, body, counts, now, out)
    }

    fn understand(
        &self,
        sender: &MessageSource,
        body: Body<'_>,
        counts: &mut MessageCounts,
        now: Duration,
        out: &mut Vec<NodeEffect>,
    ) -> Result<(), Malformed> {
        match body {
            Body::Heartbeat {
                clocks,
                check,
                digest,
            } => {
                let (check, digest) = (u64::from_le_bytes(check), u64::from_le_bytes(digest));
                self.heard_heartbeat(sender, (&clocks, check), digest, now, out);
            }
            Body::Delta {
                shard,
                from,
                to,
                adds,
                gone,
            } => {
                let place = self.existing(shard)?;
                let from = Clock::new(from);
                let delta = Delta {
                    adds: EntryRow::entries(&adds, &sender.origin, from)?,
                    origin: Arc::clone(&sender.origin),
                    from,
                    to: Clock::new(to),
                    gone: gone.gone()?,
                };
                self.delta(sender, place, delta, now, out)?;
            }
            Body::Request {
                shard,
                name,
                started_ms,
                nonce,
                from,
                id,
            } => {
                let ask = ask((&*name, started_ms, nonce), from, id);
                self.asked(self.existing(shard)?, sender, ask, None, now, out);
            }
            Body::Pull {
                shard,
                name,
                started_ms,
                nonce,
                from,
                id,
                part_bytes,
                upto,
                again,
            } => {
                let ask = ask((&*name, started_ms, nonce), from, id);
                let credit = Some(Credit {
                    part_bytes: part_bytes as usize,
                    upto,
                    again,
                });
                self.asked(self.existing(shard)?, sender, ask, credit, now, out);
            }
            Body::Cancel { shard, id } => {
                let by = sender.origin.name.clone();
                let place = self.existing(shard)?;
                self.tell(place, Input::Cancelled(by, id), now, out);
            }
            Body::Part {
                shard,
                name,
                started_ms,
                nonce,
                from,
                to,
                id,
                index,
                of,
                adds,
                gone,
            } => {
                let received = ReceivedPart {
                    place: self.existing(shard)?,
                    name: &name,
                    started_ms,
                    nonce,
                    from,
                    to,
                    id,
                    index,
                    of,
                    adds: &adds,
                    gone: &gone,
                };
                self.received_part(sender, &received, now, out)?;
            }
            Body::Vector { rows, left, answer } => {
                self.heard_vector(sender, &rows, &left, answer, counts, now, out);
            }
            // Handled before its sender was judged.
            Body::Refusal { .. } => {}
            Body::Leave { grace_ms } => {
                self.peer_leaves(sender, Duration::from_millis(grace_ms), now, out);
            }
            Body::Ping { on_behalf_of } => self.ping(sender, &on_behalf_of, out),
            Body::Pong { on_behalf_of } => self.pong(sender, &on_behalf_of, out),
            Body::PingFor { name } => self.ping_for(sender, &name, out),
            Body::Vouch {
                name,
                started_ms,
                nonce,
                number,
            } => {
                let origin = Origin {
                    name: ReplicaName::new(&*name),
                    incarnation: incarnation(started_ms, nonce),
                };
                self.membership.lock().vouched(&origin, number, now);
            }
        }
        Ok(())
    }

    /// Compares the sender's clocks and its digest of the set with this node's.
    fn heard_heartbeat(
        &self,
        sender: &MessageSource,
        (clocks, check): (&[u64], u64),
        digest: u64,
        now: Duration,
        out: &mut Vec<NodeEffect>,
    ) {
        self.heard_clocks(sender, clocks, check, now, out);
        if sender.fresh {
            let differs = self.digest() != digest;
            self.membership.lock().differs(&sender.origin.name, differs);
        }
    }

    /// Merges a delta of the sender's own replica into the shard.
    fn delta(
        &self,
        sender: &MessageSource,
        place: usize,
        delta: Delta,
        now: Duration,
        out: &mut Vec<NodeEffect>,
    ) -> Result<(), Malformed> {
        delta.check()?;
        if delta.adds.iter().any(|add| self.place(&add.topic) != place) {
            return Err(Malformed::Place);
        }
        let recent = sender.recent;
        self.tell(place, Input::Delta { delta, recent }, now, out);
        Ok(())
    }

    /// Takes the sender's leave, unless a newer message of the sender was handled before.
    fn peer_leaves(
        &self,
        sender: &MessageSource,
        grace: Duration,
        now: Duration,
        out: &mut Vec<NodeEffect>,
    ) {
        if !sender.fresh {
            return;
        }
        let grace = grace.min(MAX_GRACE);
        let mut events = Vec::new();
        let mut membership = self.membership.lock();
        membership.leaves(&sender.origin, sender.number, grace, now, &mut events);
        drop(membership);
        self.carry(events, now, out);
    }

    /// Answers a probe. The name is empty if the sender probes for itself.
    fn ping(&self, sender: &MessageSource, on_behalf_of: &str, out: &mut Vec<NodeEffect>) {
        let on_behalf_of = (!on_behalf_of.is_empty()).then(|| ReplicaName::new(on_behalf_of));
        let pong = Say::Pong { on_behalf_of };
        self.say(sender.origin.name.clone(), &super::body_of(&pong), out);
    }

    /// Forwards the answer to a probe to the node that it was sent for.
    fn pong(&self, sender: &MessageSource, on_behalf_of: &str, out: &mut Vec<NodeEffect>) {
        if !sender.fresh || on_behalf_of.is_empty() {
            return;
        }
        let vouch = Say::Vouch(sender.origin.as_ref().clone(), sender.number);
        let asked_by = ReplicaName::new(on_behalf_of);
        self.say(asked_by, &super::body_of(&vouch), out);
    }

    /// Probes the node of this name for the sender.
    fn ping_for(&self, sender: &MessageSource, name: &str, out: &mut Vec<NodeEffect>) {
        let on_behalf_of = Some(sender.origin.name.clone());
        let ping = Say::Ping { on_behalf_of };
        self.say(ReplicaName::new(name), &super::body_of(&ping), out);
    }

    /// Hands a request or a pull to the shard. The shard may find that a peer knows more of this
    /// node than this node does.
    fn asked(
        &self,
        place: usize,
        sender: &MessageSource,
        ask: Ask,
        credit: Option<Credit>,
        now: Duration,
        out: &mut Vec<NodeEffect>,
    ) {
        let by = sender.origin.name.clone();
        let mut effects = Vec::new();
        let input = Input::Asked { by, ask, credit };
        self.run(place, &mut effects, out, |shard, effects| {
            shard.handle(input, now, effects);
        });
        let claimed = effects.iter().find_map(|effect| match effect {
            Effect::Claimed(incarnation) => Some(*incarnation),
            _ => None,
        });
        self.carry_out(place, effects, out);
        if let Some(claimed) = claimed {
            self.claimed(claimed, now, out);
        }
    }

    /// A peer knows more of this node than it has done in this incarnation.
    pub(super) fn claimed(&self, claimed: Incarnation, now: Duration, out: &mut Vec<NodeEffect>) {
        let mut events = Vec::new();
        self.membership.lock().claimed(claimed, now, &mut events);
        self.carry(events, now, out);
    }

    fn existing(&self, shard: u16) -> Result<usize, Malformed> {
        let place = usize::from(shard);
        (place < self.shards.len())
            .then_some(place)
            .ok_or(Malformed::Shard(shard))
    }
}

/// The request of a peer for what it lacks of a replica: name, start and nonce.
fn ask((name, started_ms, nonce): (&str, u64, u64), from: u64, id: u64) -> Ask {
    let origin = Origin {
        name: ReplicaName::new(name),
        incarnation: incarnation(started_ms, nonce),
    };
    Ask {
        origin: Arc::new(origin),
        from: Clock::new(from),
        id,
        attempt: 0,
        is_small: false,
    }
}

/// The longest grace that is believed.
pub(super) const MAX_GRACE: Duration = Duration::from_secs(600);

pub(super) fn incarnation(started_ms: u64, nonce: u64) -> Incarnation {
    Incarnation { started_ms, nonce }
}
