//! Changes of one topic beside its readers: subscribers, watches, and clients that get a list in
//! parts.

use super::*;
use crate::tracker::tests::state::{Client, truth};
use crate::tracker::{WatchEvent, in_turn};

/// Two threads change one key, a third lists it.
fn change<P: Presence>(tracker: &Running<P>) {
    let acts: [fn(&Tracker<P>); 3] = [
        |tracker| {
            let owner = Owner::new();
            in_turn(|| track(tracker, &owner, "a").expect("it is not here"));
            untrack(tracker, &owner, "a");
            in_turn(|| track(tracker, &owner, "a").expect("it is not here"));
        },
        |tracker| {
            let owner = Owner::new();
            track(tracker, &owner, "a").expect("it is not here");
            block_on(tracker.update_as(&owner, "t", "a", json!({ "n": 2 }))).expect("it is here");
        },
        |tracker| drop(block_on(tracker.list("t"))),
    ];
    join(acts.map(|act| tracker.thread(act)));
}

fn listen<P: Presence>(presence: P) {
    let pubsub = PubSub::local();
    let listener = Listener::new(&pubsub);
    let tracker = Running::start(&pubsub, presence, options());
    change(&tracker);
    block_on(tracker.settled());
    assert_eq!(listener.view(), View::list(&tracker));
    tracker.end();
}

#[test]
fn each_diff_continues_the_one_before() {
    explore(|_| listen(Plain));
}

#[test]
fn each_fetched_diff_continues_the_one_before() {
    explore(|_| listen(Fetched));
}

#[test]
fn a_watch_sees_the_list_and_then_each_change_once() {
    explore(|_| {
        let tracker = Running::start(&PubSub::local(), Fetched, options());
        let watcher = tracker.thread(|tracker| {
            let mut watch = tracker.watch("t");
            let mut view = View::default();
            // Ends when all that was tracked has left again.
            while let Some(event) = block_on(watch.next()) {
                match event {
                    WatchEvent::State(list) => {
                        view = View::of(&serde_json::to_value(&list).expect("JSON"));
                    }
                    WatchEvent::Diff(diff) => {
                        view.merge(&serde_json::to_value(&diff).expect("JSON"));
                    }
                }
            }
            view
        });
        change(&tracker);
        block_on(tracker.stop());
        let [seen] = join([watcher]);
        assert_eq!(seen, View::default());
        tracker.end();
    });
}

#[test]
fn a_client_has_the_list_after_its_parts_and_the_diffs() {
    explore(|_| {
        let pubsub = PubSub::local();
        let mut options = options();
        // A part for each key.
        options.part_bytes = 1;
        let tracker = Running::start(&pubsub, Plain, options);
        let owner = Owner::new();
        for key in ["a", "b"] {
            track(&tracker, &owner, key).expect("it is not here");
        }
        let client = || {
            let listener = Listener::new(&pubsub);
            tracker.thread(move |tracker| {
                let mut parts = tracker.state_parts("t");
                let mut queued = 0;
                while let Some(part) = block_on(parts.next()) {
                    let message = (part.event().to_owned(), part.payload().clone());
                    parts.queue(&part, || {
                        listener.outbox.0.lock().push(message);
                        queued += 1;
                    });
                }
                (listener, queued)
            })
        };
        let clients = [client(), client()];
        let changes = tracker.thread(move |tracker| {
            // The first part, and another.
            untrack(tracker, &owner, "a");
            untrack(tracker, &owner, "b");
            track(tracker, &owner, "c").expect("it is not here");
            owner
        });
        let _owner = join([changes]);
        let listeners = join(clients);
        block_on(tracker.settled());
        let truth = block_on(truth(&tracker));
        for ((listener, parts), mut client) in listeners.into_iter().zip(Client::both()) {
            for (event, payload) in &*listener.outbox.0.lock() {
                client.takes(event, &payload.value().expect("JSON"));
            }
            client.ends_with(&truth, parts);
        }
        tracker.end();
    });
}
