//! Changes beside the end of their owner, and beside the stop of their tracker.

use super::*;
use crate::tracker::{Disconnect, in_turn};

/// The most presences of an owner.
const LIMIT: usize = 3;

/// A track, an untrack, and the end of the connection, each on a thread of its own.
fn race_with_the_end_of_a_connection() -> (Running<Plain>, Owner) {
    let options = options().max_presences_per_owner(LIMIT);
    let tracker = Running::start(&PubSub::local(), Plain, options);
    let owner = Owner::new();
    track(&tracker, &owner, "a").expect("there is room");
    let acts: [fn(&Tracker<Plain>, &Owner); 3] = [
        |tracker, owner| track(tracker, owner, "b").expect("there is room"),
        |tracker, owner| untrack(tracker, owner, "a"),
        |_, owner| owner.disconnect(Disconnect::Lost, None),
    ];
    let threads = acts.map(|act| {
        let owner = owner.clone();
        tracker.thread(move |tracker| act(tracker, &owner))
    });
    join(threads);
    (tracker, owner)
}

#[test]
fn nothing_is_tracked_for_an_owner_that_is_gone() {
    explore(|_| {
        let (tracker, owner) = race_with_the_end_of_a_connection();
        drop(owner);
        assert_eq!(tracker.topics(), []);
        tracker.end();
    });
}

#[test]
fn an_owner_knows_the_number_of_its_presences() {
    explore(|_| {
        let (tracker, owner) = race_with_the_end_of_a_connection();
        let present = tracker.count("t");
        let more = ["c", "d", "e", "f"].map(|key| track(&tracker, &owner, key));
        let more = more.iter().filter(|tracked| tracked.is_ok()).count();
        assert_eq!(present + more, LIMIT);
        tracker.end();
    });
}

/// Two threads track, two others stop the tracker.
fn race_with_a_stop<P: Presence>(presence: P) {
    let pubsub = PubSub::local();
    let listener = Arc::new(Listener::new(&pubsub));
    let tracker = Running::start(&pubsub, presence, options().pool_size(2));
    let stop = || {
        let listener = Arc::clone(&listener);
        tracker.thread(move |tracker| {
            block_on(tracker.stop());
            assert_eq!(listener.view(), View::default());
            assert_eq!(View::list(tracker), View::default());
        })
    };
    let tracks = |key: &'static str| {
        tracker.thread(move |tracker| {
            let owner = Owner::new();
            for _ in 0..2 {
                let tracked = in_turn(|| track(tracker, &owner, key));
                assert!(matches!(tracked, Ok(()) | Err(TrackError::Stopped)));
                untrack(tracker, &owner, key);
            }
            // It is kept until the other threads have ended.
            drop(track(tracker, &owner, key));
            owner
        })
    };
    let (tracks, stops) = ([tracks("a"), tracks("b")], [stop(), stop()]);
    let owners = join(tracks);
    join(stops);
    let refused = track(&tracker, &owners[0], "c");
    assert!(matches!(refused, Err(TrackError::Stopped)));
    assert_eq!(listener.view(), View::default());
    tracker.end();
}

#[test]
fn a_track_is_refused_or_leaves_with_the_stop() {
    explore(|_| race_with_a_stop(Plain));
}

#[test]
fn a_stop_waits_until_each_leave_is_fetched() {
    explore(|_| race_with_a_stop(Fetched));
}
