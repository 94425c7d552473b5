//! The queues of a tracker's tasks, and their wake-ups.

use super::*;
use crate::tracker::waiting;

#[test]
fn the_room_of_a_queue_is_what_waits_in_it() {
    explore(|_| {
        const MOST: usize = 2;
        let (queue, mut messages) = waiting::queue("model", MOST, 100);
        let queue = Arc::new(queue);
        let push = || {
            let queue = Arc::clone(&queue);
            thread::spawn(move || {
                let pushed = [(); 2].map(|()| queue.push(bytes::Bytes::from_static(b"m")));
                pushed.iter().filter(|pushed| **pushed).count()
            })
        };
        let pushes = [push(), push()];
        // At least these fit.
        for _ in 0..MOST {
            assert!(block_on(messages.recv()).is_some());
        }
        let pushed = join(pushes).iter().sum();
        for _ in MOST..pushed {
            assert!(block_on(messages.recv()).is_some());
        }
        let pushed = [(); 3].map(|()| queue.push(bytes::Bytes::from_static(b"m")));
        assert_eq!(pushed, [true, true, false]);
    });
}

#[test]
fn the_driver_wakes_for_a_deadline_that_comes_up() {
    explore(|runtime| {
        const INTERVAL: Duration = Duration::from_millis(10);
        let pubsub = PubSub::local();
        let mut diffs = pubsub.receiver("t", 10);
        let tracker = Running::start(&pubsub, Plain, options().diff_interval(INTERVAL));
        let owners = [("a", Owner::new()), ("b", Owner::new())];
        let tracks = owners.map(|(key, owner)| {
            tracker.thread(move |tracker| {
                track(tracker, &owner, key).expect("it is not here");
                owner
            })
        });
        // They stay until the diffs are here.
        let _owners = join(tracks);
        block_on(diffs.recv()).expect("the first track is sent at once");
        block_on(tracker.settled());
        // The second one waits until the driver ticks.
        pass(runtime, INTERVAL);
        block_on(diffs.recv()).expect("the driver ticks");
        tracker.end();
    });
}

#[test]
fn who_has_waited_until_all_is_settled_sees_its_change_handled() {
    explore(|_| {
        let pubsub = PubSub::local();
        let listener = Listener::new(&pubsub);
        let tracker = Running::start(&pubsub, Fetched, options());
        let other = tracker.thread(|tracker| {
            let owner = Owner::new();
            track(tracker, &owner, "a").expect("it is not here");
            owner
        });
        let owner = Owner::new();
        track(&tracker, &owner, "b").expect("it is not here");
        block_on(tracker.settled());
        assert!(listener.view().0.contains_key("b"));
        join([other]);
        tracker.end();
    });
}

#[test]
fn who_waits_until_all_is_settled_is_woken_by_a_change_without_a_diff() {
    explore(|_| {
        let tracker = Running::start(&PubSub::local(), Plain, options());
        let other = tracker.thread(|tracker| untrack(tracker, &Owner::new(), "a"));
        block_on(tracker.settled());
        join([other]);
        tracker.end();
    });
}
