//! Conflicts: another node has this node's name, or knows a later incarnation of it.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use super::{Membership, MembershipEvent, ReplicaEvent};
use crate::replication::set::{Incarnation, Origin};
use crate::replication::shard::Input;

/// The number of times that a node continues under another incarnation, in [`WINDOW`] periods,
/// before that is an error.
const MOST: usize = 3;
/// In periods.
const WINDOW: u32 = 10;
/// No clock reads so late, and above it there is little left that peers would take. Who claims it
/// lies.
const NEVER: u64 = 1 << 59;

/// The turns of late.
#[derive(Clone, Debug, Default)]
pub(super) struct Turns {
    recent: VecDeque<Duration>,
    reported: Option<Duration>,
}

impl Membership {
    /// A message under this node's name.
    pub(super) fn heard_own_name(
        &mut self,
        incarnation: Incarnation,
        now: Duration,
        events: &mut Vec<MembershipEvent>,
    ) {
        let mine = self.me.incarnation;
        if incarnation > mine {
            self.go_above(incarnation, now, events);
        } else if incarnation < mine {
            let sender = Origin {
                name: self.me.name.clone(),
                incarnation,
            };
            self.refuse(&sender, (mine, self.number), events);
        }
    }

    /// Handles a refusal: a peer knows a later incarnation of this node, or messages of this
    /// incarnation that this node has not sent yet. A machine that was restored from a snapshot
    /// numbers its messages again.
    pub(crate) fn refused(
        &mut self,
        refused: Incarnation,
        known: (Incarnation, u64),
        now: Duration,
        events: &mut Vec<MembershipEvent>,
    ) {
        if refused == self.me.incarnation && known > (refused, self.number) {
            self.go_above(known.0, now, events);
        }
    }

    /// Handles a peer's claim of this node at a clock that it has not reached, or in an incarnation
    /// that it has not had.
    pub(crate) fn claimed(
        &mut self,
        incarnation: Incarnation,
        now: Duration,
        events: &mut Vec<MembershipEvent>,
    ) {
        if incarnation >= self.me.incarnation {
            self.go_above(incarnation, now, events);
        }
    }

    fn go_above(&mut self, other: Incarnation, now: Duration, events: &mut Vec<MembershipEvent>) {
        if self.left || other.started_ms >= NEVER {
            return;
        }
        let window = self.options.broadcast_period * WINDOW;
        let turns = &mut self.turns;
        turns.recent.retain(|turn| *turn + window > now);
        if turns.recent.len() >= MOST {
            if turns.reported.is_none_or(|last| last + window <= now) {
                turns.reported = Some(now);
                self.counts.conflicts += 1;
                events.push(MembershipEvent::Replica(ReplicaEvent::Conflict {
                    mine: self.me.as_ref().clone(),
                    theirs: other,
                }));
            }
            return;
        }
        turns.recent.push_back(now);
        // Whoever is set back has another time by the next turn, or at least another rival.
        let salt = (now.as_nanos() as u64) ^ other.nonce.rotate_left(1);
        let incarnation = self.me.incarnation.above(other, salt);
        self.me = Arc::new(Origin {
            name: self.me.name.clone(),
            incarnation,
        });
        self.number = 0;
        self.counts.retags += 1;
        // At once, so that the others need not wait for it.
        self.next_beat = now;
        events.push(MembershipEvent::Tell(Input::Retag(incarnation)));
    }
}
