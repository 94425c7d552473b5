//! Comparisons between nodes: where they differ, and which one is behind.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::iter::Peekable;
use std::sync::Arc;
use std::time::Duration;

use super::beat::together;
use super::receive::MessageSource;
use super::{MessageCounts, Node, NodeEffect, millis};
use crate::replication::message::{Body, Cell, Left, Row, Vector};
use crate::replication::set::{Clock, Origin, Replica, ReplicaName};
use crate::replication::shard::Input;

/// The most bytes of rows in a vector. In a larger cluster, each vector has a part, by turns.
const MAX_BYTES: usize = 128 * 1024;
/// The most bytes of a row without its name and its shards.
const ROW_BYTES: usize = 24;
/// The most bytes of a shard in a row.
const CELL_BYTES: usize = 3 + 10 + 8;

impl Node {
    /// A heartbeat tells its sender's own clocks, and a number for what it holds at them.
    pub(super) fn heard_clocks(
        &self,
        sender: &MessageSource,
        clocks: &[Clock],
        check: u64,
        now: Duration,
        out: &mut Vec<NodeEffect>,
    ) {
        // Of one that was overtaken, the clocks are still true: what follows a heartbeat at once
        // often comes first.
        let mut same = Vec::with_capacity(clocks.len());
        let mut ahead = Vec::new();
        for (place, (shard, clock)) in self.shards.iter().zip(clocks).enumerate() {
            let announced = Input::Announced {
                origin: Arc::clone(&sender.origin),
                clock: *clock,
                recent: sender.age.is_recent(),
            };
            self.tell(place, announced, now, out);
            let shard = shard.lock();
            let Some(held) = shard.shown_of(&sender.origin) else {
                continue;
            };
            match held.clock().cmp(clock) {
                Ordering::Equal => same.push(cell(place, held)),
                // Its heartbeat may be a little behind its deltas. Or it was set back: the sender
                // knows.
                Ordering::Greater if sender.age.is_new() => ahead.push(cell(place, held)),
                Ordering::Greater | Ordering::Less => {}
            }
        }
        let checks = same.iter().map(|cell| cell.check);
        let differs = same.len() == self.shards.len() && together(checks) != check;
        // If so, the invariant is broken in some shard: the sender says in which.
        let doubtful = if differs { same } else { ahead };
        if !doubtful.is_empty() {
            let rows = vec![row(&sender.origin, doubtful)];
            self.say_vector(sender.origin.name.clone(), rows, false, now, out);
        }
    }

    /// Tells one of those that show something else what this node shows.
    pub(super) fn compare_with_one(
        &self,
        counts: &mut MessageCounts,
        now: Duration,
        out: &mut Vec<NodeEffect>,
    ) {
        let Some(peer) = self.membership.lock().pick_one_that_differs() else {
            return;
        };
        let mut all: BTreeMap<Arc<Origin>, Vec<Cell>> = BTreeMap::new();
        for (place, shard) in self.shards.iter().enumerate() {
            let shard = shard.lock();
            for held in shard.shown().chain([shard.replica()]) {
                let cells = all.entry(Arc::clone(held.origin())).or_default();
                cells.push(cell(place, held));
            }
        }
        let most = self.vector_bytes();
        let mut rows: Vec<_> = all
            .into_iter()
            .flat_map(|(origin, cells)| pieces(&origin, &cells, most))
            .collect();
        // Others begin elsewhere, and so does this one with its next.
        let start = counts.next_row % rows.len().max(1);
        rows.rotate_left(start);
        let rows = first_part(&mut rows.into_iter().peekable(), most);
        counts.next_row = start + rows.len();
        counts.vectors += 1;
        self.say_vector(peer, rows, false, now, out);
    }

    /// Returns the bytes for the rows of a vector, and for its leaves. The rest is for the header.
    fn vector_bytes(&self) -> usize {
        (self.chunk_bytes / 5 * 2).min(MAX_BYTES)
    }

    /// Sends rows, in several messages if they do not fit into one.
    fn say_vector(
        &self,
        to: ReplicaName,
        rows: Vec<Row>,
        answer: bool,
        now: Duration,
        out: &mut Vec<NodeEffect>,
    ) {
        let most = self.vector_bytes();
        let left = self.membership.lock().left(&to, most, now);
        let left = left.into_iter().map(|(origin, number, grace)| Left {
            origin,
            number,
            grace_ms: millis(grace),
        });
        let mut left: Vec<_> = left.collect();
        let mut rows = rows.into_iter().peekable();
        loop {
            let rows_here = first_part(&mut rows, most);
            let vector = Vector {
                rows: rows_here,
                left: std::mem::take(&mut left),
                answer,
            };
            self.say(to.clone(), &Body::Vector(vector), out);
            if rows.peek().is_none() {
                return;
            }
        }
    }

    /// Compares what another node shows with what this one does.
    pub(super) fn heard_vector(
        &self,
        sender: &MessageSource,
        vector: &Vector,
        counts: &mut MessageCounts,
        now: Duration,
        out: &mut Vec<NodeEffect>,
    ) {
        let mut events = Vec::new();
        for left in &vector.left {
            let grace = Duration::from_millis(left.grace_ms).min(super::receive::MAX_GRACE);
            let mut membership = self.membership.lock();
            membership.has_told_of_leave(&left.origin, left.number, grace, now, &mut events);
        }
        self.carry(events, now, out);

        let mut answers = Vec::new();
        for theirs in &vector.rows {
            let me = Arc::clone(self.membership.lock().me());
            if theirs.origin.name == me.name {
                let spoken = theirs.origin.incarnation;
                if spoken > me.incarnation {
                    self.claimed(spoken, now, out);
                } else if spoken == me.incarnation {
                    answers.extend(self.compare_own(&me, theirs, now, out));
                }
                continue;
            }
            let Some(origin) = self.membership.lock().origin(&theirs.origin) else {
                continue;
            };
            let own = origin.name == sender.origin.name && sender.age.is_new();
            answers.extend(self.compare_other(&origin, theirs, own, now, out));
        }
        if !vector.answer && !answers.is_empty() {
            counts.vectors += 1;
            self.say_vector(sender.origin.name.clone(), answers, true, now, out);
        }
    }

    /// Compares a peer's copy of this node's own replica. Returns the shards in which the peer is
    /// behind, or holds something else.
    fn compare_own(
        &self,
        me: &Arc<Origin>,
        theirs: &Row,
        now: Duration,
        out: &mut Vec<NodeEffect>,
    ) -> Option<Row> {
        let mut cells = Vec::new();
        for theirs in &theirs.shards {
            let place = usize::from(theirs.shard);
            let Some(shard) = self.shards.get(place) else {
                continue;
            };
            let mine = cell(place, shard.lock().replica());
            if theirs.clock > mine.clock {
                self.claimed(me.incarnation, now, out);
                return None;
            }
            if theirs.clock < mine.clock || theirs.check != mine.check {
                cells.push(mine);
            }
        }
        (!cells.is_empty()).then(|| row(me, cells))
    }

    /// Compares a peer's copy of another node's replica. `own` is set if that node itself sent it,
    /// and not long ago.
    fn compare_other(
        &self,
        origin: &Arc<Origin>,
        theirs: &Row,
        own: bool,
        now: Duration,
        out: &mut Vec<NodeEffect>,
    ) -> Option<Row> {
        let (mut ahead, mut doubtful) = (Vec::new(), Vec::new());
        for theirs in &theirs.shards {
            let place = usize::from(theirs.shard);
            let Some(shard) = self.shards.get(place) else {
                continue;
            };
            let mine = {
                let shard = shard.lock();
                shard.shown_of(origin).map(|held| cell(place, held))
            };
            let clock = theirs.clock;
            match mine {
                Some(mine) if mine.clock > clock => ahead.push(mine),
                Some(mine) if mine == *theirs => {}
                Some(mine) if mine.clock == clock && !own => doubtful.push(mine),
                Some(mine) if mine.clock == clock => {
                    let compare = Input::Compare(Arc::clone(origin), clock, theirs.check);
                    self.tell(place, compare, now, out);
                }
                _ if own => {
                    let announced = Input::Announced {
                        origin: Arc::clone(origin),
                        clock,
                        recent: true,
                    };
                    self.tell(place, announced, now, out);
                }
                _ => {
                    let seen = Input::Seen(Arc::clone(origin), clock);
                    self.tell(place, seen, now, out);
                }
            }
        }
        if !doubtful.is_empty() {
            // One of the two is wrong. The node itself knows which.
            let rows = vec![row(origin, doubtful)];
            self.say_vector(origin.name.clone(), rows, false, now, out);
        }
        (!ahead.is_empty()).then(|| row(origin, ahead))
    }
}

fn cell(place: usize, replica: &Replica) -> Cell {
    Cell {
        shard: place as u16,
        clock: replica.clock(),
        check: replica.check(),
    }
}

/// Makes rows of a replica, each of at most `most` bytes or of one shard.
fn pieces(origin: &Origin, cells: &[Cell], most: usize) -> Vec<Row> {
    let head = origin.name.as_str().len() + ROW_BYTES;
    let fit = (most.saturating_sub(head) / CELL_BYTES).max(1);
    let pieces = cells.chunks(fit);
    pieces.map(|cells| row(origin, cells.to_vec())).collect()
}

/// Takes the rows that fit into `most` bytes, at least one.
fn first_part(rows: &mut Peekable<impl Iterator<Item = Row>>, most: usize) -> Vec<Row> {
    let size =
        |row: &Row| row.origin.name.as_str().len() + ROW_BYTES + row.shards.len() * CELL_BYTES;
    let mut part: Vec<_> = rows.next().into_iter().collect();
    let mut bytes: usize = part.iter().map(size).sum();
    while let Some(row) = rows.next_if(|row| bytes + size(row) <= most) {
        bytes += size(&row);
        part.push(row);
    }
    part
}

fn row(origin: &Origin, shards: Vec<Cell>) -> Row {
    Row {
        origin: origin.clone(),
        shards,
    }
}
