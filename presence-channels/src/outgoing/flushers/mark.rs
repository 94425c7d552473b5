use crate::outgoing::sync::atomic::{AtomicU32, Ordering};

/// No batch has the outbox.
const FREE: u32 = 0;
/// A flusher has it, and will write.
const LISTED: u32 = 1;

/// The holder of an outbox with unwritten broadcasts: no one, a turn under way that hands it to a
/// flusher at its end, or a flusher.
#[derive(Default)]
pub(in crate::outgoing) struct Mark(AtomicU32);

/// The result of marking an outbox.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Marked {
    /// The marking turn has it now, and must hand it over.
    Held,
    /// The marking turn had it, or a flusher has it.
    Known,
    /// Another turn had it, whose end may be far. The marker must hand it over at once.
    TakenOver,
}

impl Mark {
    /// Marks the outbox for the turn of the thread `turn`, which is 2 or more.
    pub(super) fn hold(&self, turn: u32) -> Marked {
        let held = |from| {
            self.0
                .compare_exchange(from, turn, Ordering::AcqRel, Ordering::Acquire)
        };
        // Most often the turn has marked it before.
        if self.0.load(Ordering::Acquire) == turn {
            return Marked::Known;
        }
        match held(FREE) {
            Ok(_) => Marked::Held,
            Err(LISTED) => Marked::Known,
            Err(other) if other == turn => Marked::Known,
            Err(other) => {
                let taken =
                    self.0
                        .compare_exchange(other, LISTED, Ordering::AcqRel, Ordering::Acquire);
                match taken {
                    Ok(_) => Marked::TakenOver,
                    // Its turn ended just now, or was written for: look again.
                    Err(_) => self.hold(turn),
                }
            }
        }
    }

    /// The turn that holds the outbox hands it over. Returns whether it still had it.
    pub(super) fn list(&self, turn: u32) -> bool {
        self.0
            .compare_exchange(turn, LISTED, Ordering::AcqRel, Ordering::Acquire)
            .is_ok()
    }

    /// A flusher begins to write.
    pub(in crate::outgoing) fn clear(&self) {
        self.0.swap(FREE, Ordering::AcqRel);
    }
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use super::*;

    #[test]
    fn who_pushes_while_another_turn_has_it_takes_it_over() {
        let mark = Mark::default();
        assert_eq!(mark.hold(2), Marked::Held);
        assert_eq!(mark.hold(2), Marked::Known);
        assert_eq!(mark.hold(3), Marked::TakenOver);
        assert_eq!(mark.hold(2), Marked::Known);
        assert!(!mark.list(2));
        mark.clear();
        assert_eq!(mark.hold(2), Marked::Held);
        assert!(mark.list(2));
        assert_eq!(mark.hold(3), Marked::Known);
    }
}
