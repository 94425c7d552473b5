//! The log of recent removals, so that deltas can name them without comparing whole sets.

use std::collections::VecDeque;

use super::Clock;

/// The last removals of a replica, oldest first, within a bound.
///
/// Adds need no log: they are a range of the entries. A removal leaves no entry behind, so it is
/// logged. For older removals, a [`Delta`](super::Delta) names the live tags instead.
#[derive(Clone, Debug)]
pub(super) struct Removals {
    /// Pairs of the clock of the removal and the removed tag.
    log: VecDeque<(Clock, Clock)>,
    /// The clock of the last removal that was forgotten. All later removals are known.
    floor: Clock,
    /// The most removals that are kept.
    bound: usize,
}

impl Removals {
    /// Creates a log of at most `bytes` bytes.
    pub(super) fn new(bytes: usize) -> Self {
        Self {
            log: VecDeque::new(),
            floor: Clock::ZERO,
            bound: bytes / size_of::<(Clock, Clock)>(),
        }
    }

    pub(super) fn push(&mut self, at: Clock, tag: Clock) {
        if self.bound == 0 {
            self.floor = at;
            return;
        }
        if self.log.len() == self.bound {
            // First, so that the buffer never holds one more than the bound, and doubles for it.
            if let Some((at, _)) = self.log.pop_front() {
                self.floor = at;
            }
        } else if self.log.len() == self.log.capacity() {
            let more = self.log.len().max(4).min(self.bound - self.log.len());
            self.log.reserve_exact(more);
        }
        self.log.push_back((at, tag));
    }

    /// Returns the tags at or below `from` that were removed after it, in order. Returns `None` if
    /// some of these removals were forgotten.
    pub(super) fn since(&self, from: Clock) -> Option<Vec<Clock>> {
        if from < self.floor {
            return None;
        }
        let start = self.log.partition_point(|(at, _)| *at <= from);
        let tags = self.log.range(start..).map(|(_, tag)| *tag);
        let mut tags: Vec<_> = tags.filter(|tag| *tag <= from).collect();
        tags.sort_unstable();
        Some(tags)
    }

    /// Forgets everything up to `clock`: the removals belong to an incarnation that is over.
    pub(super) fn restart(&mut self, clock: Clock) {
        self.log.clear();
        self.floor = clock;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clocks(clocks: &[u64]) -> Vec<Clock> {
        clocks.iter().copied().map(Clock::new).collect()
    }

    #[test]
    fn names_older_tags_that_went_after_a_clock() {
        let mut removals = Removals::new(1024);
        removals.push(Clock::new(5), Clock::new(3));
        removals.push(Clock::new(6), Clock::new(1));
        removals.push(Clock::new(9), Clock::new(8));
        let since = |from| removals.since(Clock::new(from)).unwrap();
        assert_eq!(since(4), clocks(&[1, 3]));
        assert_eq!(since(5), clocks(&[1]));
        assert_eq!(since(8), clocks(&[8]));
        // 8 was added and removed after 7: a receiver at 7 never had it.
        assert_eq!(since(7), clocks(&[]));
    }

    #[test]
    fn the_memory_of_a_full_log_is_within_its_bound() {
        for bytes in [0, 8, 16, 4096, 5000, 64 * 1024] {
            let mut removals = Removals::new(bytes);
            for at in 0..20_000 {
                removals.push(Clock::new(2 * at + 2), Clock::new(2 * at + 1));
                let held = removals.log.capacity() * size_of::<(Clock, Clock)>();
                assert!(held <= bytes, "{held} bytes of {bytes} after {at} removals");
            }
            assert_eq!(removals.log.len(), bytes / size_of::<(Clock, Clock)>());
        }
    }

    #[test]
    fn forgets_the_oldest_and_says_so() {
        let mut removals = Removals::new(32);
        for at in [2, 4, 6] {
            removals.push(Clock::new(at), Clock::new(at - 1));
        }
        assert_eq!(removals.since(Clock::new(1)), None);
        assert_eq!(removals.since(Clock::new(2)), Some(clocks(&[])));
        assert_eq!(removals.since(Clock::new(3)), Some(clocks(&[3])));
    }
}
