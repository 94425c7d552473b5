//! Comparisons between nodes: where they differ, and which one is behind.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::iter::Peekable;
use std::sync::Arc;
use std::time::Duration;

use super::beat::together;
use super::receive::{MessageSource, incarnation};
use super::{MessageCounts, Node, NodeEffect, millis};
use crate::replication::message::{Body, Left, Row};
use crate::replication::set::{Clock, Origin, Replica, ReplicaName};
use crate::replication::shard::Input;

/// The most bytes of rows in a vector. In a larger cluster, each vector has a part, by turns.
const MAX_BYTES: usize = 128 * 1024;
/// The most bytes of a row without its name and its shards.
const ROW_BYTES: usize = 24;
/// The most bytes of a shard in a row.
const CELL_BYTES: usize = 3 + 10 + 8;

/// Where a replica stands in one shard.
type Cell = (u16, u64, [u8; 8]);

impl Node {
    /// A heartbeat tells its sender's own clocks, and a number for what it holds at them.
    pub(super) fn heard_clocks(
        &self,
        sender: &MessageSource,
        clocks: &[u64],
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
                clock: Clock::new(*clock),
                recent: sender.recent,
            };
            self.tell(place, announced, now, out);
            let shard = shard.lock();
            let Some(held) = shard.shown_of(&sender.origin) else {
                continue;
            };
            match held.clock().get().cmp(clock) {
                Ordering::Equal => same.push(cell(place, held)),
                // Its heartbeat may be a little behind its deltas. Or it was set back: the sender
                // knows.
                Ordering::Greater if sender.fresh => ahead.push(cell(place, held)),
                Ordering::Greater | Ordering::Less => {}
            }
        }
        let checks = same.iter().map(|(_, _, check)| u64::from_le_bytes(*check));
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
        rows: Vec<Row<'static>>,
        answer: bool,
        now: Duration,
        out: &mut Vec<NodeEffect>,
    ) {
        let most = self.vector_bytes();
        let left = self.membership.lock().left(&to, most, now);
        let left = left.into_iter().map(|(origin, number, grace)| Left {
            name: origin.name.to_string().into(),
            started_ms: origin.incarnation.started_ms,
            nonce: origin.incarnation.nonce,
            number,
            grace_ms: millis(grace),
        });
        let mut left: Vec<_> = left.collect();
        let mut rows = rows.into_iter().peekable();
        loop {
            let rows_here = first_part(&mut rows, most);
            let vector = Body::Vector {
                rows: rows_here,
                left: std::mem::take(&mut left),
                answer,
            };
            self.say(to.clone(), &vector, out);
            if rows.peek().is_none() {
                return;
            }
        }
    }

    /// Compares what another node shows with what this one does.
    #[expect(clippy::too_many_arguments, reason = "the parts of one message")]
    pub(super) fn heard_vector(
        &self,
        sender: &MessageSource,
        rows: &[Row<'_>],
        left: &[Left<'_>],
        answer: bool,
        counts: &mut MessageCounts,
        now: Duration,
        out: &mut Vec<NodeEffect>,
    ) {
        let mut events = Vec::new();
        for left in left {
            let origin = Origin {
                name: ReplicaName::new(&*left.name),
                incarnation: incarnation(left.started_ms, left.nonce),
            };
            let grace = Duration::from_millis(left.grace_ms).min(super::receive::MAX_GRACE);
            let mut membership = self.membership.lock();
            membership.has_told_of_leave(&origin, left.number, grace, now, &mut events);
        }
        self.carry(events, now, out);

        let mut answers = Vec::new();
        for theirs in rows {
            let me = Arc::clone(self.membership.lock().me());
            let spoken = incarnation(theirs.started_ms, theirs.nonce);
            if theirs.name == me.name.as_str() {
                if spoken > me.incarnation {
                    self.claimed(spoken, now, out);
                } else if spoken == me.incarnation {
                    answers.extend(self.compare_own(&me, theirs, now, out));
                }
                continue;
            }
            let Some(origin) = self
                .membership
                .lock()
                .origin(&ReplicaName::new(&*theirs.name), spoken)
            else {
                continue;
            };
            let own = origin.name == sender.origin.name;
            answers.extend(self.compare_other(&origin, theirs, own && sender.fresh, now, out));
        }
        if !answer && !answers.is_empty() {
            counts.vectors += 1;
            self.say_vector(sender.origin.name.clone(), answers, true, now, out);
        }
    }

    /// Compares a peer's copy of this node's own replica. Returns the shards in which the peer is
    /// behind, or holds something else.
    fn compare_own(
        &self,
        me: &Arc<Origin>,
        theirs: &Row<'_>,
        now: Duration,
        out: &mut Vec<NodeEffect>,
    ) -> Option<Row<'static>> {
        let mut cells = Vec::new();
        for (place, clock, check) in &theirs.shards {
            let Some(shard) = self.shards.get(usize::from(*place)) else {
                continue;
            };
            let (mine, held) = {
                let shard = shard.lock();
                (
                    shard.replica().clock().get(),
                    cell(usize::from(*place), shard.replica()),
                )
            };
            if *clock > mine {
                self.claimed(me.incarnation, now, out);
                return None;
            }
            if *clock < mine || *check != held.2 {
                cells.push(held);
            }
        }
        (!cells.is_empty()).then(|| row(me, cells))
    }

    /// Compares a peer's copy of another node's replica. `own` is set if that node itself sent it,
    /// and not long ago.
    fn compare_other(
        &self,
        origin: &Arc<Origin>,
        theirs: &Row<'_>,
        own: bool,
        now: Duration,
        out: &mut Vec<NodeEffect>,
    ) -> Option<Row<'static>> {
        let (mut ahead, mut doubtful) = (Vec::new(), Vec::new());
        for (place, clock, check) in &theirs.shards {
            let place = usize::from(*place);
            let Some(shard) = self.shards.get(place) else {
                continue;
            };
            let mine = {
                let shard = shard.lock();
                shard.shown_of(origin).map(|held| cell(place, held))
            };
            let clock = *clock;
            match mine {
                Some(mine) if mine.1 > clock => ahead.push(mine),
                Some(mine) if mine.1 == clock && mine.2 == *check => {}
                Some(mine) if mine.1 == clock && !own => doubtful.push(mine),
                Some(mine) if mine.1 == clock => {
                    let check = u64::from_le_bytes(*check);
                    let compare = Input::Compare(Arc::clone(origin), Clock::new(clock), check);
                    self.tell(place, compare, now, out);
                }
                _ if own => {
                    let announced = Input::Announced {
                        origin: Arc::clone(origin),
                        clock: Clock::new(clock),
                        recent: true,
                    };
                    self.tell(place, announced, now, out);
                }
                _ => {
                    let seen = Input::Seen(Arc::clone(origin), Clock::new(clock));
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
    (
        place as u16,
        replica.clock().get(),
        replica.check().to_le_bytes(),
    )
}

/// Makes rows of a replica, each of at most `most` bytes or of one shard.
fn pieces(origin: &Origin, cells: &[Cell], most: usize) -> Vec<Row<'static>> {
    let head = origin.name.as_str().len() + ROW_BYTES;
    let fit = (most.saturating_sub(head) / CELL_BYTES).max(1);
    let pieces = cells.chunks(fit);
    pieces.map(|cells| row(origin, cells.to_vec())).collect()
}

/// Takes the rows that fit into `most` bytes, at least one.
fn first_part(
    rows: &mut Peekable<impl Iterator<Item = Row<'static>>>,
    most: usize,
) -> Vec<Row<'static>> {
    let size = |row: &Row<'_>| row.name.len() + ROW_BYTES + row.shards.len() * CELL_BYTES;
    let mut part: Vec<_> = rows.next().into_iter().collect();
    let mut bytes: usize = part.iter().map(size).sum();
    while let Some(row) = rows.next_if(|row| bytes + size(row) <= most) {
        bytes += size(&row);
        part.push(row);
    }
    part
}

fn row(origin: &Origin, shards: Vec<Cell>) -> Row<'static> {
    Row {
        name: origin.name.to_string().into(),
        started_ms: origin.incarnation.started_ms,
        nonce: origin.incarnation.nonce,
        shards,
    }
}
