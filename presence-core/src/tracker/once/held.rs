//! The last leaves that are held back: their keys may come back in a moment.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use super::window::{Event, MAX_BYTES, bytes};

/// The most events that are held, beside [`MAX_BYTES`]. Beyond it, the oldest is handled early.
const MAX_HELD: usize = 100_000;

/// The held events, the oldest first.
#[derive(Debug)]
pub(super) struct Held {
    delay: Duration,
    /// Each with the time at which it is due. `None` in the place of an event that was taken back.
    events: VecDeque<(Duration, Option<Event>)>,
    /// About the bytes of the events.
    bytes: usize,
    /// The number of events that left at the front.
    gone: usize,
    /// The places of the events by topic and key, counted from the beginning.
    places: HashMap<(Arc<str>, Arc<str>), usize>,
}

impl Held {
    pub(super) fn new(delay: Duration) -> Self {
        Self {
            delay,
            events: VecDeque::new(),
            bytes: 0,
            gone: 0,
            places: HashMap::new(),
        }
    }

    /// Takes an event. Returns the event that is to be handled now: a join of a key whose leave is
    /// not held.
    pub(super) fn push(&mut self, event: Event, now: Duration) -> Option<Event> {
        let place = place(&event);
        if !event.change.came {
            self.places.insert(place, self.gone + self.events.len());
            self.bytes += bytes(&event);
            self.events.push_back((now + self.delay, Some(event)));
            return None;
        }
        let Some(number) = self.places.remove(&place) else {
            return Some(event);
        };
        let left = self.events[number - self.gone].1.take();
        self.bytes -= left.as_ref().map_or(0, bytes);
        // If another node has handled one of them, the join is needed.
        let is_needed = event.is_repeated || left.is_none_or(|left| left.is_repeated);
        is_needed.then_some(event)
    }

    /// Takes the events that are due.
    pub(super) fn due(&mut self, now: Duration) -> Vec<Event> {
        let mut due = Vec::new();
        while let Some((until, _)) = self.events.front()
            && (*until <= now || self.events.len() > MAX_HELD || self.bytes > MAX_BYTES)
        {
            due.extend(self.pop());
        }
        due
    }

    /// Takes all events.
    pub(super) fn take(&mut self) -> Vec<Event> {
        self.due(Duration::MAX)
    }

    /// Returns the time at which an event is due.
    pub(super) fn next_due(&self) -> Option<Duration> {
        self.events.front().map(|(until, _)| *until)
    }

    fn pop(&mut self) -> Option<Event> {
        let event = self.events.pop_front().and_then(|(_, event)| event);
        if let Some(event) = &event {
            self.bytes -= bytes(event);
            let place = place(event);
            if self.places.get(&place) == Some(&self.gone) {
                self.places.remove(&place);
            }
        }
        self.gone += 1;
        event
    }
}

fn place(event: &Event) -> (Arc<str>, Arc<str>) {
    let key = &event.change.entry.key;
    (Arc::clone(&event.topic), Arc::clone(key))
}

#[cfg(test)]
mod tests {
    use super::super::tests::{event, large_event};
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn keys(events: &[Event]) -> Vec<&str> {
        let keys = events.iter().map(|event| &*event.change.entry.key);
        keys.collect()
    }

    #[test]
    fn a_leave_waits_and_a_join_does_not() {
        let mut held = Held::new(SECOND);
        assert!(held.push(event("t", "a", false), SECOND).is_none());
        assert!(held.push(event("t", "b", true), SECOND).is_some());
        assert!(held.push(event("t", "c", false), 2 * SECOND).is_none());
        assert_eq!(held.next_due(), Some(2 * SECOND));
        assert_eq!(keys(&held.due(2 * SECOND)), ["a"]);
        assert!(held.push(event("t", "a", true), 2 * SECOND).is_some());
        assert_eq!(keys(&held.take()), ["c"]);
        assert_eq!(held.next_due(), None);
        assert!(held.places.is_empty());
    }

    #[test]
    fn who_comes_back_meanwhile_is_no_event() {
        let mut held = Held::new(SECOND);
        for now in 0..3 {
            let now = now * SECOND / 4;
            assert!(held.push(event("t", "a", false), now).is_none());
            assert!(held.push(event("u", "a", false), now).is_none());
            assert!(held.push(event("t", "a", true), now).is_none());
        }
        let last = held.push(event("t", "a", false), SECOND);
        assert!(last.is_none());
        // In the other topic the key left three times, which a shard never tells.
        assert_eq!(keys(&held.due(SECOND)), ["a"]);
        let due = held.due(2 * SECOND);
        assert_eq!(&*due.last().unwrap().topic, "t");
        assert!(held.places.is_empty());
    }

    #[test]
    fn a_leave_that_another_node_may_have_handled_needs_its_join() {
        for (leave, join) in [(true, true), (true, false), (false, true)] {
            let mut held = Held::new(SECOND);
            let (mut left, mut came) = (event("t", "a", false), event("t", "a", true));
            left.is_repeated = leave;
            came.is_repeated = join;
            assert!(held.push(left, SECOND).is_none());
            assert!(held.push(came, SECOND).is_some());
            assert!(held.take().is_empty());
        }
    }

    #[test]
    fn without_a_delay_a_leave_is_due_at_once() {
        let mut held = Held::new(Duration::ZERO);
        assert!(held.push(event("t", "a", false), SECOND).is_none());
        assert_eq!(keys(&held.due(SECOND)), ["a"]);
    }

    #[test]
    fn the_number_of_held_events_is_bounded() {
        let mut held = Held::new(SECOND);
        for number in 0..MAX_HELD + 2 {
            held.push(event("t", &number.to_string(), false), SECOND);
        }
        assert_eq!(keys(&held.due(SECOND)), ["0", "1"]);
    }

    #[test]
    fn the_bytes_of_held_events_are_bounded() {
        let mut held = Held::new(SECOND);
        // Of 8 MiB and a little.
        let push = |held: &mut Held, key: &str, came| {
            held.push(large_event(key, came, MAX_BYTES / 4), SECOND)
        };
        for key in ["0", "1", "2", "3"] {
            assert!(push(&mut held, key, false).is_none());
        }
        assert_eq!(keys(&held.due(SECOND)), ["0"]);
        // One that is taken back gives its bytes back.
        assert!(push(&mut held, "1", true).is_none());
        assert!(push(&mut held, "4", false).is_none());
        assert!(held.due(SECOND).is_empty());
        assert_eq!(keys(&held.take()), ["2", "3", "4"]);
        assert_eq!(held.bytes, 0);
    }
}
