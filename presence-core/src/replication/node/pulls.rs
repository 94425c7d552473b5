//! The changes that this node lacks of other replicas, and their transfer within a window.
//!
//! A shard says what it lacks. The node asks for the answer in parts: each request gives credit for
//! some parts, and the answer goes on only within it. The credit of all answers together keeps
//! within one [`Window`], so that what is caught up with never fills the queues on the way: the
//! app's messages and the heartbeats are in the same queues.
//!
//! A part that does not come is asked for again, and what has come is kept. An answer is given up
//! when it has made no progress for several times the usual delay, and sooner if nothing else comes
//! from its node either; then its shard asks anew, and another node.

mod sizes;
mod transfer;
mod window;

#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use sizes::AnswerSizes;
use transfer::Pull;
use window::Window;

use crate::replication::set::{Origin, ReplicaName};
use crate::replication::shard::{Ask, Credit, Part};

/// The silences after which an answer that has begun is given up. Before each but the last, the
/// missing parts are asked for again.
const MAX_SILENCES: u32 = 4;
/// The most parts that one message grants, and the most that it asks for again.
const MAX_GRANT: u32 = 64;
const MAX_AGAIN: usize = 64;
/// The parts of an answer come in order, as engines carry them. One that is this far behind another
/// is lost.
const OVERTAKEN_BY: u32 = 3;
/// The most small answers beyond the window.
const MAX_SMALL: usize = 16;
/// The most answers at once of nodes that take no credit.
const MAX_WITHOUT_CREDIT: usize = 4;

/// The answers that a node waits for, and its requests that wait for room.
#[derive(Clone, Debug)]
pub(super) struct Pulls {
    /// Requests for few changes, as after a lost message: they wait for no large answer.
    small: VecDeque<WantedPull>,
    large: VecDeque<WantedPull>,
    /// The oldest first: what was begun first is completed first.
    active: Vec<Pull>,
    window: Window,
    sizes: AnswerSizes,
    /// The largest part to ask for, in bytes.
    most_part_bytes: usize,
}

#[derive(Clone, Debug)]
struct WantedPull {
    place: usize,
    ask: Ask,
}

/// An action that the pulls want of their node.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum PullAction {
    /// Ask this node, without credit.
    Ask {
        to: ReplicaName,
        place: usize,
        ask: Ask,
    },
    /// Ask this node, or give it further credit.
    Pull {
        to: ReplicaName,
        place: usize,
        ask: Ask,
        credit: Credit,
    },
    /// Tell this node that the answer is no longer wanted.
    Cancel {
        to: ReplicaName,
        place: usize,
        id: u64,
    },
    /// Tell the shard that its request is over.
    Over {
        place: usize,
        origin: Arc<Origin>,
        id: u64,
    },
}

/// The node that a request goes to.
#[derive(Debug)]
pub(crate) struct Answerer {
    pub(crate) name: ReplicaName,
    /// Set if the node knows requests with credit.
    pub(crate) takes_credit: bool,
}

/// The node around the pulls.
pub(super) trait PullHost {
    /// Returns the node to ask for a replica.
    fn whom_to_ask(
        &mut self,
        replica: &ReplicaName,
        attempt: u32,
        now: Duration,
    ) -> Option<Answerer>;

    /// Returns whether nothing was received lately of a node that is asked.
    fn is_silent(&mut self, answerer: &ReplicaName, now: Duration) -> bool;

    /// Returns whether the shard still waits for the answer to this request.
    fn is_wanted(&mut self, place: usize, ask: &Ask) -> bool;
}

impl Pulls {
    pub(super) fn new(most_part_bytes: usize) -> Self {
        Self {
            small: VecDeque::new(),
            large: VecDeque::new(),
            active: Vec::new(),
            window: Window::default(),
            sizes: AnswerSizes::default(),
            most_part_bytes,
        }
    }

    /// A shard lacks something.
    pub(super) fn want(&mut self, place: usize, ask: Ask) {
        let queue = match ask.is_small {
            true => &mut self.small,
            false => &mut self.large,
        };
        queue.push_back(WantedPull { place, ask });
    }

    /// Returns whether `sender` was asked for this replica under this number, and is waited for.
    pub(super) fn expects(
        &self,
        place: usize,
        origin: &Origin,
        id: u64,
        sender: &ReplicaName,
    ) -> bool {
        let mut active = self.active.iter();
        active.any(|pull| pull.is_about(place, origin, id) && pull.whom == *sender)
    }

    /// A part has come, and its shard has it. `is_wanted`: the shard waits for more of the answer.
    pub(super) fn arrived(
        &mut self,
        part: PartArrival,
        is_wanted: bool,
        now: Duration,
        actions: &mut Vec<PullAction>,
    ) {
        let patience = self.window.patience();
        let Some(place) = self.active.iter().position(|pull| pull.ask.id == part.id) else {
            return;
        };
        let pull = &mut self.active[place];
        let told = (part.of > 0).then_some(part.of);
        let is_other = pull
            .of
            .is_some_and(|of| told.is_some_and(|told| told != of));
        if is_other || *pull.end.get_or_insert(part.to) != part.to {
            // The node has begun anew, as after a restart: what has come does not go with it.
            return self.give_up(place, actions);
        }
        pull.about = pull.about.max(pull.expects(&part));
        if let Some(of) = told.filter(|_| pull.of.is_none()) {
            pull.of = Some(of);
            // Nothing beyond the last part will come.
            let beyond = pull.missing.split_off(&of);
            self.window.release(beyond.len() * pull.part_bytes);
        }
        if pull.missing.remove(&part.index) {
            pull.silences = 0;
            pull.patience_ends = now + patience;
            let bytes = match part.of {
                1 => part.bytes.min(pull.part_bytes),
                _ => pull.part_bytes,
            };
            if part.index == 0 {
                let whole = (part.of == 1).then_some(bytes);
                self.sizes.began(pull.ask.is_small, whole);
            }
            if let Some(delay) = pull.delay_of(&part, now) {
                self.window.arrived(bytes, delay, now);
            }
            self.window.release(pull.part_bytes);
            let overtaken = pull.overtaken_by(part.index);
            if !overtaken.is_empty() {
                self.window.lost(now);
                actions.push(pull.pull(overtaken));
            }
        } else if !pull.takes_credit {
            pull.patience_ends = now + patience;
        }
        if !is_wanted {
            self.end(place, actions);
        } else if self.active[place].is_whole() {
            self.give_up(place, actions);
        }
    }

    /// Gives up what took too long, grants what there is room for, and begins what waits.
    pub(super) fn go_on(
        &mut self,
        now: Duration,
        host: &mut impl PullHost,
        actions: &mut Vec<PullAction>,
    ) {
        self.lose_patience(now, host, actions);
        self.grant(now, actions);
        self.begin(now, host, actions);
    }

    /// A node has gone, or has started again: ends the answers that its shard no longer waits for,
    /// and those that the node would have sent.
    pub(super) fn gone(
        &mut self,
        name: &ReplicaName,
        host: &mut impl PullHost,
        actions: &mut Vec<PullAction>,
    ) {
        let mut place = 0;
        while let Some(pull) = self.active.get(place) {
            if !host.is_wanted(pull.place, &pull.ask) {
                self.end(place, actions);
            } else if pull.whom == *name {
                self.give_up(place, actions);
            } else {
                place += 1;
            }
        }
    }

    /// When [`go_on`](Self::go_on) is due, if nothing comes.
    pub(super) fn next_deadline(&self) -> Option<Duration> {
        self.active.iter().map(|pull| pull.patience_ends).min()
    }

    fn lose_patience(
        &mut self,
        now: Duration,
        host: &mut impl PullHost,
        actions: &mut Vec<PullAction>,
    ) {
        let mut place = 0;
        while let Some(pull) = self.active.get_mut(place) {
            if pull.patience_ends > now {
                place += 1;
                continue;
            }
            if !host.is_wanted(pull.place, &pull.ask) {
                self.end(place, actions);
                continue;
            }
            let is_silent = host.is_silent(&pull.whom, now);
            if pull.waits_for_room() && !is_silent {
                // It is not the answerer that holds it up. An answer that is mentioned is kept.
                pull.patience_ends = now + self.window.patience();
                actions.push(pull.pull(Vec::new()));
                place += 1;
                continue;
            }
            pull.silences += 1;
            let may_go_on = pull.takes_credit && pull.end.is_some();
            let is_hopeless = is_silent || pull.silences >= MAX_SILENCES;
            if !may_go_on || is_hopeless {
                self.window.lost(now);
                self.give_up(place, actions);
                continue;
            }
            pull.patience_ends = now + self.window.repeated_patience(pull.silences);
            self.window.lost(now);
            let again = pull.missing.iter().copied().take(MAX_AGAIN);
            let again: Vec<_> = again.collect();
            pull.repeated.extend(&again);
            actions.push(pull.pull(again));
            place += 1;
        }
    }

    fn grant(&mut self, now: Duration, actions: &mut Vec<PullAction>) {
        for pull in &mut self.active {
            if pull.end.is_none() || !pull.takes_credit {
                continue;
            }
            let room = (self.window.room() / pull.part_bytes).min(MAX_GRANT as usize) as u32;
            // The window may have shrunk below the parts of an answer that began before.
            let room = room.max(u32::from(self.window.is_idle()));
            let more = pull.left().min(room);
            if more == 0 {
                continue;
            }
            self.window.grant(more as usize * pull.part_bytes);
            if pull.waits_for_room() {
                // It was quiet because this node granted nothing.
                pull.patience_ends = now + self.window.patience();
            }
            pull.grant(more, now);
            actions.push(pull.pull(Vec::new()));
        }
    }

    fn begin(&mut self, now: Duration, host: &mut impl PullHost, actions: &mut Vec<PullAction>) {
        // Requests to nodes that take no credit, of which enough are under way. Those behind them
        // do not wait for that.
        let mut later = Vec::new();
        loop {
            let most = self.window.part_bytes(self.most_part_bytes);
            let part_bytes = self.sizes.next_part(!self.small.is_empty(), most);
            let small = self.active.iter().filter(|pull| pull.ask.is_small);
            let has_room = self.window.room() >= part_bytes || self.active.is_empty();
            let next = if has_room || small.count() < MAX_SMALL {
                self.small.pop_front()
            } else {
                None
            };
            let next = match next {
                None if has_room => self.large.pop_front(),
                next => next,
            };
            let Some(WantedPull { place, ask }) = next else {
                break;
            };
            if !host.is_wanted(place, &ask) {
                continue;
            }
            let Some(Answerer { name, takes_credit }) =
                host.whom_to_ask(&ask.origin.name, ask.attempt, now)
            else {
                actions.push(over(place, &ask));
                continue;
            };
            if !takes_credit {
                let others = self.active.iter().filter(|pull| !pull.takes_credit);
                if others.count() >= MAX_WITHOUT_CREDIT {
                    later.push(WantedPull { place, ask });
                    continue;
                }
            }
            let part_bytes = self.sizes.next_part(ask.is_small, most);
            let mut pull = Pull {
                place,
                whom: name,
                takes_credit,
                part_bytes,
                end: None,
                of: None,
                about: None,
                granted: 0,
                grants: VecDeque::new(),
                missing: BTreeSet::new(),
                repeated: BTreeSet::new(),
                patience_ends: now + self.window.repeated_patience(ask.attempt),
                silences: 0,
                ask,
            };
            if takes_credit {
                self.window.grant(part_bytes);
                pull.grant(1, now);
                actions.push(pull.pull(Vec::new()));
            } else {
                actions.push(PullAction::Ask {
                    to: pull.whom.clone(),
                    place,
                    ask: pull.ask.clone(),
                });
            }
            self.active.push(pull);
        }
        for wanted in later.into_iter().rev() {
            let queue = match wanted.ask.is_small {
                true => &mut self.small,
                false => &mut self.large,
            };
            queue.push_front(wanted);
        }
    }

    /// Ends a pull that led to nothing, or to nothing more.
    fn give_up(&mut self, place: usize, actions: &mut Vec<PullAction>) {
        let pull = &self.active[place];
        actions.push(over(pull.place, &pull.ask));
        self.end(place, actions);
    }

    fn end(&mut self, place: usize, actions: &mut Vec<PullAction>) {
        let pull = self.active.remove(place);
        self.window.release(pull.missing.len() * pull.part_bytes);
        // An answer of one part is forgotten as soon as it is sent.
        if pull.takes_credit && pull.of != Some(1) {
            actions.push(PullAction::Cancel {
                to: pull.whom,
                place: pull.place,
                id: pull.ask.id,
            });
        }
    }
}

/// The statements of a part about its answer.
#[derive(Clone, Copy, Debug)]
pub(super) struct PartArrival {
    id: u64,
    index: u32,
    of: u32,
    to: u64,
    /// The clock of its last entry. `None` if it has no entries.
    reached: Option<u64>,
    bytes: usize,
}

impl From<&Part> for PartArrival {
    fn from(part: &Part) -> Self {
        Self {
            id: part.id,
            index: part.index,
            of: part.of,
            to: part.to.get(),
            reached: part.adds.last().map(|entry| entry.tag.clock.get()),
            bytes: part.bytes(),
        }
    }
}

fn over(place: usize, ask: &Ask) -> PullAction {
    PullAction::Over {
        place,
        origin: Arc::clone(&ask.origin),
        id: ask.id,
    }
}
