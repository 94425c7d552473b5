//! The node around its [pulls](super::pulls): it sends what they ask for, and hands them the parts.

use std::sync::Arc;
use std::time::Duration;

use super::pulls::{Answerer, PullAction, PullHost};
use super::receive::MessageSource;
use super::{Node, NodeEffect};
use crate::replication::message::{Body, EntryRow, Malformed, PartMessage, Pull, Request};
use crate::replication::set::ReplicaName;
use crate::replication::shard::{Ask, Credit, Input, Part};

impl PullHost for &Node {
    fn whom_to_ask(
        &mut self,
        replica: &ReplicaName,
        attempt: u32,
        now: Duration,
    ) -> Option<Answerer> {
        self.membership.lock().whom_to_ask(replica, attempt, now)
    }

    fn is_silent(&mut self, answerer: &ReplicaName, now: Duration) -> bool {
        self.membership.lock().is_silent(answerer, now)
    }

    fn is_wanted(&mut self, place: usize, ask: &Ask) -> bool {
        self.shards[place].lock().wants(&ask.origin, ask.id)
    }
}

impl Node {
    /// A node has gone, or has started again: what was asked of it, or of its earlier start, is not
    /// waited for.
    pub(super) fn gone_from_pulls(
        &self,
        name: &ReplicaName,
        now: Duration,
        out: &mut Vec<NodeEffect>,
    ) {
        let mut actions = Vec::new();
        self.pulls.lock().gone(name, &mut &*self, &mut actions);
        self.go_on_pulling(now, actions, out);
    }

    /// Lets the pulls go on, and does what follows from that and from `actions`.
    pub(super) fn go_on_pulling(
        &self,
        now: Duration,
        mut actions: Vec<PullAction>,
        out: &mut Vec<NodeEffect>,
    ) {
        if !self.clustered {
            return;
        }
        {
            let mut pulls = self.pulls.lock();
            let before = pulls.next_deadline();
            pulls.go_on(now, &mut &*self, &mut actions);
            let after = pulls.next_deadline();
            if after.is_some_and(|after| before.is_none_or(|before| after < before)) {
                out.push(NodeEffect::Wake);
            }
        }
        for action in actions {
            self.carry_out_pull(action, now, out);
        }
    }

    fn carry_out_pull(&self, action: PullAction, now: Duration, out: &mut Vec<NodeEffect>) {
        match action {
            PullAction::Over { place, origin, id } => {
                self.tell(place, Input::Over(origin, id), now, out);
            }
            PullAction::Ask { to, place, ask } => {
                self.say(to, &Body::Request(request(place, &ask)), out);
            }
            PullAction::Pull {
                to,
                place,
                ask,
                credit,
            } => {
                let Credit {
                    part_bytes,
                    upto,
                    again,
                } = credit;
                let pull = Pull {
                    request: request(place, &ask),
                    part_bytes: u32::try_from(part_bytes).unwrap_or(u32::MAX),
                    upto,
                    again,
                };
                self.say(to, &Body::Pull(pull), out);
            }
            PullAction::Cancel { to, place, id } => {
                let shard = place as u16;
                self.say(to, &Body::Cancel { shard, id }, out);
            }
        }
    }

    /// Takes a part of an answer that this node waits for.
    pub(super) fn received_part(
        &self,
        sender: &MessageSource,
        message: &PartMessage<'_>,
        now: Duration,
        out: &mut Vec<NodeEffect>,
    ) -> Result<(), Malformed> {
        let place = self.existing(message.shard)?;
        let (about, answerer) = (&message.origin, &sender.origin.name);
        let pulls = self.pulls.lock();
        if !pulls.expects(place, about, message.id, answerer) {
            return Ok(());
        }
        drop(pulls);
        // Contents are believed of replicas that are up here, whoever sends them.
        let Some(origin) = self.membership.lock().origin(&message.origin) else {
            return Ok(());
        };
        let own = origin.name == sender.origin.name;
        let part = Part {
            adds: EntryRow::entries(&message.adds, &origin, message.from)?,
            origin: Arc::clone(&origin),
            from: message.from,
            to: message.to,
            id: message.id,
            index: message.index,
            of: message.of,
            gone: message.gone.gone()?,
        };
        if part.adds.iter().any(|add| self.place(&add.topic) != place) {
            return Err(Malformed::Place);
        }
        let arrival = (&part).into();
        self.tell(place, Input::Part { part, own }, now, out);
        let is_wanted = self.shards[place].lock().wants(&origin, message.id);
        let mut actions = Vec::new();
        let mut pulls = self.pulls.lock();
        pulls.arrived(arrival, is_wanted, now, &mut actions);
        drop(pulls);
        self.go_on_pulling(now, actions, out);
        Ok(())
    }
}

fn request(place: usize, ask: &Ask) -> Request {
    Request {
        shard: place as u16,
        origin: ask.origin.as_ref().clone(),
        from: ask.from,
        id: ask.id,
    }
}
