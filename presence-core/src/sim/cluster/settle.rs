//! The checks some time after the last fault.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::json;

use super::Cluster;
use crate::replication::message;
use crate::replication::node::{Node, Status};
use crate::replication::set::{Delta, PhxRef};
use crate::sim::ledger::Finding;
use crate::sim::machine::Machine;
use crate::sim::network::{Bursts, Weather};
use crate::sim::violation::{Rule, Violation};

/// The time between two checks whether the nodes agree.
const LOOK: Duration = Duration::from_millis(20);

/// The slowest clock of a machine for which the bounds here hold: a tenth slower than the world's.
const SLOWEST: (u32, u32) = (10, 9);

/// The longest time until a change is seen: its message may be overtaken by the next one, and is
/// then asked for.
const AT_ONCE: Duration = Duration::from_millis(50);

/// The most bytes of a part of an answer beside its contents.
const AROUND_A_PART: u64 = 100;

/// Where the last presences are, which come when all has settled.
const LAST_TOPIC: &str = "last";
const LAST_OWNER: u64 = 1 << 32;

impl Cluster {
    /// Heals the network, has all that stand still go on, and waits until every machine that is up
    /// lists the truth of all that are up; returns how long that took. Links keep their bandwidth.
    ///
    /// # Errors
    ///
    /// If it takes longer than two heartbeats and what the transfers take over the slowest link, or
    /// something else is wrong.
    pub fn converge(&mut self) -> Result<Duration, Violation> {
        self.heal();
        self.set_weather(Weather::CALM);
        self.set_bursts(Bursts::NONE);
        for number in 0..self.machines.len() {
            self.reconnect(number)?;
            self.machines[number].dispatch = Duration::ZERO;
            self.go_on(number)?;
        }
        let healed = self.now;
        self.part_twins();
        let bound = slow(2 * self.options.broadcast_period) + self.transfers() + self.passages();
        while let Err(finding) = self.agreement() {
            // Only now may a node find that it has turned too often.
            if self.now >= healed + bound + self.quarrel() {
                return Err(self.violation(finding));
            }
            self.run_for(LOOK)?;
        }
        self.live_first()?;
        let took = self.now - healed;
        self.coverage.add("converged", 1);
        if took > self.options.broadcast_period {
            self.coverage.add("converged_late", 1);
        }
        Ok(took)
    }

    /// As [`converge`](Self::converge), and then waits until all that is gone is forgotten, ends
    /// all presences, and checks that nothing of anything remains.
    ///
    /// `grace` is the longest that a machine has left with, or that a connection was lost with.
    ///
    /// # Errors
    ///
    /// If something remains beyond its time, or something else is wrong.
    pub fn settle(&mut self, grace: Duration) -> Result<(), Violation> {
        self.converge()?;
        for number in 0..self.machines.len() {
            self.unlimit(number);
        }
        // Whoever is gone may still be heard.
        let arrived = self.network.last_arrival().unwrap_or_default();
        self.run_for(arrived.saturating_sub(self.now))?;
        let periods = slow(3 * self.options.broadcast_period) + self.transfers();
        let gone = slow(self.options.down_period.max(grace)) + periods;
        self.run_for(gone)?;
        // Where nodes showed the same in spite of a quarrel, it may have come to light only now.
        self.run_for(self.quarrel())?;
        self.check(Self::truth)?;
        self.look_at_all()?;
        self.run_for(slow(2 * self.options.permdown_period) + periods + self.quarrel())?;
        self.check(Self::nothing_kept)?;
        self.check(Self::nothing_lacks)?;
        self.check(Self::truth)?;
        self.prompt()?;
        self.phones()?;
        self.farewell()?;
        self.newcomer()?;
        for number in 0..self.machines.len() {
            let owners = self.machines[number].tracked.keys();
            let owners: BTreeSet<_> = owners.map(|(owner, ..)| *owner).collect();
            for owner in owners {
                self.owner_ends(number, owner)?;
            }
        }
        self.run_for(periods)?;
        self.check(Self::truth)?;
        self.look_at_all()
    }

    /// A presence that comes in a quiet network is everywhere as soon as the message is.
    fn prompt(&mut self) -> Result<(), Violation> {
        let up = (0..self.machines.len()).find(|number| self.up(*number).is_some());
        let Some(up) = up else { return Ok(()) };
        self.track(up, LAST_OWNER, LAST_TOPIC, "prompt", &json!({}))?;
        self.run_for(AT_ONCE)?;
        self.agreement()
            .map_err(|(_, what)| self.violation((Rule::AtOnce, what)))?;
        self.check(Self::once)
    }

    /// A user's connections are lost in a quiet network.
    fn phones(&mut self) -> Result<(), Violation> {
        // A node of version 1 does not know of losses.
        let is_new = |number: &usize| self.machines[*number].version == message::VERSION;
        let up = (0..self.machines.len()).filter(|number| self.up(*number).is_some());
        let up: Vec<_> = up.filter(is_new).collect();
        match up[..] {
            [at, elsewhere, ..] => {
                let machines = (at, elsewhere, up.get(2).copied());
                self.comes_back(machines, LAST_TOPIC, LAST_OWNER + 2)
            }
            _ => Ok(()),
        }
    }

    /// One machine leaves in order and is shown until its grace ends, except for one tab of a user
    /// with two, which comes back elsewhere.
    fn farewell(&mut self) -> Result<(), Violation> {
        const GRACE: Duration = Duration::from_secs(2);
        let mut up = (0..self.machines.len()).filter(|number| self.up(*number).is_some());
        let (Some(other), Some(leaver)) = (up.next(), up.next_back()) else {
            return Ok(());
        };
        self.track(leaver, LAST_OWNER, LAST_TOPIC, "farewell", &json!({}))?;
        for tab in [LAST_OWNER, LAST_OWNER + 1] {
            self.track(leaver, tab, LAST_TOPIC, "tabs", &json!({}))?;
        }
        self.run_for(self.options.broadcast_period)?;
        self.leave(leaver, GRACE)?;
        self.run_for(Duration::from_millis(100))?;
        self.expect_metas(other, [1, 2])?;
        self.track(other, LAST_OWNER, LAST_TOPIC, "tabs", &json!({}))?;
        self.expect_metas(other, [1, 2])?;
        self.run_for(Duration::from_millis(1600))?;
        self.expect_metas(other, [1, 2])?;
        self.run_for(Duration::from_millis(800))?;
        self.expect_metas(other, [0, 1])
    }

    /// A machine starts again, lacks everything, and receives it once.
    fn newcomer(&mut self) -> Result<(), Violation> {
        let up: Vec<_> = (0..self.machines.len())
            .filter(|number| self.up(*number).is_some())
            .collect();
        let [others @ .., newcomer] = &up[..] else {
            return Ok(());
        };
        if others.is_empty() {
            return Ok(());
        }
        let before = self.network.bulk_received(*newcomer);
        self.meddles_with = None;
        // Under the name that it has: an earlier start of another name would be silent, and shown.
        self.crash(*newcomer);
        self.start(*newcomer)?;
        let minimum: u64 = others.iter().map(|other| self.held_bytes(*other)).sum();
        self.converge()?;
        self.run_for(slow(self.options.broadcast_period))?;
        let received = self.network.bulk_received(*newcomer);
        let messages = received.messages - before.messages;
        // The beginning of a message, and what it says of its answer.
        let contents = (received.bytes - before.bytes).saturating_sub(messages * AROUND_A_PART);
        if contents * 10 > minimum * 13 {
            let what = format!("{contents} bytes in {messages} answers, {minimum} are lacking");
            return Err(self.violation((Rule::Thrifty, what)));
        }
        Ok(())
    }

    /// Checks the numbers of metas of the user who is gone and of the user with two tabs.
    fn expect_metas(&mut self, at: usize, expected: [usize; 2]) -> Result<(), Violation> {
        let metas = ["farewell", "tabs"].map(|key| {
            let node = self.machines[at].running();
            node.map_or(0, |node| node.get_by_key(LAST_TOPIC, key).len())
        });
        if metas == expected {
            return Ok(());
        }
        let what = format!("{metas:?} metas are shown and not {expected:?}");
        Err(self.violation((Rule::Grace, what)))
    }

    /// Checks that no live message was lost because bulk filled the queue of a link.
    fn live_first(&self) -> Result<(), Violation> {
        match self.network.fates.behind_bulk {
            0 => Ok(()),
            lost => {
                let what = format!("{lost} of them");
                Err(self.violation((Rule::LiveFirst, what)))
            }
        }
    }

    /// Two nodes of one name never agree: all but the first are switched off.
    fn part_twins(&mut self) {
        for number in 0..self.machines.len() {
            let name = self.machines[number].name.clone();
            let first = self.machines[..number].iter();
            if first
                .filter(|other| other.node.is_some())
                .any(|other| other.name == name)
            {
                self.crash(number);
            }
        }
    }

    /// Returns the time for which a node may be unheard if it had a twin or was set back again and
    /// again. Such a node has used up the new incarnations of ten periods, and its peers know a
    /// later one. A copy that a liar has set ahead is noticed by a heartbeat that nothing
    /// overtakes.
    fn quarrel(&self) -> Duration {
        if self.has_quarrels() {
            slow(10 * self.options.broadcast_period)
        } else {
            Duration::ZERO
        }
    }

    /// Returns the time for requests, their answers and bounded batches, beside the heartbeats.
    fn transfers(&self) -> Duration {
        self.options.suspect_period + 4 * self.options.diff_interval + Duration::from_secs(1)
    }

    /// Returns the longest time in which all that is tracked reaches every machine, over links with
    /// a bandwidth. Everything may have to pass one link: into a machine that lacks it all, or out
    /// of one whom all others ask.
    fn passages(&self) -> Duration {
        let nodes: Vec<_> = self.machines.iter().filter_map(Machine::running).collect();
        let all: u64 = nodes
            .iter()
            .map(|node| encoded_bytes(&node.snapshots()))
            .sum();
        let copies = (nodes.len() as u64).saturating_sub(1);
        // Rule 15, once a link is healed: a first request may have been lost before.
        2 * self.network.longest_passage(all * copies)
    }

    fn check(&self, what: fn(&Self) -> Result<(), Finding>) -> Result<(), Violation> {
        what(self).map_err(|finding| self.violation(finding))
    }

    fn look_at_all(&mut self) -> Result<(), Violation> {
        (0..self.machines.len()).try_for_each(|number| self.look(number))
    }

    /// Every machine that is up lists of every other one that is up what is tracked there.
    fn agreement(&self) -> Result<(), Finding> {
        for at in 0..self.machines.len() {
            let Some(node) = self.up(at) else { continue };
            let listed = self.listed(node);
            for of in (0..self.machines.len()).filter(|of| self.up(*of).is_some()) {
                let name = &self.machines[of].name;
                let shown = listed
                    .iter()
                    .filter(|(origin, ..)| origin.as_str() == name.as_str());
                let (graced, shown): (Vec<_>, Vec<_>) = shown.partition(|(.., graced)| *graced);
                let refs = |listed: Vec<&(String, PhxRef, bool)>| -> BTreeSet<PhxRef> {
                    listed.into_iter().map(|(_, held, _)| *held).collect()
                };
                let (graced, shown) = (refs(graced), refs(shown));
                let (truth, lost) = (self.tracked_on(of), &self.machines[of].lost);
                // An earlier start of it may be in its grace, and so may this one, if it was
                // restored.
                let lacks = truth
                    .iter()
                    .any(|held| !shown.contains(held) && !graced.contains(held));
                if lacks
                    || !shown
                        .iter()
                        .all(|held| truth.contains(held) || lost.contains_key(held))
                {
                    let at = &self.machines[at].name;
                    let what = format!("{at} lists of {name} {shown:?}, tracked are {truth:?}");
                    return Err((Rule::Converges, what));
                }
            }
        }
        Ok(())
    }

    /// Every machine that is up lists what is tracked on those that are, and nothing else.
    fn truth(&self) -> Result<(), Finding> {
        let up = (0..self.machines.len()).filter(|number| self.up(*number).is_some());
        let truth: BTreeSet<_> = up.flat_map(|number| self.tracked_on(number)).collect();
        for at in 0..self.machines.len() {
            let Some(node) = self.up(at) else { continue };
            let listed = self.listed(node);
            let shown: BTreeSet<_> = listed.iter().map(|(_, held, _)| *held).collect();
            if shown != truth {
                let name = &self.machines[at].name;
                let rule = if shown.is_superset(&truth) {
                    Rule::Forgets
                } else {
                    Rule::Converges
                };
                return Err((
                    rule,
                    format!("{name} lists {shown:?}, the truth is {truth:?}"),
                ));
            }
        }
        Ok(())
    }

    /// No machine that is up knows of any but those that are.
    fn nothing_kept(&self) -> Result<(), Finding> {
        for at in 0..self.machines.len() {
            let Some(node) = self.up(at) else { continue };
            for view in node.replicas() {
                let is_up = |number: usize| {
                    self.machines[number].name == view.origin.name && self.up(number).is_some()
                };
                let up = (0..self.machines.len()).any(is_up);
                let fine = matches!(view.status, Some(Status::Me | Status::Up | Status::Suspect));
                if !up || !fine {
                    let what = format!("{} keeps {view:?}", self.machines[at].name);
                    return Err((Rule::Forgets, what));
                }
            }
        }
        Ok(())
    }

    /// No machine that is up believes that it lacks changes.
    fn nothing_lacks(&self) -> Result<(), Finding> {
        for at in 0..self.machines.len() {
            let behind = self.up(at).map(Node::behind).unwrap_or_default();
            if !behind.is_empty() {
                let what = format!("{} asks for more of {behind:?}", self.machines[at].name);
                return Err((Rule::Quiet, what));
            }
        }
        Ok(())
    }

    fn up(&self, number: usize) -> Option<&Node> {
        let machine = &self.machines[number];
        machine.running().filter(|_| machine.is_up())
    }

    fn tracked_on(&self, number: usize) -> BTreeSet<PhxRef> {
        self.machines[number].tracked.values().copied().collect()
    }

    /// Returns the list of a node: for each meta its node, its reference, and whether the replica
    /// of that start is in its grace.
    fn listed(&self, node: &Node) -> Vec<(String, PhxRef, bool)> {
        let Some(ledger) = &self.ledger else {
            return Vec::new();
        };
        let entries = ledger.listed(node);
        let listed = entries.values().flatten().map(|entry| {
            let origin = &entry.tag.origin;
            let graced = ledger.has_left(origin);
            (origin.name.to_string(), entry.meta.reference(), graced)
        });
        listed.collect()
    }
}

/// Returns the bytes of these deltas, one of each shard.
pub(in crate::sim) fn encoded_bytes(deltas: &[Delta]) -> u64 {
    let lengths = deltas.iter().enumerate().map(|(shard, delta)| {
        let body = message::body_of_delta(shard as u16, delta);
        postcard::to_allocvec(&body).map_or(0, |bytes| bytes.len() as u64)
    });
    lengths.sum()
}

fn slow(time: Duration) -> Duration {
    time * SLOWEST.0 / SLOWEST.1
}
