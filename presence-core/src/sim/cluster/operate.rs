//! The operations of a script on a cluster's machines and their network.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::{Cluster, mix, name_of};
use crate::pubsub::TrafficClass;
use crate::replication::message;
use crate::replication::set::ReplicaName;
use crate::sim::event::SimEvent;
use crate::sim::network::{Bandwidth, Bursts, Weather};
use crate::sim::{Operation, ScriptPresence, Violation};

/// `Cluster::track` or `Cluster::update`.
type TrackOrUpdate = fn(&mut Cluster, usize, u64, &str, &str, &Value) -> Result<bool, Violation>;

impl Cluster {
    /// Does what a line of a script says. One that names a machine that is not there does nothing.
    pub fn apply(&mut self, operation: &Operation) -> Result<(), Violation> {
        if machines_of(operation).any(|machine| machine >= self.machines.len()) {
            return Ok(());
        }
        if let Some(watcher) = &mut self.watcher {
            watcher(self.now, &format!("-- {operation}"));
        }
        match *operation {
            Operation::Wait(time) => self.run_for(time),
            Operation::Track(presence) => self.track_or_update(presence, Self::track),
            Operation::Update(presence) => self.track_or_update(presence, Self::update),
            Operation::Untrack(presence) => {
                let (topic, key) = names(presence);
                self.untrack(presence.node, presence.owner.into(), &topic, &key)?;
                Ok(())
            }
            Operation::OwnerEnds(node, owner) => self.owner_ends(node, owner.into()),
            Operation::OwnerLost(node, owner, grace) => self.lose(node, owner.into(), grace),
            Operation::List(node, topic, held_back) => {
                self.listen(node, &format!("t{topic}"), held_back.into());
                Ok(())
            }
            Operation::ListAgain(node, topic, client) => {
                self.listen_again(node, &format!("t{topic}"), client.into());
                Ok(())
            }
            Operation::Crash(node) => {
                self.crash(node);
                Ok(())
            }
            Operation::Start(node) => self.restart(node),
            Operation::Rename(node) => self.start_renamed(node),
            Operation::Downgrade(node) => self.start_downgraded(node),
            Operation::Engine(node, bytes) => self.start_over_engine(node, bytes),
            Operation::Twin(node, of) => self.start_as_twin(node, of),
            Operation::Stop(node) => {
                self.stop(node);
                Ok(())
            }
            Operation::Continue(node) => self.go_on(node),
            Operation::Leave(node, grace) => self.leave(node, grace),
            Operation::Cut(from, to) => {
                self.cut(from, to);
                Ok(())
            }
            Operation::Mend(from, to) => {
                self.network.mend(from, to);
                Ok(())
            }
            Operation::Part(ref side) => {
                self.part(side);
                Ok(())
            }
            Operation::Heal => {
                self.heal();
                Ok(())
            }
            Operation::Disconnect(node) => self.disconnect(node),
            Operation::Reconnect(node) => self.reconnect(node),
            Operation::Weather(weather) => {
                self.set_weather(weather);
                Ok(())
            }
            Operation::Bursts(bursts) => {
                self.set_bursts(bursts);
                Ok(())
            }
            Operation::Limit(node, bandwidth) => {
                self.limit(node, bandwidth);
                Ok(())
            }
            Operation::Unlimit(node) => {
                self.unlimit(node);
                Ok(())
            }
            Operation::WallClock(node, by) => {
                self.machines[node].wall_ahead += by;
                self.coverage.add("wall_clock_jumps", 1);
                Ok(())
            }
            Operation::Skew(node, rate) => {
                self.machines[node].clock.set_rate(self.now, rate);
                self.schedule(node);
                Ok(())
            }
            Operation::SlowDispatch(node, time) => {
                self.machines[node].dispatch = time;
                Ok(())
            }
            Operation::Hint(at, about) => self.hint(at, about),
            Operation::Snapshot(node) => {
                self.machines[node].save(self.now);
                Ok(())
            }
            Operation::Restore(node) => self.restore(node),
            Operation::Garbage(to, which) => self.garbage(to, which),
            Operation::Replay(to, which) => self.replay(to, which),
            Operation::Lie(to, about, which) => self.lie(to, about, which),
        }
    }

    fn track_or_update(
        &mut self,
        presence: ScriptPresence,
        what: TrackOrUpdate,
    ) -> Result<(), Violation> {
        self.metas += 1;
        let meta = serde_json::json!({ "number": self.metas });
        let (topic, key) = names(presence);
        what(
            self,
            presence.node,
            presence.owner.into(),
            &topic,
            &key,
            &meta,
        )?;
        Ok(())
    }

    /// Power off: nobody is told, and what was tracked there is gone.
    pub fn crash(&mut self, machine: usize) {
        if let Some(node) = self.machines[machine].off() {
            self.coverage.add_node(&node.counters());
            self.coverage.add("crashes", 1);
        }
    }

    /// Power on, under its own name. A machine that is on crashes first.
    pub fn restart(&mut self, machine: usize) -> Result<(), Violation> {
        self.crash(machine);
        self.coverage.add("starts", 1);
        self.machines[machine].name = name_of(machine);
        self.start(machine)
    }

    /// Power on, under a name that no machine has had, as with a new deployment. A machine that is
    /// on crashes first.
    pub fn start_renamed(&mut self, machine: usize) -> Result<(), Violation> {
        self.crash(machine);
        self.coverage.add("renames", 1);
        let starts = self.machines[machine].starts;
        self.machines[machine].name = ReplicaName::new(format!("n{machine}-{starts}"));
        self.start(machine)
    }

    /// Power on, with the version of the format between nodes before the present one. A machine
    /// that is on crashes first. It has the present version again after its next start.
    ///
    /// A node of version 1 neither sends nor understands requests with credit.
    pub fn start_downgraded(&mut self, machine: usize) -> Result<(), Violation> {
        self.crash(machine);
        self.coverage.add("downgrades", 1);
        self.machines[machine].name = name_of(machine);
        self.machines[machine].version = message::PULL_SINCE - 1;
        self.start(machine)
    }

    /// Power on, over an engine that carries messages of at most that many bytes. A machine that is
    /// on crashes first. Its engine has no limit again after its next start.
    ///
    /// A node needs about 2 KiB. With less, it sends messages that the engine rejects.
    pub fn start_over_engine(&mut self, machine: usize, bytes: usize) -> Result<(), Violation> {
        self.crash(machine);
        self.coverage.add("engines", 1);
        self.machines[machine].name = name_of(machine);
        self.machines[machine].engine = Some(bytes);
        self.start(machine)
    }

    /// Power on, under another machine's name: a mistake that must be told of, and be over when one
    /// of the two is.
    pub fn start_as_twin(&mut self, machine: usize, of: usize) -> Result<(), Violation> {
        self.crash(machine);
        self.coverage.add("twins", 1);
        self.twins = true;
        self.machines[machine].name = self.machines[of].name.clone();
        self.start(machine)
    }

    /// The process stands still, as by SIGSTOP: messages to it wait, some 64 at most.
    pub fn stop(&mut self, machine: usize) {
        let machine = &mut self.machines[machine];
        if machine.node.is_some() && !machine.stopped {
            machine.stopped = true;
            machine.witness.stop(machine.clock.at(self.now));
            self.coverage.add("stops", 1);
        }
    }

    /// A process that stood still goes on.
    pub fn go_on(&mut self, number: usize) -> Result<(), Violation> {
        let machine = &mut self.machines[number];
        if !machine.stopped {
            return Ok(());
        }
        machine.stopped = false;
        machine.continued = Some(self.now);
        let local = machine.clock.at(self.now);
        machine.witness.go_on(local, &self.options);
        let inbox = machine.take_inbox();
        self.tell_of_engine(number)?;
        let topics = self.resume_dispatches(number);
        // Which comes first, messages or timers, is the runtime's choice; diffs that were under way
        // come between.
        let timers_first = topics.len() % 2 == inbox.len() % 2;
        if timers_first {
            self.tick_if_due(number)?;
        }
        for message in inbox {
            self.deliver(number, message)?;
        }
        self.schedule(number);
        self.look(number)
    }

    /// Leaves in order: others go on showing its entries for `grace`. It sends nothing from then
    /// on, and its own clients stay until it crashes.
    pub fn leave(&mut self, number: usize, grace: Duration) -> Result<(), Violation> {
        let machine = &mut self.machines[number];
        if !machine.is_up() {
            return Ok(());
        }
        machine.left = true;
        self.coverage.add("leaves", 1);
        if let (Some(ledger), Some(node)) = (&mut self.ledger, &self.machines[number].node) {
            ledger.note_left(&node.replicas());
        }
        self.act(number, |node, _, out| node.leave(grace, out))?;
        self.look(number)
    }

    /// Nothing comes from the one to the other any more.
    pub fn cut(&mut self, from: usize, to: usize) {
        self.network.cut(from, to);
        self.coverage.add("cuts", 1);
    }

    /// Parts the network: these machines on one side, the others on the other.
    pub fn part(&mut self, side: &[usize]) {
        let side: BTreeSet<_> = side.iter().copied().collect();
        for from in 0..self.machines.len() {
            for to in 0..self.machines.len() {
                if side.contains(&from) != side.contains(&to) {
                    self.network.cut(from, to);
                }
            }
        }
        self.coverage.add("parts", 1);
    }

    /// Undoes all cuts and parts.
    pub fn heal(&mut self) {
        self.network.heal();
    }

    /// The machine's engine loses its broker, and knows it: nothing comes or goes until
    /// [`reconnect`](Self::reconnect), whatever else is cut or healed.
    pub fn disconnect(&mut self, machine: usize) -> Result<(), Violation> {
        if self.network.set_away(machine, true) {
            self.coverage.add("disconnects", 1);
        }
        self.tell_of_engine(machine)
    }

    /// The machine's engine is connected to its broker again.
    pub fn reconnect(&mut self, machine: usize) -> Result<(), Violation> {
        self.network.set_away(machine, false);
        self.tell_of_engine(machine)
    }

    /// Tells a machine's node whether its engine has a broker. A process that stands still learns
    /// of it when it goes on.
    pub(super) fn tell_of_engine(&mut self, number: usize) -> Result<(), Violation> {
        let away = self.network.is_away(number);
        let machine = &mut self.machines[number];
        if machine.running().is_none() {
            return Ok(());
        }
        let local = machine.clock.at(self.now);
        machine.witness.engine_is_away(away, local);
        self.act(number, |node, now, out| node.engine_is_away(away, now, out))?;
        self.look_if_changed(number)
    }

    /// How the network treats messages from now on.
    pub fn set_weather(&mut self, weather: Weather) {
        self.network.weather = weather;
    }

    /// Gives the link of a machine a bandwidth, in each direction, from now on.
    pub fn limit(&mut self, machine: usize, bandwidth: Bandwidth) {
        self.network.limit(machine, bandwidth);
        self.coverage.add("limits", 1);
    }

    /// Takes the bandwidth's bound from the link of a machine.
    pub fn unlimit(&mut self, machine: usize) {
        self.network.unlimit(machine);
    }

    /// How the network loses messages in bursts from now on.
    pub fn set_bursts(&mut self, bursts: Bursts) {
        self.network.bursts = bursts;
    }

    /// The app sends a message of that many bytes. Returns the time that it takes; `None`: it is
    /// lost.
    pub fn app_message(&mut self, from: usize, to: usize, bytes: usize) -> Option<Duration> {
        let [arrival, _] = self
            .network
            .send(from, to, (TrafficClass::Live, bytes), self.now);
        arrival.map(|arrival| arrival - self.now)
    }

    /// Tells the one that the other is lost, as an engine may, true or not.
    pub fn hint(&mut self, at: usize, about: usize) -> Result<(), Violation> {
        let name = self.machines[about].name.clone();
        self.coverage.add("hints", 1);
        self.act(at, |node, now, out| node.peer_lost(name.as_str(), now, out))?;
        self.look_if_changed(at)
    }

    /// The machine becomes what it was when it was saved.
    fn restore(&mut self, number: usize) -> Result<(), Violation> {
        let Some(before) = self.machines[number].restore(self.now) else {
            return Ok(());
        };
        self.coverage.add("restores", 1);
        if let Some(node) = before {
            self.coverage.add_node(&node.counters());
        }
        if let (Some(ledger), Some(node)) = (&mut self.ledger, &self.machines[number].node) {
            ledger.note_restored(&node.replicas());
        }
        self.resume_dispatches(number);
        self.schedule(number);
        self.tell_of_engine(number)?;
        self.look(number)
    }

    /// Diffs that were under way when the machine stopped or was saved arrive now.
    fn resume_dispatches(&mut self, number: usize) -> Vec<Arc<str>> {
        let machine = &self.machines[number];
        let under_way = machine
            .topics
            .iter()
            .filter(|(_, listeners)| listeners.under_way.is_some());
        let topics: Vec<_> = under_way.map(|(topic, _)| Arc::clone(topic)).collect();
        let (life, at) = (machine.life, self.now + machine.dispatch);
        for topic in &topics {
            self.events.put(
                at,
                SimEvent::Dispatched {
                    machine: number,
                    life,
                    topic: Arc::clone(topic),
                },
            );
        }
        topics
    }

    fn garbage(&mut self, to: usize, which: u64) -> Result<(), Violation> {
        let mut rng = fastrand::Rng::with_seed(mix(&[self.seed, which]));
        let past = self.network.past(which, Duration::ZERO).cloned();
        let bytes: Vec<u8> = match (which % 3, past) {
            // A message that was cut short.
            (0, Some(message)) if !message.is_empty() => {
                message[..rng.usize(..message.len())].into()
            }
            // One whose beginning is right.
            (1, Some(message)) => {
                let right = message.len().min(rng.usize(1..8));
                let mut bytes = message[..right].to_vec();
                bytes.extend((0..rng.usize(..64)).map(|_| rng.u8(..)));
                bytes
            }
            _ => (0..rng.usize(..64)).map(|_| rng.u8(..)).collect(),
        };
        self.coverage.add("garbage", 1);
        self.deliver(to, bytes.into())
    }

    fn replay(&mut self, to: usize, which: u64) -> Result<(), Violation> {
        // Older messages were forgotten in order, and may be accepted once more.
        let oldest = self.now.saturating_sub(self.options.permdown_period / 2);
        let Some(message) = self.network.past(which, oldest).cloned() else {
            return Ok(());
        };
        if self.network.is_away(to) {
            return Ok(());
        }
        self.coverage.add("replays", 1);
        self.deliver(to, message)
    }
}

fn names(presence: ScriptPresence) -> (String, String) {
    (format!("t{}", presence.topic), format!("k{}", presence.key))
}

/// The numbers of the machines that an operation names.
fn machines_of(operation: &Operation) -> impl Iterator<Item = usize> {
    let (pair, side): ([Option<usize>; 2], &[usize]) = match operation {
        Operation::Wait(_) | Operation::Heal | Operation::Weather(_) | Operation::Bursts(_) => {
            ([None; 2], &[])
        }
        Operation::Track(presence) | Operation::Update(presence) | Operation::Untrack(presence) => {
            ([Some(presence.node), None], &[])
        }
        Operation::OwnerEnds(node, _)
        | Operation::OwnerLost(node, ..)
        | Operation::List(node, ..)
        | Operation::ListAgain(node, ..)
        | Operation::Crash(node)
        | Operation::Start(node)
        | Operation::Rename(node)
        | Operation::Downgrade(node)
        | Operation::Engine(node, _)
        | Operation::Limit(node, _)
        | Operation::Unlimit(node)
        | Operation::Stop(node)
        | Operation::Continue(node)
        | Operation::Leave(node, _)
        | Operation::Disconnect(node)
        | Operation::Reconnect(node)
        | Operation::WallClock(node, _)
        | Operation::Skew(node, _)
        | Operation::SlowDispatch(node, _)
        | Operation::Snapshot(node)
        | Operation::Restore(node)
        | Operation::Garbage(node, _)
        | Operation::Replay(node, _) => ([Some(*node), None], &[]),
        Operation::Cut(one, other)
        | Operation::Mend(one, other)
        | Operation::Twin(one, other)
        | Operation::Hint(one, other)
        | Operation::Lie(one, other, _) => ([Some(*one), Some(*other)], &[]),
        Operation::Part(side) => ([None; 2], side),
    };
    pair.into_iter().flatten().chain(side.iter().copied())
}
