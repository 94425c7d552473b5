//! The last event of each other node.
//!
//! Several tasks make a node judge others, and each emits the events of its judgements when it
//! holds no lock any more. So an event may be overtaken by a later one: a node goes down and comes
//! back, and the task that saw it go down emits last. An event that is over is not emitted. Of one
//! node's events, the last one is true.

use std::collections::HashMap;

use crate::replication::membership::Roll;
use crate::replication::node::ReplicaEvent;
use crate::replication::set::{Origin, ReplicaName};

/// The most nodes that are gone and remembered.
const MAX_GONE: usize = 1024;

/// The last event of each node.
#[derive(Debug, Default)]
pub(super) struct LastEvents(HashMap<ReplicaName, ReplicaEvent>);

impl LastEvents {
    /// Returns whether an event is to be emitted, and notes it. `roll` is called after the
    /// judgement that led to the event, and after each that led to an earlier call.
    pub(super) fn admit(&mut self, event: &ReplicaEvent, roll: impl FnOnce() -> Roll) -> bool {
        let Some(origin) = origin(event) else {
            return true;
        };
        let last = self.0.get(&origin.name);
        // The same again: those in between were over when they were to be emitted.
        if last == Some(event) || !is_true(event, origin, last, &roll()) {
            return false;
        }
        self.0.insert(origin.name.clone(), event.clone());
        self.forget();
        true
    }

    fn forget(&mut self) {
        let is_gone = |event: &ReplicaEvent| {
            matches!(event, ReplicaEvent::Permdown(_) | ReplicaEvent::Left(_))
        };
        if self.0.values().filter(|event| is_gone(event)).count() > MAX_GONE {
            self.0.retain(|_, event| !is_gone(event));
        }
    }
}

/// Returns the node that has the status of the event. Returns `None` for other events.
fn origin(event: &ReplicaEvent) -> Option<&Origin> {
    match event {
        ReplicaEvent::Up(origin)
        | ReplicaEvent::Down(origin)
        | ReplicaEvent::Permdown(origin)
        | ReplicaEvent::Left(origin) => Some(origin),
        ReplicaEvent::Conflict { .. } | ReplicaEvent::TooMany(_) => None,
    }
}

fn is_true(
    event: &ReplicaEvent,
    origin: &Origin,
    last: Option<&ReplicaEvent>,
    roll: &Roll,
) -> bool {
    let mut names = roll.up.iter().map(|seat| &seat.origin.name);
    let is_up = names.any(|name| *name == origin.name);
    match event {
        ReplicaEvent::Up(_) => roll.seat(origin).is_some(),
        // Down is the first of the three ends of an incarnation.
        ReplicaEvent::Down(_) => {
            let has_ended = match last {
                Some(ReplicaEvent::Permdown(ended) | ReplicaEvent::Left(ended)) => ended == origin,
                _ => false,
            };
            !is_up && !has_ended && !roll.left.contains(origin)
        }
        _ => !is_up,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::replication::membership::Seat;
    use crate::replication::set::Incarnation;

    fn x(start: u64) -> Origin {
        let incarnation = Incarnation {
            started_ms: start,
            nonce: 1,
        };
        Origin {
            name: ReplicaName::new("x"),
            incarnation,
        }
    }

    fn roll(up: Option<Origin>, left: Option<Origin>) -> Roll {
        let me = Arc::new(Origin {
            name: ReplicaName::new("me"),
            ..x(1)
        });
        let origins = std::iter::once(Arc::clone(&me)).chain(up.map(Arc::new));
        let seats = origins.map(|origin| Seat {
            origin,
            counts_from: Duration::ZERO,
            returns_until: Duration::ZERO,
        });
        Roll {
            up: seats.collect(),
            left: left.into_iter().collect(),
            me,
        }
    }

    /// Returns whether each event is emitted.
    fn emitted<const N: usize>(
        last: &mut LastEvents,
        events: [ReplicaEvent; N],
        roll: &Roll,
    ) -> [bool; N] {
        events.map(|event| last.admit(&event, || roll.clone()))
    }

    #[test]
    fn events_in_their_order_are_emitted() {
        let mut last = LastEvents::default();
        let up = |start| roll(Some(x(start)), None);
        let down = roll(None, None);
        assert_eq!(emitted(&mut last, [ReplicaEvent::Up(x(1))], &up(1)), [true]);
        let ends = [ReplicaEvent::Down(x(1)), ReplicaEvent::Permdown(x(1))];
        assert_eq!(emitted(&mut last, ends, &down), [true, true]);
        assert_eq!(emitted(&mut last, [ReplicaEvent::Up(x(1))], &up(1)), [true]);
        // Restarted.
        assert_eq!(emitted(&mut last, [ReplicaEvent::Up(x(2))], &up(2)), [true]);
        let left = roll(None, Some(x(2)));
        assert_eq!(
            emitted(&mut last, [ReplicaEvent::Left(x(2))], &left),
            [true]
        );
        assert_eq!(emitted(&mut last, [ReplicaEvent::Up(x(3))], &up(3)), [true]);
    }

    #[test]
    fn an_event_that_another_has_overtaken_is_left_out() {
        let mut last = LastEvents::default();
        let up = roll(Some(x(1)), None);
        assert_eq!(emitted(&mut last, [ReplicaEvent::Up(x(1))], &up), [true]);
        // Down and up again, or restarted before that was seen.
        let inverted = [ReplicaEvent::Up(x(1)), ReplicaEvent::Down(x(1))];
        assert_eq!(emitted(&mut last, inverted, &up), [false, false]);
        let restarted = roll(Some(x(2)), None);
        let inverted = [ReplicaEvent::Up(x(2)), ReplicaEvent::Down(x(1))];
        assert_eq!(emitted(&mut last, inverted, &restarted), [true, false]);
        // Up and down again.
        let down = roll(None, None);
        let inverted = [ReplicaEvent::Down(x(2)), ReplicaEvent::Up(x(2))];
        assert_eq!(emitted(&mut last, inverted, &down), [true, false]);
        let again = [ReplicaEvent::Up(x(2)), ReplicaEvent::Down(x(2))];
        assert_eq!(emitted(&mut last, again, &down), [false, false]);
        // Given up, or left, before the event of its going down.
        let inverted = [ReplicaEvent::Permdown(x(2)), ReplicaEvent::Down(x(2))];
        assert_eq!(emitted(&mut last, inverted, &down), [true, false]);
        let left = roll(None, Some(x(3)));
        let inverted = [ReplicaEvent::Down(x(3)), ReplicaEvent::Left(x(3))];
        assert_eq!(emitted(&mut last, inverted, &left), [false, true]);
    }

    #[test]
    fn few_nodes_that_are_gone_are_remembered() {
        let mut last = LastEvents::default();
        for number in 0..3 * MAX_GONE {
            let origin = Origin {
                name: ReplicaName::new(number.to_string()),
                ..x(1)
            };
            last.admit(&ReplicaEvent::Left(origin), || roll(None, None));
        }
        assert!(last.0.len() <= MAX_GONE);
    }
}
