//! The subscribers of one topic, in segments.
//!
//! A dispatch walks a copy of the table without a lock, and the copy shares the segments. A
//! subscriber that comes or goes meanwhile copies the list of segments and one segment, not the
//! whole table. Subscribers are sorted by their ids, which are counted up, so a subscriber is found
//! without an index and almost every new subscriber is appended.

use std::sync::Arc;

use super::{Subscriber, SubscriberId};

/// The number of subscribers of a full segment.
const FULL: usize = 256;
/// A segment with fewer subscribers is merged with a neighbour that has room.
const FEW: usize = FULL / 4;

type Entry = (SubscriberId, Arc<dyn Subscriber>);

/// Some subscribers, sorted by their ids. Not empty, except in an empty table.
type Segment = Vec<Entry>;

/// The subscribers of one topic. A clone shares the segments.
#[derive(Clone)]
pub(super) enum Subscribers {
    /// A topic of at most [`FULL`] subscribers, as most are.
    Few(Arc<Segment>),
    /// Several segments. Every id of a segment is below every id of the next segment.
    Many(Arc<Vec<Arc<Segment>>>),
}

impl Default for Subscribers {
    fn default() -> Self {
        Self::Few(Arc::default())
    }
}

impl Subscribers {
    pub(super) fn count(&self) -> usize {
        self.segments().iter().map(|segment| segment.len()).sum()
    }

    pub(super) fn is_empty(&self) -> bool {
        matches!(self, Self::Few(segment) if segment.is_empty())
    }

    pub(super) fn segments(&self) -> &[Arc<Segment>] {
        match self {
            Self::Few(segment) => std::slice::from_ref(segment),
            Self::Many(segments) => segments,
        }
    }

    pub(super) fn insert(&mut self, id: SubscriberId, subscriber: Arc<dyn Subscriber>) {
        let entry = (id, subscriber);
        match self {
            Self::Few(segment) if segment.len() < FULL => insert(segment, entry),
            Self::Few(segment) => {
                let mut segments = vec![std::mem::take(segment)];
                insert_among(&mut segments, entry);
                *self = Self::Many(Arc::new(segments));
            }
            Self::Many(segments) => insert_among(Arc::make_mut(segments), entry),
        }
    }

    /// Returns the removed subscriber. The caller drops it without a lock, because that may run
    /// code of others.
    pub(super) fn remove(&mut self, id: SubscriberId) -> Option<Arc<dyn Subscriber>> {
        match self {
            Self::Few(segment) => remove(segment, id),
            Self::Many(segments) => {
                let at = position(segments, id);
                // Looked up first: an unknown id copies nothing.
                segments[at].binary_search_by_key(&id, id_of).ok()?;
                let segments = Arc::make_mut(segments);
                let removed = remove(&mut segments[at], id);
                merge(segments, at);
                if let [_] = &segments[..] {
                    *self = Self::Few(segments.remove(0));
                }
                removed
            }
        }
    }
}

fn id_of(entry: &Entry) -> SubscriberId {
    entry.0
}

/// Returns the index of the segment that has `id`, or would have it.
fn position(segments: &[Arc<Segment>], id: SubscriberId) -> usize {
    let after = segments.partition_point(|segment| segment.first().is_some_and(|it| it.0 <= id));
    after.saturating_sub(1)
}

fn insert_among(segments: &mut Vec<Arc<Segment>>, entry: Entry) {
    let at = position(segments, entry.0);
    if segments[at].len() < FULL {
        return insert(&mut segments[at], entry);
    }
    // Two tasks that subscribe at once may come in another order than their ids.
    let is_last = at + 1 == segments.len() && segments[at].last().is_some_and(|it| it.0 < entry.0);
    let mut upper = match is_last {
        true => Arc::default(),
        false => Arc::new(Arc::make_mut(&mut segments[at]).split_off(FULL / 2)),
    };
    match upper.first() {
        Some(first) if entry.0 < first.0 => insert(&mut segments[at], entry),
        _ => insert(&mut upper, entry),
    }
    segments.insert(at + 1, upper);
}

fn insert(segment: &mut Arc<Segment>, entry: Entry) {
    let segment = Arc::make_mut(segment);
    let at = segment.partition_point(|known| known.0 < entry.0);
    if segment.len() == segment.capacity() {
        // Not the four that a vector begins with: most topics of a node have one subscriber.
        let more = segment.len().clamp(1, FULL - segment.len().min(FULL - 1));
        segment.reserve_exact(more);
    }
    segment.insert(at, entry);
}

fn remove(segment: &mut Arc<Segment>, id: SubscriberId) -> Option<Arc<dyn Subscriber>> {
    let at = segment.binary_search_by_key(&id, id_of).ok()?;
    let segment = Arc::make_mut(segment);
    let (_, removed) = segment.remove(at);
    if segment.len() < segment.capacity() / 4 {
        segment.shrink_to(segment.len() * 2);
    }
    Some(removed)
}

/// Merges a segment of few subscribers with a neighbour, so that a table whose subscribers leave
/// does not keep a segment for each that stays. Half a segment stays free for more.
fn merge(segments: &mut Vec<Arc<Segment>>, at: usize) {
    let few = segments[at].len();
    if few >= FEW {
        return;
    }
    let fits = |other: &usize| {
        let other = segments.get(*other);
        other.is_some_and(|other| few == 0 || other.len() + few <= FULL / 2)
    };
    let Some(other) = [at.wrapping_sub(1), at + 1].into_iter().find(fits) else {
        return;
    };
    let (lower, upper) = (at.min(other), at.max(other));
    let upper = segments.remove(upper);
    match few {
        // The empty one is dropped, and the other is not copied.
        0 if lower == at => segments[lower] = upper,
        0 => {}
        _ => Arc::make_mut(&mut segments[lower]).extend(upper.iter().cloned()),
    }
}

#[cfg(test)]
mod tests;
