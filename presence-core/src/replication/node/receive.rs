//! Handles messages from peers.

use std::sync::Arc;
use std::time::Duration;

use super::{MessageCounts, Node, NodeEffect, Rejected};
use crate::replication::membership::{Age, Verdict};
use crate::replication::message::{
    self, Body, DeltaMessage, EntryRow, Header, Heartbeat, Malformed, Pull, Refusal, Request,
};
use crate::replication::set::{Delta, Incarnation, Origin, ReplicaName};
use crate::replication::shard::{Ask, Credit, Effect, Input};

/// The sender of a message, and the judgement of it.
pub(super) struct MessageSource {
    pub(super) origin: Arc<Origin>,
    pub(super) number: u64,
    pub(super) age: Age,
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
                let version = message[0];
                let taken = self.take(version, &header, body, &mut counts, now, out);
                let name = &header.sender.name;
                taken.err().map(|malformed| (Some(name.clone()), malformed))
            }
            Err(malformed) => Some((message::sender(message), malformed)),
        };
        if let Some((from, malformed)) = rejected {
            counts.malformed += 1;
            let reason = malformed.to_string();
            let from = from.map(|name| name.to_string());
            out.push(NodeEffect::Rejected(Rejected { from, reason }));
        }
    }

    fn take(
        &self,
        version: u8,
        header: &Header,
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
        let mut events = Vec::new();
        let mut membership = self.membership.lock();
        if membership.has_left() {
            return Ok(());
        }
        // A refusal may come from an unknown node, and concerns only this node.
        if let Body::Refusal(Refusal {
            refused,
            known,
            number,
        }) = body
        {
            membership.refused(refused, (known, number), now, &mut events);
        }
        let verdict = membership.heard(&header.sender, header.number, now, &mut events);
        if let Verdict::Accepted(origin, Age::New) = &verdict {
            membership.writes(&origin.name, version);
        }
        drop(membership);
        self.carry(events, now, out);
        let Verdict::Accepted(origin, age) = verdict else {
            return Ok(());
        };
        let sender = MessageSource {
            origin,
            number: header.number,
            age,
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
            Body::Heartbeat(heartbeat) => self.heard_heartbeat(sender, &heartbeat, now, out),
            Body::Delta(delta) => self.delta(sender, &delta, now, out)?,
            Body::Request(request) => self.asked(sender, request, None, now, out)?,
            Body::Pull(pull) => self.pulled(sender, pull, now, out)?,
            Body::Cancel { shard, id } => self.cancelled(sender, shard, id, now, out)?,
            Body::Part(part) => self.received_part(sender, &part, now, out)?,
            Body::Vector(vector) => self.heard_vector(sender, &vector, counts, now, out),
            // Handled before its sender was judged.
            Body::Refusal(_) => {}
            Body::Leave { grace_ms } => {
                self.peer_leaves(sender, Duration::from_millis(grace_ms), now, out);
            }
            Body::Ping { on_behalf_of } => self.ping(sender, on_behalf_of, out),
            Body::Pong { on_behalf_of } => self.pong(sender, on_behalf_of, out),
            Body::PingFor { name } => self.ping_for(sender, name, out),
            Body::Vouch { origin, number } => {
                self.membership.lock().vouched(&origin, number, now);
            }
        }
        Ok(())
    }

    /// Compares the sender's clocks and its digest of the set with this node's.
    fn heard_heartbeat(
        &self,
        sender: &MessageSource,
        heartbeat: &Heartbeat,
        now: Duration,
        out: &mut Vec<NodeEffect>,
    ) {
        self.heard_clocks(sender, &heartbeat.clocks, heartbeat.check, now, out);
        if sender.age.is_new() {
            let differs = self.digest() != heartbeat.digest;
            self.membership.lock().differs(&sender.origin.name, differs);
        }
    }

    /// Merges a delta of the sender's own replica into the shard.
    fn delta(
        &self,
        sender: &MessageSource,
        message: &DeltaMessage<'_>,
        now: Duration,
        out: &mut Vec<NodeEffect>,
    ) -> Result<(), Malformed> {
        let place = self.existing(message.shard)?;
        let delta = Delta {
            adds: EntryRow::entries(&message.adds, &sender.origin, message.from)?,
            origin: Arc::clone(&sender.origin),
            from: message.from,
            to: message.to,
            gone: message.gone.gone()?,
        };
        delta.check()?;
        if delta.adds.iter().any(|add| self.place(&add.topic) != place) {
            return Err(Malformed::Place);
        }
        let recent = sender.age.is_recent();
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
        if !sender.age.is_new() {
            return;
        }
        let grace = grace.min(MAX_GRACE);
        let mut events = Vec::new();
        let mut membership = self.membership.lock();
        membership.leaves(&sender.origin, sender.number, grace, now, &mut events);
        drop(membership);
        self.carry(events, now, out);
    }

    /// Answers a ping. The answer names the node that the ping was sent for, if it is not the
    /// sender.
    fn ping(
        &self,
        sender: &MessageSource,
        on_behalf_of: Option<ReplicaName>,
        out: &mut Vec<NodeEffect>,
    ) {
        self.say(
            sender.origin.name.clone(),
            &Body::Pong { on_behalf_of },
            out,
        );
    }

    /// Forwards the answer to a ping to the node that it was sent for.
    fn pong(
        &self,
        sender: &MessageSource,
        on_behalf_of: Option<ReplicaName>,
        out: &mut Vec<NodeEffect>,
    ) {
        let Some(asked_by) = on_behalf_of.filter(|_| sender.age.is_new()) else {
            return;
        };
        let vouch = Body::Vouch {
            origin: sender.origin.as_ref().clone(),
            number: sender.number,
        };
        self.say(asked_by, &vouch, out);
    }

    /// Pings the node of this name for the sender.
    fn ping_for(&self, sender: &MessageSource, name: ReplicaName, out: &mut Vec<NodeEffect>) {
        let on_behalf_of = Some(sender.origin.name.clone());
        self.say(name, &Body::Ping { on_behalf_of }, out);
    }

    /// Hands a request to the shard, with its credit. The shard may find that a peer knows more of
    /// this node than this node does.
    fn asked(
        &self,
        sender: &MessageSource,
        request: Request,
        credit: Option<Credit>,
        now: Duration,
        out: &mut Vec<NodeEffect>,
    ) -> Result<(), Malformed> {
        let place = self.existing(request.shard)?;
        let ask = Ask {
            origin: Arc::new(request.origin),
            from: request.from,
            id: request.id,
            attempt: 0,
            is_small: false,
        };
        let by = sender.origin.name.clone();
        let mut effects = Vec::new();
        let is_late = !sender.age.is_new();
        let input = Input::Asked {
            by,
            ask,
            credit,
            is_late,
        };
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
        Ok(())
    }

    fn pulled(
        &self,
        sender: &MessageSource,
        pull: Pull,
        now: Duration,
        out: &mut Vec<NodeEffect>,
    ) -> Result<(), Malformed> {
        let credit = Credit {
            part_bytes: pull.part_bytes as usize,
            upto: pull.upto,
            again: pull.again,
        };
        self.asked(sender, pull.request, Some(credit), now, out)
    }

    fn cancelled(
        &self,
        sender: &MessageSource,
        shard: u16,
        id: u64,
        now: Duration,
        out: &mut Vec<NodeEffect>,
    ) -> Result<(), Malformed> {
        let by = sender.origin.name.clone();
        self.tell(self.existing(shard)?, Input::Cancelled(by, id), now, out);
        Ok(())
    }

    /// A peer knows more of this node than it has done in this incarnation.
    pub(super) fn claimed(&self, claimed: Incarnation, now: Duration, out: &mut Vec<NodeEffect>) {
        let mut events = Vec::new();
        self.membership.lock().claimed(claimed, now, &mut events);
        self.carry(events, now, out);
    }

    pub(super) fn existing(&self, shard: u16) -> Result<usize, Malformed> {
        let place = usize::from(shard);
        (place < self.shards.len())
            .then_some(place)
            .ok_or(Malformed::Shard(shard))
    }
}

/// The longest grace that is believed.
pub(crate) const MAX_GRACE: Duration = Duration::from_secs(600);
