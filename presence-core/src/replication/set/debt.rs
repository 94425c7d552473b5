//! The removals of a replica that has gone on before they were made.

use std::collections::VecDeque;
use std::sync::Arc;

use super::delta::{Inside, Run};
use super::replica::Replica;
use super::{Clock, Entry};

/// The entries that a replica holds though they are gone by its clock. They are taken away in
/// bounded turns ([`pay`](Self::pay)). Until then the replica holds more than its origin did at
/// this clock, so it is compared with no other and no answer begins with it.
#[derive(Clone, Debug)]
pub(crate) struct Debt {
    /// The tags that are gone.
    tags: VecDeque<Clock>,
    /// The held tags after this clock are to be compared with what lives.
    walked: Clock,
    /// Up to here.
    end: Clock,
    /// Those of them that live.
    living: Vec<Run>,
    /// The place of the first run that does not end before the walk.
    next_run: usize,
}

impl Debt {
    /// `tags` are gone, in order, and all between the clocks `after` and `end` that is not in one
    /// of the runs.
    pub(super) fn new(tags: Vec<Clock>, after: Clock, end: Clock, living: Vec<Run>) -> Self {
        Self {
            tags: tags.into(),
            walked: after,
            end,
            living,
            next_run: 0,
        }
    }

    /// Returns whether nothing is left to take away.
    pub(crate) fn is_paid(&self) -> bool {
        self.tags.is_empty() && self.walked >= self.end
    }

    /// Takes away what is gone, and puts it into `removed`. Looks up at most `budget` tags; returns
    /// what is left of the budget.
    pub(crate) fn pay(
        &mut self,
        replica: &mut Replica,
        budget: usize,
        removed: &mut Vec<Arc<Entry>>,
    ) -> usize {
        let mut left = budget;
        while left > 0
            && let Some(tag) = self.tags.pop_front()
        {
            removed.extend(replica.take(tag));
            left -= 1;
        }
        if left == 0 || self.is_paid() {
            return left;
        }
        let mut living = Inside::new(&self.living[self.next_run..]);
        let mut gone = Vec::new();
        let mut last = self.end;
        for entry in replica.between(self.walked, self.end).take(left) {
            last = entry.tag.clock;
            left -= 1;
            if !living.has(last) {
                gone.push(last);
            }
        }
        // With budget left, there is nothing more.
        self.walked = if left > 0 { self.end } else { last };
        removed.extend(gone.into_iter().filter_map(|tag| replica.take(tag)));
        let rest = &self.living[self.next_run..];
        self.next_run += rest.partition_point(|run| run.last <= self.walked);
        left
    }
}
