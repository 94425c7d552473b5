//! The frames that wait for a client, in their order. Pure: who writes them, and when, is decided
//! elsewhere.

mod line;

use std::io::IoSlice;

use crate::serializer::{Frame, Opcode};
use line::Line;

/// Waiting frames. A writer takes them, and gives back what it could not write.
#[derive(Default)]
pub(super) struct FrameQueue {
    frames: Line,
    /// The cost of `frames`.
    cost: usize,
    /// The bytes of the first frame that are written.
    written: usize,
    /// The cost of the frames that a writer has, and of the first of them.
    taken: (usize, usize),
    /// Set once nothing is to be written any more.
    ended: bool,
}

/// Frames in the hands of a writer.
pub(super) struct TakenFrames {
    frames: Line,
    cost: usize,
    written: usize,
    moved: bool,
}

impl FrameQueue {
    /// The memory that all waiting frames take, in bytes.
    pub(super) fn cost(&self) -> usize {
        self.cost + self.taken.0
    }

    /// As [`cost`](Self::cost), without the first frame: nobody is blamed for one large message.
    pub(super) fn cost_behind_first(&self) -> usize {
        match self.taken {
            (0, _) => self.cost - self.first_cost(),
            (all, first) => self.cost + all - first,
        }
    }

    fn first_cost(&self) -> usize {
        self.frames.first().map_or(0, Frame::cost)
    }

    pub(super) fn len(&self) -> usize {
        self.frames.len()
    }

    /// Returns whether no frame waits, in the hands of a writer or here.
    pub(super) fn is_empty(&self) -> bool {
        self.cost() == 0
    }

    pub(super) fn push(&mut self, frame: Frame) {
        self.cost += frame.cost();
        self.frames.push(frame);
    }

    /// Gives the memory of an empty queue back, which the next frames would use again.
    pub(super) fn release(&mut self) {
        if self.frames.is_empty() {
            self.frames = Line::default();
        }
    }

    /// Drops the oldest frame that may be dropped and has not begun. Returns its cost.
    pub(super) fn drop_oldest(&mut self) -> Option<usize> {
        // Of a frame that has begun, the rest must follow.
        let frame = self.frames.take_droppable(self.written > 0)?;
        self.cost -= frame.cost();
        Some(frame.cost())
    }

    /// Drops what waits, but for a frame whose beginning the peer already has.
    pub(super) fn clear_unsent(&mut self) {
        let mut frames = self.frames.take();
        if self.written > 0
            && let Some(begun) = frames.pop()
        {
            self.frames.push(begun);
        }
        self.cost = self.first_cost();
    }

    /// Drops everything, and what a writer gives back, too.
    pub(super) fn end(&mut self) {
        *self = Self {
            ended: true,
            ..Self::default()
        };
    }

    /// Hands all frames to a writer. Frames that are pushed meanwhile come after
    /// them.
    pub(super) fn take(&mut self) -> TakenFrames {
        self.taken = (self.cost, self.first_cost());
        let frames = self.frames.take();
        let cost = std::mem::take(&mut self.cost);
        TakenFrames {
            frames,
            cost,
            written: std::mem::take(&mut self.written),
            moved: false,
        }
    }

    /// Takes back what the writer has not written.
    pub(super) fn give_back(&mut self, mut rest: TakenFrames) {
        if self.ended {
            return;
        }
        self.taken = (0, 0);
        self.cost += rest.cost;
        self.written = rest.written;
        if !self.frames.is_empty() {
            rest.frames.append(std::mem::take(&mut self.frames));
        } else if rest.frames.is_empty() && rest.frames.has_grown() {
            // An empty queue that grew gives its memory back.
            return;
        }
        self.frames = rest.frames;
    }

    /// Takes the first frame whole, for a client that is not written to.
    pub(super) fn pop(&mut self) -> Option<Frame> {
        let frame = self.frames.pop()?;
        self.cost -= frame.cost();
        if self.frames.is_empty() && self.frames.has_grown() {
            self.frames = Line::default();
        }
        Some(frame)
    }

    pub(super) fn first(&self) -> Option<&Frame> {
        self.frames.first()
    }

    /// Returns whether messages wait. The close frame does not count, and is the last.
    pub(super) fn has_messages(&self) -> bool {
        self.first()
            .is_some_and(|frame| frame.opcode() != Opcode::Close)
    }
}

impl TakenFrames {
    pub(super) fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    /// Returns whether bytes were written since the frames were taken.
    pub(super) fn has_moved(&self) -> bool {
        self.moved
    }

    /// The bytes to write next, if they are those of one frame, and in one piece.
    pub(super) fn only(&self) -> Option<&[u8]> {
        match (self.frames.len(), self.frames.first()) {
            (1, Some(first)) => first.whole().map(|bytes| &bytes[self.written..]),
            _ => None,
        }
    }

    /// Fills `slices` with the bytes to write next. Returns the number of slices.
    pub(super) fn gather<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let (mut skip, mut filled) = (self.written, 0);
        for frame in self.frames.iter() {
            for part in frame.parts() {
                if skip >= part.len() {
                    skip -= part.len();
                    continue;
                }
                let Some(slot) = slices.get_mut(filled) else {
                    return filled;
                };
                *slot = IoSlice::new(&part[std::mem::take(&mut skip)..]);
                filled += 1;
            }
        }
        filled
    }

    /// Takes off `count` bytes that are written.
    pub(super) fn advance(&mut self, count: usize) {
        self.written += count;
        self.moved = true;
        while let Some(first) = self.frames.first()
            && self.written >= first.len()
        {
            self.written -= first.len();
            self.cost -= first.cost();
            self.frames.pop();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use bytes::Bytes;
    use proptest::prelude::*;

    use super::*;

    /// Header and body.
    fn wire(frame: &Frame) -> Vec<u8> {
        frame.parts().concat()
    }

    #[derive(Clone, Debug)]
    enum Step {
        /// A frame with this many bytes, which may be dropped or not, and be in one piece or not.
        Push(usize, bool, bool),
        DropOldest,
        /// A writer takes the frames and writes this many bytes. Meanwhile more are pushed, and as
        /// many of those as the last number are dropped.
        Write(usize, Vec<(usize, bool)>, usize),
        Pop,
        Clear,
    }

    fn step() -> impl Strategy<Value = Step> {
        let pushed = prop::collection::vec((0..40usize, any::<bool>()), 0..4);
        prop_oneof![
            12 => (0..40usize, any::<bool>(), any::<bool>())
                .prop_map(|(length, may_drop, is_whole)| Step::Push(length, may_drop, is_whole)),
            5 => Just(Step::DropOldest),
            6 => (0..120usize, pushed, 0..3usize)
                .prop_map(|(count, pushed, dropped)| Step::Write(count, pushed, dropped)),
            3 => Just(Step::Pop),
            1 => Just(Step::Clear),
        ]
    }

    /// A queue beside the bytes that it must send.
    #[derive(Default)]
    struct Model {
        queue: FrameQueue,
        /// Each frame's number and cost, and whether it may be dropped.
        waiting: VecDeque<(u8, Frame)>,
        written: usize,
        next: u8,
    }

    impl Model {
        fn push(&mut self, length: usize, may_drop: bool, is_whole: bool) {
            self.next = self.next.wrapping_add(1);
            let body = vec![self.next; length];
            let frame = if is_whole {
                Frame::binary(body)
            } else {
                // A part may be empty.
                let (begin, payload) = body.split_at(length / 3);
                let write = |body: &mut Vec<u8>| body.extend_from_slice(begin);
                let suffix: &[u8] = if length.is_multiple_of(2) { b"}]" } else { b"" };
                Frame::chain(
                    Opcode::Binary,
                    0,
                    write,
                    &Bytes::copy_from_slice(payload),
                    suffix,
                )
            };
            let frame = if may_drop { frame.droppable() } else { frame };
            self.waiting.push_back((self.next, frame.clone()));
            self.queue.push(frame);
        }

        /// Drops the oldest frame, as the queue does, of those behind the first `begun`.
        fn drop_oldest(&mut self, begun: usize) {
            let mut waiting = self.waiting.iter().skip(begun);
            let oldest = waiting.position(|(_, frame)| frame.is_droppable());
            let dropped = oldest.and_then(|oldest| self.waiting.remove(begun + oldest));
            let cost = dropped.map(|(_, frame)| frame.cost());
            assert_eq!(self.queue.drop_oldest(), cost);
        }

        fn write(&mut self, count: usize, pushed: Vec<(usize, bool)>, dropped: usize) {
            let in_hand = self.waiting.len();
            let mut taken = self.queue.take();
            for (length, may_drop) in pushed {
                self.push(length, may_drop, length.is_multiple_of(2));
            }
            (0..dropped).for_each(|_| self.drop_oldest(in_hand));
            let mut left = count;
            while left > 0 && !taken.is_empty() {
                let mut slices = [IoSlice::new(&[]); 2];
                let filled = taken.gather(&mut slices);
                let is_one_piece =
                    taken.frames.len() == 1 && taken.frames.first().unwrap().whole().is_some();
                assert_eq!(taken.only().is_some(), is_one_piece);
                assert!(slices[..filled].iter().all(|slice| !slice.is_empty()));
                let available: usize = slices[..filled].iter().map(|slice| slice.len()).sum();
                let bytes: Vec<u8> = slices[..filled]
                    .iter()
                    .flat_map(|slice| slice.to_vec())
                    .collect();
                let now = available.min(left);
                self.expect(&bytes[..now]);
                taken.advance(now);
                left -= now;
            }
            self.queue.give_back(taken);
        }

        /// Takes bytes off the frames that must come first.
        fn expect(&mut self, mut bytes: &[u8]) {
            while !bytes.is_empty() {
                let (_, frame) = self.waiting.front().expect("nothing more was pushed");
                let frame = wire(frame);
                let rest = &frame[self.written..];
                let count = rest.len().min(bytes.len());
                assert_eq!(&bytes[..count], &rest[..count]);
                bytes = &bytes[count..];
                self.written += count;
                if self.written == frame.len() {
                    self.written = 0;
                    self.waiting.pop_front();
                }
            }
        }

        fn check(&self) {
            let costs = self.waiting.iter().map(|(_, frame)| frame.cost());
            assert_eq!(self.queue.cost(), costs.clone().sum::<usize>());
            assert_eq!(self.queue.cost_behind_first(), costs.skip(1).sum::<usize>());
            assert_eq!(self.queue.is_empty(), self.waiting.is_empty());
            assert_eq!(self.queue.len(), self.waiting.len());
            let frames = self.waiting.iter().map(|(_, frame)| frame);
            let droppable = frames.clone().filter(|frame| frame.is_droppable()).count();
            assert_eq!(self.queue.frames.droppable(), droppable);
            assert_eq!(
                self.queue.first().map(wire),
                frames.clone().next().map(wire)
            );
            assert!(self.queue.frames.iter().map(wire).eq(frames.map(wire)));
        }
    }

    proptest! {
        /// Frames keep their order, no byte is lost or sent twice, one that has begun is ended, and
        /// what waits is counted to the byte.
        #[test]
        fn what_is_pushed_is_written_in_order(steps in prop::collection::vec(step(), 0..40)) {
            let mut model = Model::default();
            for step in steps {
                match step {
                    Step::Push(length, may_drop, is_whole) => model.push(length, may_drop, is_whole),
                    Step::Write(count, pushed, dropped) => model.write(count, pushed, dropped),
                    Step::DropOldest => model.drop_oldest(usize::from(model.written > 0)),
                    Step::Clear => {
                        model.queue.clear_unsent();
                        model.waiting.truncate(usize::from(model.written > 0));
                    }
                    // Only clients that are never written to have their frames popped.
                    Step::Pop if model.written == 0 => {
                        let popped = model.queue.pop().map(|frame| wire(&frame));
                        let expected = model.waiting.pop_front().map(|(_, frame)| wire(&frame));
                        prop_assert_eq!(popped, expected);
                    }
                    Step::Pop => {}
                }
                model.check();
            }
        }
    }

    #[test]
    fn an_idle_queue_holds_no_memory_and_a_waiting_one_keeps_its_frames() {
        let mut queue = FrameQueue::default();
        queue.push(Frame::text("one"));
        queue.release();
        assert_eq!(queue.len(), 1);
        let mut taken = queue.take();
        taken.advance(Frame::text("one").len());
        queue.give_back(taken);
        assert!(queue.is_empty() && queue.frames.capacity() > 0);
        queue.release();
        assert_eq!(queue.frames.capacity(), 0);
    }

    /// A slow client's queue is full for seconds, and each push drops what there is to drop.
    #[test]
    fn a_push_to_a_full_queue_looks_at_no_other_frame() {
        const FRAMES: usize = 16_000;
        let kept = || Frame::text("kept");
        for (kept_among, droppable_among) in [(1, 0), (1, 1), (50, 1)] {
            let mut queue = FrameQueue::default();
            for n in 0..FRAMES {
                let may_drop = n % (kept_among + droppable_among) >= kept_among;
                queue.push(if may_drop { kept().droppable() } else { kept() });
            }
            line::take_visits();
            let mut dropped = 0;
            for _ in 0..1000 {
                dropped += usize::from(queue.drop_oldest().is_some());
                queue.push(kept());
            }
            assert_eq!(line::take_visits(), 1000, "one a push");
            let droppable = FRAMES / (kept_among + droppable_among) * droppable_among;
            assert_eq!(dropped, droppable.min(1000));
        }
    }

    #[test]
    fn what_is_given_back_after_the_end_is_gone() {
        let mut queue = FrameQueue::default();
        queue.push(Frame::text("one"));
        let taken = queue.take();
        queue.push(Frame::text("two"));
        queue.end();
        queue.give_back(taken);
        assert!(queue.is_empty() && queue.first().is_none());
    }

    #[test]
    fn a_frame_that_has_begun_survives_the_clearing() {
        let mut queue = FrameQueue::default();
        let frames = ["one", "two"].map(Frame::text);
        frames.iter().for_each(|frame| queue.push(frame.clone()));
        let mut taken = queue.take();
        taken.advance(1);
        queue.give_back(taken);
        queue.clear_unsent();
        assert_eq!(queue.cost(), frames[0].cost());
        assert_eq!(queue.take().only(), Some(&wire(&frames[0])[1..]));
    }
}
