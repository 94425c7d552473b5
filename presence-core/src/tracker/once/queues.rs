//! The callbacks that wait: those of a topic run one after another, those of several topics at
//! once.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use super::window::{Event, MAX_BYTES, bytes};
use crate::presence::KeyEvent;

/// The most events of one call.
const BATCH: usize = 1000;
/// The most events that wait, beside [`MAX_BYTES`].
const MAX_WAITING: usize = 100_000;

/// The arguments of one call.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) topic: Arc<str>,
    /// Set for first joins, not set for last leaves.
    pub(super) came: bool,
    pub(super) events: Vec<KeyEvent>,
}

/// The queues of all topics. `Due` lives as long as a topic has something due.
#[derive(Debug)]
pub(super) struct Queues<Due> {
    /// The topics with events, or with a call under way.
    topics: HashMap<Arc<str>, (VecDeque<Event>, Due)>,
    /// The topics without a call under way.
    ready: VecDeque<Arc<str>>,
    waiting: usize,
    /// About the bytes of the events that wait.
    bytes: usize,
}

impl<Due> Queues<Due> {
    pub(super) fn new() -> Self {
        Self {
            topics: HashMap::new(),
            ready: VecDeque::new(),
            waiting: 0,
            bytes: 0,
        }
    }

    /// Adds an event. Returns `false` if too many events wait, and this one is dropped.
    pub(super) fn push(&mut self, event: Event, due: impl FnOnce() -> Due) -> bool {
        if self.waiting >= MAX_WAITING || self.bytes >= MAX_BYTES {
            return false;
        }
        self.waiting += 1;
        self.bytes += bytes(&event);
        let topic = Arc::clone(&event.topic);
        let (events, _) = self.topics.entry(topic).or_insert_with_key(|topic| {
            self.ready.push_back(Arc::clone(topic));
            (VecDeque::new(), due())
        });
        events.push_back(event);
        true
    }

    /// Returns the next call. [`Queues::done`] has to follow it.
    pub(super) fn next(&mut self) -> Option<Call> {
        while let Some(topic) = self.ready.pop_front() {
            let Some((events, _)) = self.topics.get_mut(&topic) else {
                continue;
            };
            let Some(came) = events.front().map(|event| event.change.came) else {
                self.topics.remove(&topic);
                continue;
            };
            let mut batch = Vec::new();
            while batch.len() < BATCH
                && let Some(event) = events.pop_front_if(|event| event.change.came == came)
            {
                self.bytes -= bytes(&event);
                batch.push(KeyEvent {
                    key: Arc::clone(&event.change.entry.key),
                    meta: event.change.entry.meta.clone(),
                    at: event.at,
                    is_repeated: event.is_repeated,
                });
            }
            self.waiting -= batch.len();
            return Some(Call {
                topic,
                came,
                events: batch,
            });
        }
        None
    }

    /// Notes that a call has ended.
    pub(super) fn done(&mut self, topic: Arc<str>) {
        self.ready.push_back(topic);
    }

    /// Returns whether no event waits and no call is under way. Call it after [`Queues::next`] has
    /// returned `None`.
    pub(super) fn is_empty(&self) -> bool {
        self.topics.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{event, large_event};
    use super::*;

    fn pushed(queues: &mut Queues<()>, topic: &str, events: &[(&str, bool)]) {
        for (key, came) in events {
            assert!(queues.push(event(topic, key, *came), || ()));
        }
    }

    /// The next call: its topic, its kind, and its keys.
    fn next(queues: &mut Queues<()>) -> Option<(String, bool, Vec<String>)> {
        let call = queues.next()?;
        let keys = call.events.iter().map(|event| event.key.to_string());
        Some((call.topic.to_string(), call.came, keys.collect()))
    }

    fn call(topic: &str, came: bool, keys: &[&str]) -> Option<(String, bool, Vec<String>)> {
        let keys = keys.iter().map(|key| (*key).to_owned());
        Some((topic.to_owned(), came, keys.collect()))
    }

    #[test]
    fn the_calls_of_a_topic_follow_each_other_and_other_topics_do_not_wait() {
        let mut queues = Queues::new();
        pushed(&mut queues, "t", &[("a", true)]);
        assert_eq!(next(&mut queues), call("t", true, &["a"]));
        pushed(&mut queues, "t", &[("b", true), ("c", true), ("a", false)]);
        pushed(&mut queues, "u", &[("a", true)]);
        assert_eq!(next(&mut queues), call("u", true, &["a"]));
        assert_eq!(next(&mut queues), None);
        queues.done("t".into());
        assert_eq!(next(&mut queues), call("t", true, &["b", "c"]));
        queues.done("t".into());
        assert_eq!(next(&mut queues), call("t", false, &["a"]));
        queues.done("u".into());
        queues.done("t".into());
        assert_eq!(next(&mut queues), None);
        assert!(queues.is_empty() && queues.waiting == 0 && queues.bytes == 0);
    }

    #[test]
    fn calls_and_queues_are_bounded() {
        let mut queues = Queues::new();
        for number in 0..MAX_WAITING {
            let topic = if number % 2 == 0 { "t" } else { "u" };
            assert!(queues.push(event(topic, &number.to_string(), true), || ()));
        }
        assert!(!queues.push(event("t", "one more", true), || ()));
        let call = queues.next().unwrap();
        assert_eq!(call.events.len(), BATCH);
        assert!(queues.push(event("t", "one more", true), || ()));
    }

    #[test]
    fn the_bytes_that_wait_are_bounded() {
        let mut queues = Queues::new();
        let push = |queues: &mut Queues<()>, key: &str| {
            queues.push(large_event(key, true, MAX_BYTES / 4), || ())
        };
        for key in ["0", "1", "2", "3"] {
            assert!(push(&mut queues, key));
        }
        assert!(!push(&mut queues, "one more"));
        assert_eq!(queues.next().unwrap().events.len(), 4);
        assert!(push(&mut queues, "one more"));
    }
}
