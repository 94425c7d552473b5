//! The limit on log lines that other nodes cause, and could fill the disk with.

mod by_peer;

use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

pub(crate) use by_peer::LogLimitByPeer;

/// The shortest time between two log lines of one complaint.
const EVERY: Duration = Duration::from_secs(10);

/// Lets one of many complaints through, and counts the others.
#[derive(Debug, Default)]
pub(crate) struct LogLimit {
    state: Mutex<Window>,
}

#[derive(Debug, Default)]
struct Window {
    next: Option<Instant>,
    held: u64,
}

impl LogLimit {
    /// Returns the number of complaints that were held back since the last log line, if it is time
    /// to log again.
    pub(crate) fn pass(&self) -> Option<u64> {
        self.pass_at(Instant::now())
    }

    /// Returns whether the next complaint passes.
    fn is_open(&self) -> bool {
        let next = self.state.lock().next;
        next.is_none_or(|next| Instant::now() >= next)
    }

    fn pass_at(&self, now: Instant) -> Option<u64> {
        let mut state = self.state.lock();
        if state.next.is_some_and(|next| now < next) {
            state.held += 1;
            return None;
        }
        state.next = Some(now + EVERY);
        Some(std::mem::take(&mut state.held))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_of_many_passes_and_the_others_are_counted() {
        let (limit, now) = (LogLimit::default(), Instant::now());
        assert_eq!(limit.pass_at(now), Some(0));
        assert_eq!(limit.pass_at(now), None);
        assert_eq!(limit.pass_at(now + EVERY - Duration::from_nanos(1)), None);
        assert_eq!(limit.pass_at(now + EVERY), Some(2));
        assert_eq!(limit.pass_at(now + EVERY), None);
    }
}
