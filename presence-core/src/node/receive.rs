//! Handles messages from peers.

use std::sync::Arc;
use std::time::Duration;

use super::{MessageCounts, Node, NodeEffect, Rejected};
use crate::crdt::{Clock, Delta, Incarnation, Origin, ReplicaName};
use crate::liveness::{Say, Verdict};
use crate::shard::{Ask, Effect, Input, Part};
use crate::wire::{self, Body, EntryRow, Header, Malformed};

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
        let rejected = match wire::decode(message) {
            Ok((header, body)) => {
                let from = header.name.to_string();
                let taken = self.take(&header, body, &mut counts, now, out);
                taken.err().map(|malformed| (Some(from), malformed))
            }
            Err(malformed) => Some((wire::sender(message).map(String::from), malformed)),
        };
        if let Some((from, malformed)) = rejected {
            counts.malformed += 1;
            let reason = malformed.to_string();
            out.push(NodeEffect::Rejected(Rejected { from, reason }));
        }
    }

    fn take(
        &self,
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
        let mut liveness = self.liveness.lock();
        if liveness.has_left() {
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
            liveness.refused(refused, (known, number), now, &mut events);
        }
        let verdict = liveness.heard(&speaker, header.number, now, &mut events);
        drop(liveness);
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
                self.heard_clocks(sender, &clocks, u64::from_le_bytes(check), now, out);
                if sender.fresh {
                    let differs = self.digest() != u64::from_le_bytes(digest);
                    self.liveness.lock().differs(&sender.origin.name, differs);
                }
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
                delta.check()?;
                if delta.adds.iter().any(|add| self.place(&add.topic) != place) {
                    return Err(Malformed::Place);
                }
                let recent = sender.recent;
                self.tell(place, Input::Delta { delta, recent }, now, out);
            }
            Body::Request {
                shard,
                name,
                started_ms,
                nonce,
                from,
                id,
            } => {
                let origin = Origin {
                    name: ReplicaName::new(&*name),
                    incarnation: incarnation(started_ms, nonce),
                };
                let ask = Ask {
                    origin: Arc::new(origin),
                    from: Clock::new(from),
                    id,
                    attempt: 0,
                };
                self.asked(self.existing(shard)?, sender, ask, now, out);
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
                let place = self.existing(shard)?;
                // Contents are believed of replicas that are up here, whoever sends them.
                let known = incarnation(started_ms, nonce);
                let name = ReplicaName::new(&*name);
                let Some(origin) = self.liveness.lock().origin(&name, known) else {
                    return Ok(());
                };
                let own = origin.name == sender.origin.name;
                let from = Clock::new(from);
                let part = Part {
                    adds: EntryRow::entries(&adds, &origin, from)?,
                    origin,
                    from,
                    to: Clock::new(to),
                    id,
                    index,
                    of,
                    gone: gone.gone()?,
                };
                if part.adds.iter().any(|add| self.place(&add.topic) != place) {
                    return Err(Malformed::Place);
                }
                self.tell(place, Input::Part { part, own }, now, out);
            }
            Body::Vector { rows, left, answer } => {
                self.heard_vector(sender, &rows, &left, answer, counts, now, out);
            }
            Body::Refusal { .. } => {}
            Body::Leave { grace_ms } => {
                if sender.fresh {
                    let grace = Duration::from_millis(grace_ms).min(MAX_GRACE);
                    let mut events = Vec::new();
                    let mut liveness = self.liveness.lock();
                    liveness.leaves(&sender.origin, sender.number, grace, now, &mut events);
                    drop(liveness);
                    self.carry(events, now, out);
                }
            }
            Body::Ping { on_behalf_of } => {
                let on_behalf_of =
                    (!on_behalf_of.is_empty()).then(|| ReplicaName::new(&*on_behalf_of));
                let pong = Say::Pong { on_behalf_of };
                self.say(sender.origin.name.clone(), &super::body_of(&pong), out);
            }
            Body::Pong { on_behalf_of } => {
                if sender.fresh && !on_behalf_of.is_empty() {
                    let vouch = Say::Vouch(sender.origin.as_ref().clone(), sender.number);
                    self.say(
                        ReplicaName::new(&*on_behalf_of),
                        &super::body_of(&vouch),
                        out,
                    );
                }
            }
            Body::PingFor { name } => {
                let on_behalf_of = Some(sender.origin.name.clone());
                let ping = Say::Ping { on_behalf_of };
                self.say(ReplicaName::new(&*name), &super::body_of(&ping), out);
            }
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
                self.liveness.lock().vouched(&origin, number, now);
            }
        }
        Ok(())
    }

    fn asked(
        &self,
        place: usize,
        sender: &MessageSource,
        ask: Ask,
        now: Duration,
        out: &mut Vec<NodeEffect>,
    ) {
        let by = sender.origin.name.clone();
        let mut effects = Vec::new();
        let input = Input::Asked { by, ask };
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
        self.liveness.lock().claimed(claimed, now, &mut events);
        self.carry(events, now, out);
    }

    fn existing(&self, shard: u16) -> Result<usize, Malformed> {
        let place = usize::from(shard);
        (place < self.shards.len())
            .then_some(place)
            .ok_or(Malformed::Shard(shard))
    }
}

/// The longest grace that is believed.
pub(super) const MAX_GRACE: Duration = Duration::from_secs(600);

pub(super) fn incarnation(started_ms: u64, nonce: u64) -> Incarnation {
    Incarnation { started_ms, nonce }
}
