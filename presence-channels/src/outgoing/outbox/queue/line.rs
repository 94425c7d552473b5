//! Frames in the order of their pushes, of which the oldest that may be dropped is found at once.

use std::{collections::VecDeque, iter};

use crate::serializer::Frame;

/// A line that has a place for more than this many frames of a kind has grown.
const KEPT_CAPACITY: usize = 4;

/// Two queues, so that no frame is looked at, or moved, to drop another. Where no event may be
/// dropped, as by default, the second one has no memory.
#[derive(Default)]
pub(super) struct Line {
    /// The frames that may not be dropped.
    kept: VecDeque<Frame>,
    /// The frames that may, each with its place: the number of kept frames that were pushed before
    /// it.
    droppable: VecDeque<(u64, Frame)>,
    /// The number of kept frames that were taken off. Counted like the places.
    passed: u64,
}

impl Line {
    pub(super) fn push(&mut self, frame: Frame) {
        if may_drop(&frame) {
            self.droppable.push_back((self.pushed(), frame));
        } else {
            self.kept.push_back(frame);
        }
    }

    /// The number of kept frames that were pushed.
    fn pushed(&self) -> u64 {
        self.passed + self.kept.len() as u64
    }

    pub(super) fn len(&self) -> usize {
        self.kept.len() + self.droppable.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.kept.is_empty() && self.droppable.is_empty()
    }

    fn is_first_droppable(&self) -> bool {
        let first = self.droppable.front();
        first.is_some_and(|(place, _)| *place <= self.passed)
    }

    pub(super) fn first(&self) -> Option<&Frame> {
        if self.is_first_droppable() {
            return self.droppable.front().map(|(_, frame)| frame);
        }
        self.kept.front()
    }

    pub(super) fn pop(&mut self) -> Option<Frame> {
        if self.is_first_droppable() {
            return self.droppable.pop_front().map(|(_, frame)| frame);
        }
        let frame = self.kept.pop_front()?;
        self.passed += 1;
        Some(frame)
    }

    /// Takes out the oldest frame that may be dropped. It is not the first of all if that one has
    /// `begun`.
    pub(super) fn take_droppable(&mut self, begun: bool) -> Option<Frame> {
        let oldest = usize::from(begun && self.is_first_droppable());
        self.droppable.remove(oldest).map(|(_, frame)| frame)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Frame> {
        let mut kept = self.kept.iter();
        let mut droppable = self.droppable.iter().peekable();
        let mut passed = self.passed;
        iter::from_fn(move || {
            if let Some((_, frame)) = droppable.next_if(|(place, _)| *place <= passed) {
                return Some(frame);
            }
            passed += 1;
            kept.next()
        })
    }

    /// Takes all frames. Those that are pushed from now on may be [appended](Self::append) to them.
    pub(super) fn take(&mut self) -> Self {
        let rest = Self {
            passed: self.pushed(),
            ..Self::default()
        };
        std::mem::replace(self, rest)
    }

    /// Adds the frames that were pushed since this line was [taken](Self::take).
    pub(super) fn append(&mut self, mut later: Self) {
        self.kept.append(&mut later.kept);
        self.droppable.append(&mut later.droppable);
    }

    /// Returns whether the line has memory for many frames.
    pub(super) fn has_grown(&self) -> bool {
        self.kept.capacity().max(self.droppable.capacity()) > KEPT_CAPACITY
    }

    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.kept.capacity() + self.droppable.capacity()
    }

    #[cfg(test)]
    pub(super) fn droppable(&self) -> usize {
        self.droppable.len()
    }
}

/// Returns whether a slow client may miss the frame. Tests count the visits.
fn may_drop(frame: &Frame) -> bool {
    #[cfg(test)]
    VISITS.with(|visits| visits.set(visits.get() + 1));
    frame.is_droppable()
}

#[cfg(test)]
thread_local! {
    /// The frames of this thread that were asked whether they may be dropped.
    static VISITS: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

#[cfg(test)]
pub(super) fn take_visits() -> usize {
    VISITS.take()
}
