//! A limit on log lines.

use std::sync::atomic::{AtomicU64, Ordering};

use tokio::time::Instant;

/// The time between two lines, in milliseconds.
const PERIOD: u64 = 1000;

/// Lets one log line through per second, and counts those that it holds back.
pub(crate) struct Gate {
    start: Instant,
    /// The time from which the next line may pass, in milliseconds since the start.
    next: AtomicU64,
    suppressed: AtomicU64,
}

impl Default for Gate {
    fn default() -> Self {
        Self {
            start: Instant::now(),
            next: AtomicU64::new(0),
            suppressed: AtomicU64::new(0),
        }
    }
}

impl Gate {
    /// Returns the number of lines held back since the last one, or `None` to hold this one back.
    pub(crate) fn pass(&self) -> Option<u64> {
        self.pass_at(self.start.elapsed().as_millis() as u64)
    }

    /// Returns whether the next line would pass, and none is held back.
    pub(super) fn is_idle(&self) -> bool {
        self.start.elapsed().as_millis() as u64 >= self.next.load(Ordering::Relaxed)
            && self.suppressed.load(Ordering::Relaxed) == 0
    }

    fn pass_at(&self, now: u64) -> Option<u64> {
        let next = self.next.load(Ordering::Relaxed);
        let is_first = now >= next
            && self
                .next
                .compare_exchange(next, now + PERIOD, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok();
        if is_first {
            return Some(self.suppressed.swap(0, Ordering::Relaxed));
        }
        self.suppressed.fetch_add(1, Ordering::Relaxed);
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_passes_a_second_and_names_the_number_of_the_others() {
        let gate = Gate::default();
        assert_eq!(gate.pass_at(0), Some(0));
        assert_eq!(gate.pass_at(1), None);
        assert_eq!(gate.pass_at(999), None);
        assert_eq!(gate.pass_at(1000), Some(2));
        assert_eq!(gate.pass_at(1500), None);
        assert_eq!(gate.pass_at(9000), Some(1));
        assert_eq!(gate.pass_at(10_000), Some(0));
    }
}
