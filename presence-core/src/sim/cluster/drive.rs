//! The events of a cluster: what machines are made to do, what they want done, and the look at them
//! after.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::{Cluster, STORM, STUCK};
use crate::pubsub::TrafficClass;
use crate::replication::message::{self, Body};
use crate::replication::node::{Node, NodeEffect, ReplicaEvent};
use crate::replication::shard::TopicDiff;
use crate::sim::client::PresenceDiff;
use crate::sim::event::SimEvent;
use crate::sim::ledger::Finding;
use crate::sim::violation::{Rule, Violation};

/// The ticks that may come before the first diff of a quiet topic, beside one for each meta of it.
const FEW_TICKS: usize = 4;

impl Cluster {
    pub(super) fn happen(&mut self, event: SimEvent) -> Result<(), Violation> {
        self.happened += 1;
        if self.happened > STORM && self.ledger.is_some() {
            let what = format!("{STORM} events, {:?}", self.network.traffic);
            return Err(self.violation((Rule::Progress, what)));
        }
        match event {
            SimEvent::Deliver { to, message } => self.deliver(to, message),
            SimEvent::Dispatched {
                machine,
                life,
                topic,
            } => {
                let at = &mut self.machines[machine];
                if at.life != life || at.node.is_none() {
                    return Ok(());
                }
                if at.stopped {
                    // Its driver stands still with it: the diff arrives when it goes on.
                    return Ok(());
                }
                self.dispatched(machine, &topic)
            }
            SimEvent::Wake { machine } => {
                if self.machines[machine].wake == Some(self.now) {
                    self.machines[machine].wake = None;
                }
                self.tick_if_due(machine)
            }
        }
    }

    pub(super) fn deliver(&mut self, to: usize, message: Bytes) -> Result<(), Violation> {
        self.watch(to, || format!("gets {}", message::describe(&message)));
        let machine = &mut self.machines[to];
        if machine.stopped {
            machine.keep(message);
            return Ok(());
        }
        if self.ledger.is_some() && machine.node.is_some() {
            let local = machine.clock.at(self.now);
            machine.witness.hear(&message, local);
        }
        self.act(to, |node, now, out| node.receive(&message, now, out))?;
        self.look_if_changed(to)
    }

    fn dispatched(&mut self, number: usize, topic: &Arc<str>) -> Result<(), Violation> {
        let machine = &mut self.machines[number];
        let local = machine.clock.at(self.now);
        let arrived = machine
            .topics
            .get_mut(topic)
            .is_some_and(|listeners| listeners.arrive(local));
        if arrived {
            self.act(number, |node, now, out| node.dispatched(topic, now, out))?;
        }
        Ok(())
    }

    pub(super) fn tick_if_due(&mut self, number: usize) -> Result<(), Violation> {
        let machine = &self.machines[number];
        let local = machine.clock.at(self.now);
        let due = machine.running().and_then(Node::next_deadline);
        if due.is_none_or(|due| due > local) {
            self.schedule(number);
            return Ok(());
        }
        self.ticks += 1;
        if self.ticks > STUCK {
            let what = format!("{} has a deadline at {due:?}, now {local:?}", machine.name);
            return Err(self.violation((Rule::Progress, what)));
        }
        self.watch(number, || "ticks".to_owned());
        self.act(number, |node, now, out| node.tick(now, out))?;
        self.schedule(number);
        self.look_if_changed(number)
    }

    /// Has a running node do something at the present moment, and carries out what it wants.
    /// `None`: there is no running node.
    pub(super) fn act<T>(
        &mut self,
        number: usize,
        what: impl FnOnce(&Node, Duration, &mut Vec<NodeEffect>) -> T,
    ) -> Result<Option<T>, Violation> {
        let machine = &self.machines[number];
        let Some(node) = machine.running() else {
            return Ok(None);
        };
        let mut out = Vec::new();
        let answer = what(node, machine.clock.at(self.now), &mut out);
        self.carry_out(number, out)?;
        Ok(Some(answer))
    }

    fn carry_out(&mut self, number: usize, effects: Vec<NodeEffect>) -> Result<(), Violation> {
        for effect in effects {
            match effect {
                NodeEffect::TopicDiff(diff) => self.begin_dispatch(number, &diff)?,
                NodeEffect::Broadcast(class, message) => {
                    self.watch(number, || {
                        format!("to all: {}", message::describe(&message))
                    });
                    self.network.remember(&message, self.now);
                    self.fits_engine(number, &message)?;
                    for to in (0..self.machines.len()).filter(|to| *to != number) {
                        self.send(number, to, class, &message);
                    }
                }
                NodeEffect::Direct(name, class, message) => {
                    self.watch(number, || {
                        format!("to {name}: {}", message::describe(&message))
                    });
                    self.network.remember(&message, self.now);
                    self.fits_engine(number, &message)?;
                    for to in 0..self.machines.len() {
                        if to != number && self.machines[to].name == name {
                            self.send(number, to, class, &message);
                        }
                    }
                }
                // As a driver does: without this it sleeps until the deadline that it knows.
                NodeEffect::Wake => self.schedule(number),
                NodeEffect::Replica(event) => {
                    self.watch(number, || format!("{event:?}"));
                    self.happened_to_replica(number, &event)?;
                }
                NodeEffect::Rejected(_) => self.coverage.add("rejected", 1),
            }
        }
        Ok(())
    }

    fn happened_to_replica(
        &mut self,
        number: usize,
        event: &ReplicaEvent,
    ) -> Result<(), Violation> {
        self.coverage.add("replica_events", 1);
        let machine = &self.machines[number];
        // One that has left listens to nobody.
        if let (ReplicaEvent::Down(origin), Some(_), false) = (event, &self.ledger, machine.left) {
            let local = machine.clock.at(self.now);
            let down = machine.witness.down(origin, local, &self.options);
            down.map_err(|finding| self.violation(finding))?;
        }
        Ok(())
    }

    fn watch(&mut self, number: usize, what: impl FnOnce() -> String) {
        let Some(watcher) = &mut self.watcher else {
            return;
        };
        let machine = &self.machines[number];
        let state = match (&machine.node, machine.stopped) {
            (None, _) => " (off)",
            (_, true) => " (stopped)",
            _ => "",
        };
        watcher(self.now, &format!("n{number}{state} {}", what()));
    }

    /// Checks that the machine's engine carries a message.
    fn fits_engine(&self, number: usize, message: &Bytes) -> Result<(), Violation> {
        let machine = &self.machines[number];
        match machine.engine {
            Some(most) if message.len() > most => {
                let (name, bytes) = (&machine.name, message.len());
                let what = format!("{name} sends {bytes} bytes of {most}");
                Err(self.violation((Rule::FitsEngine, what)))
            }
            _ => Ok(()),
        }
    }

    fn send(&mut self, from: usize, to: usize, class: TrafficClass, message: &Bytes) {
        #[cfg(test)]
        if let Some(loses) = &mut self.loses
            && loses(from, to, message)
        {
            return;
        }
        let version = self.machines[from].version.min(self.machines[to].version);
        let translated = (version < message::VERSION).then(|| in_version(version, message));
        let message = match &translated {
            None => message,
            Some(Some(translated)) => translated,
            // As in a node of that version, which cannot read it.
            Some(None) => {
                self.coverage.add("messages_of_later_versions", 1);
                return;
            }
        };
        let arrivals = self
            .network
            .send(from, to, (class, message.len()), self.now);
        for arrival in arrivals.into_iter().flatten() {
            if let Some(message) = self.meddle(to, message) {
                self.events.put(arrival, SimEvent::Deliver { to, message });
            }
            let message = message.clone();
            self.events.put(arrival, SimEvent::Deliver { to, message });
        }
    }

    fn begin_dispatch(&mut self, number: usize, diff: &TopicDiff) -> Result<(), Violation> {
        let machine = &mut self.machines[number];
        let local = machine.clock.at(self.now);
        // Where nothing is checked nobody listens.
        let frame = match &self.ledger {
            Some(_) => PresenceDiff::new(&diff.joins, &diff.leaves),
            None => PresenceDiff::new(&[], &[]),
        };
        let listeners = machine.topics.entry(Arc::clone(&diff.topic)).or_default();
        let soonest = listeners.last.map(|last| last + self.options.diff_interval);
        let wrong = match listeners.alternation.check(&frame) {
            Err(unordered) => Some(unordered.to_string()),
            Ok(()) if soonest.is_some_and(|soonest| local < soonest) => {
                Some(format!("a diff at {local:?}, no sooner than {soonest:?}"))
            }
            // A cluster that is not checked may be too large to keep each key twice.
            Ok(()) if self.ledger.is_none() => None,
            Ok(()) => super::once::follow(&mut listeners.keys, &diff.keys).err(),
        };
        let other = listeners.under_way.replace(frame);
        let wrong = wrong.or_else(|| other.map(|_| "two diffs are under way".to_owned()));
        if let (Some(wrong), true) = (wrong, self.ledger.is_some()) {
            let what = format!("{}, {}: {wrong}", machine.name, diff.topic);
            return Err(self.violation((Rule::OrderedDiffs, what)));
        }
        let event = SimEvent::Dispatched {
            machine: number,
            life: machine.life,
            topic: Arc::clone(&diff.topic),
        };
        self.events.put(self.now + machine.dispatch, event);
        Ok(())
    }

    /// Returns whether the next diff of a topic may leave at once: none is under way, and the last
    /// one was longer ago than the interval. After a node has left, its own changes are not shown.
    pub(super) fn is_quiet(&self, number: usize, topic: &str) -> bool {
        let machine = &self.machines[number];
        // A change at the end of a stop may cancel a change that waited during it.
        if machine.left || machine.continued == Some(self.now) {
            return false;
        }
        let Some(listeners) = machine.topics.get(topic) else {
            return true;
        };
        let local = machine.clock.at(self.now);
        let over = |last: Duration| last + self.options.diff_interval <= local;
        listeners.under_way.is_none() && listeners.last.is_none_or(over)
    }

    /// Checks that the diff of a change has left, if the topic was quiet. Ticks that are due may
    /// come first: for the topics that wait, and for turns that show or hide metas of this topic.
    /// Turns for metas of other topics may not.
    pub(super) fn has_left_at_once(
        &mut self,
        number: usize,
        topic: &str,
        was_quiet: bool,
    ) -> Result<(), Violation> {
        if !was_quiet || self.ledger.is_none() {
            return Ok(());
        }
        let metas = self.machines.iter().flat_map(|machine| &machine.tracked);
        let metas = metas.filter(|((_, tracked, _), _)| **tracked == *topic);
        for _ in 0..FEW_TICKS + metas.count() {
            if !self.is_quiet(number, topic) {
                return Ok(());
            }
            self.tick_if_due(number)?;
        }
        let what = format!(
            "{}, {topic}: no diff is under way",
            self.machines[number].name
        );
        Err(self.violation((Rule::QuietTopic, what)))
    }

    /// Sees to it that the machine wakes when its node's next deadline comes.
    pub(super) fn schedule(&mut self, number: usize) {
        let machine = &mut self.machines[number];
        let Some(due) = machine.running().and_then(Node::next_deadline) else {
            return;
        };
        let due = machine.clock.when(due).max(self.now);
        if machine.wake.is_none_or(|wake| due < wake) {
            machine.wake = Some(due);
            self.events.put(due, SimEvent::Wake { machine: number });
        }
    }

    /// Checks all that a machine shows if what it holds is not what it was.
    pub(super) fn look_if_changed(&mut self, number: usize) -> Result<(), Violation> {
        if self.views_if_changed(number)? {
            self.look_closely(number)?;
        }
        Ok(())
    }

    pub(super) fn look(&mut self, number: usize) -> Result<(), Violation> {
        self.views_if_changed(number)?;
        self.look_closely(number)
    }

    fn views_if_changed(&mut self, number: usize) -> Result<bool, Violation> {
        let (Some(ledger), Some(node)) = (&mut self.ledger, &self.machines[number].node) else {
            return Ok(false);
        };
        let views = node.replicas();
        if views == self.machines[number].seen {
            return Ok(false);
        }
        let compared = ledger.compare(&views, &self.machines[number]);
        compared.map_err(|finding| self.violation(finding))?;
        self.machines[number].seen = views;
        Ok(true)
    }

    fn look_closely(&mut self, number: usize) -> Result<(), Violation> {
        let machine = &mut self.machines[number];
        let (Some(ledger), false) = (&self.ledger, machine.stopped) else {
            return Ok(());
        };
        let local = machine.clock.at(self.now);
        ledger
            .look(machine, local, self.options.diff_interval)
            .map_err(|finding| self.violation(finding))
    }

    pub(super) fn violation(&self, (rule, what): Finding) -> Violation {
        Violation {
            at: self.now,
            rule,
            what,
        }
    }
}

/// Returns a message in an earlier version of the format. Both ends then take each other for nodes
/// of that version. Returns `None` if that version has no such message.
fn in_version(version: u8, message: &Bytes) -> Option<Bytes> {
    let mut bytes = message.to_vec();
    if let Ok((header, mut body)) = message::decode(message)
        && version < message::PULL_SINCE
    {
        if matches!(body, Body::Pull(_) | Body::Cancel { .. }) {
            return None;
        }
        body.cut_tail();
        bytes = message::encode(&header, &body)?.into();
    }
    bytes[0] = version;
    Some(bytes.into())
}
