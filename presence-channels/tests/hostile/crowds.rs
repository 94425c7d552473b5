//! Clients that suffer from what others send, or from what is large.

use std::{
    future::poll_fn,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use futures_util::{FutureExt, future::join_all};
use presence_channels::{Config, Limits};
use presence_core::pubsub::{Dispatch, Subscriber};
use serde_json::json;

use crate::{
    abandoned::Poller,
    client::{Client, joined},
    world::{HANDLER_TIMEOUT, PIPE, World, settle, start},
};

const MIB: usize = 1024 * 1024;

/// Everyone reads as fast as it can, and one sends as fast as it can.
#[test]
fn who_floods_a_room_closes_nobody_in_it() {
    const MEMBERS: usize = 50;
    const FLOOD: usize = 2000;
    const MAX_UNFLUSHED: usize = MIB / 4;
    let config = Config::default().max_unflushed_bytes(MAX_UNFLUSHED);
    let world = World::start_configured(Limits::default(), config);
    let endpoint = &world.endpoint;
    let mut members: Vec<_> = (0..MEMBERS)
        .map(|_| world.run(joined(endpoint, "room:1")))
        .collect();
    let mut flooder = world.run(joined(endpoint, "room:1"));

    let ((), held) = world.measure(async {
        let flood = async {
            for n in 0..FLOOD {
                let whisper = json!({ "n": n, "fill": "x".repeat(100) });
                flooder.push("room:1", "whisper", whisper).await;
            }
        };
        let listen = async |member: &mut Client| {
            for n in 0..FLOOD {
                assert_eq!(member.receive_json().await[4]["n"], n, "none is lost");
            }
        };
        tokio::join!(flood, join_all(members.iter_mut().map(listen)));
    });
    assert_eq!(endpoint.connections(), MEMBERS + 1);
    // The pipes, twice the limit at most, and the clients' own buffers.
    let most = (MEMBERS + 1) * 3 * PIPE + 3 * MAX_UNFLUSHED;
    assert!(held.peak <= most as u64, "{held:?} over {most}");
}

/// Counts the broadcasts of a topic.
#[derive(Default)]
struct Count(AtomicUsize);

impl Subscriber for Count {
    fn deliver(&self, _: &mut Dispatch<'_>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// As above, but who sends as fast as it can polls, and its messages come in batches.
#[test]
fn who_floods_a_room_by_polling_waits_until_it_is_written() {
    const MEMBERS: usize = 50;
    const BATCHES: usize = 2;
    const BATCH: usize = 1000;
    const MAX_UNFLUSHED: usize = MIB / 4;
    const FILL: usize = 200;
    let config = Config::default().max_unflushed_bytes(MAX_UNFLUSHED);
    let world = World::start_configured(Limits::default(), config);
    let endpoint = &world.endpoint;
    let mut members: Vec<_> = (0..MEMBERS)
        .map(|_| world.run(joined(endpoint, "room:1")))
        .collect();
    let flooder = world.run(Poller::joined(endpoint, "room:1"));
    let mut neighbour = world.run(joined(endpoint, "room:2"));
    let broadcasts = Arc::new(Count::default());
    let _counted = endpoint.pubsub().subscribe("room:1", broadcasts.clone());
    let count = || broadcasts.0.load(Ordering::Relaxed);

    let mut most_at_once = 0;
    let mut served = 0;
    world.run(async {
        let flood = async {
            for batch in 0..BATCHES {
                let whisper = |n| {
                    let payload = json!({ "n": batch * BATCH + n, "fill": "x".repeat(FILL) });
                    json!([null, "7", "room:1", "whisper", payload])
                };
                let batch: Vec<_> = (0..BATCH).map(whisper).collect();
                let mut published = pin!(flooder.publish_batch(&batch));
                let status = poll_fn(|cx| {
                    let before = count();
                    let polled = published.as_mut().poll(cx);
                    most_at_once = most_at_once.max(count() - before);
                    polled
                });
                assert_eq!(status.await, 200);
            }
        };
        let listen = async |member: &mut Client| {
            for n in 0..BATCHES * BATCH {
                assert_eq!(member.receive_json().await[4]["n"], n, "none is lost");
            }
        };
        // It broadcasts, too, and does not pay for the other.
        let talk = async {
            while count() < BATCHES * BATCH {
                neighbour.push("room:2", "shout", json!({})).await;
                neighbour.receive_json().await;
                served += 1;
            }
        };
        tokio::join!(flood, join_all(members.iter_mut().map(listen)), talk);
    });
    assert_eq!(endpoint.connections(), MEMBERS + 2);
    // All of it goes to each member, and one message more than may wait.
    let most = MAX_UNFLUSHED / (MEMBERS * FILL) + 1;
    assert!(most_at_once <= most, "{most_at_once} over {most}");
    let least = BATCHES * BATCH / most;
    assert!(served >= least, "the neighbour was served {served} times");
}

/// The app's own code does not wait, and broadcasts more than there is room for.
#[test]
fn a_job_that_does_not_wait_writes_by_itself() {
    const BROADCASTS: usize = 2000;
    const MAX_UNFLUSHED: usize = MIB / 8;
    let config = Config::default().max_unflushed_bytes(MAX_UNFLUSHED);
    let world = World::start_configured(Limits::default(), config);
    let endpoint = &world.endpoint;
    let mut members = [0; 5].map(|_| world.run(joined(endpoint, "room:1")));
    world.run(async {
        // No other task runs meanwhile, so the bytes wait in the queues.
        for n in 0..BROADCASTS {
            let payload = json!({ "n": n, "fill": "x".repeat(1000) });
            endpoint.broadcast("room:1", "news", payload).unwrap();
        }
        join_all(members.iter_mut().map(async |member| {
            for n in 0..BROADCASTS {
                assert_eq!(member.receive_json().await[4]["n"], n, "none is lost");
            }
        }))
        .await;
    });
    assert_eq!(endpoint.connections(), 5);
}

/// As a room's whole presence, to whoever joins it.
#[test]
fn a_message_over_the_limit_of_the_queue_reaches_who_reads() {
    let world = World::start(Limits::default());
    let endpoint = &world.endpoint;
    let mut member = world.run(joined(endpoint, "room:1"));
    world.run(async {
        let large = json!({ "x": "x".repeat(6 * MIB) });
        endpoint.broadcast("room:1", "large", &large).unwrap();
        endpoint.broadcast("room:1", "small", json!({})).unwrap();
        assert_eq!(member.receive_json().await[4], large);
        assert_eq!(member.receive_json().await[3], "small");
    });
}

/// Ten megabytes, of which the client takes a piece at a time, for longer than a handler may take.
#[test]
fn a_history_that_is_pushed_at_the_client_s_pace_reaches_it() {
    let limits = Limits::default().max_outgoing_bytes(MIB);
    let world = World::start(limits);
    let endpoint = &world.endpoint;
    let mut client = world.run(joined(endpoint, "room:1"));
    let ((), held) = world.measure(async {
        client.push("room:1", "history", json!([200, 50_000])).await;
        for n in 0..200 {
            tokio::time::sleep(HANDLER_TIMEOUT / 150).await;
            assert_eq!(client.receive_json().await[4]["n"], n);
        }
        assert_eq!(client.receive_json().await[4]["status"], "ok");
    });
    // A quarter of the limit, one message more, and what is on its way.
    let most = MIB / 4 + 8 * 50_000 + 4 * PIPE;
    assert!(held.peak <= most as u64, "{held:?} over {most}");
}

#[test]
fn a_connection_is_small_again_after_a_large_message() {
    let limits = Limits::default().max_message_bytes(16 * MIB);
    let world = World::start(limits);
    let endpoint = &world.endpoint;
    let mut client = world.run(joined(endpoint, "room:1"));
    let request = async |client: &mut Client, bytes: usize| {
        let payload = json!("x".repeat(bytes));
        let reply = client.request("room:1", "size", payload).await;
        assert_eq!(reply["response"]["bytes"], bytes + 2);
    };
    // The client's own buffers have their size after this.
    world.run(request(&mut client, 15 * MIB));
    let large = world.run(joined(endpoint, "room:1"));
    let ((), held) = world.measure(async {
        for _ in 0..3 {
            request(&mut client, 15 * MIB).await;
        }
        settle().await;
    });
    assert!(held.left < 2048, "{held:?}");
    drop(large);
}

/// A turn of one endpoint's client has something written by the other.
#[test]
fn two_endpoints_over_one_pubsub_do_not_hold_each_other_up() {
    let world = World::start(Limits::default());
    let pubsub = world.endpoint.pubsub().clone();
    let other = world
        .run(start(Limits::default(), Config::default(), pubsub))
        .endpoint;
    let mut here = world.run(joined(&world.endpoint, "room:1"));
    let mut there = world.run(joined(&other, "room:1"));
    world.run(async {
        for n in 0..10 {
            let begun = tokio::time::Instant::now();
            here.push("room:1", "shout", json!({ "n": n })).await;
            assert_eq!(there.receive_json().await[4]["n"], n);
            assert_eq!(here.receive_json().await[4]["n"], n);
            assert!(
                begun.elapsed().as_millis() < 5,
                "it waited for something else"
            );
        }
    });
}

/// The handler has to wait, so its reply is not a part of the turn that read the message.
#[test]
fn a_reply_waits_behind_no_other_room_s_broadcasts() {
    const MEMBERS: usize = 1000;
    let world = World::start(Limits::default());
    let endpoint = &world.endpoint;
    let mut members: Vec<_> = (0..MEMBERS)
        .map(|_| world.run(joined(endpoint, "room:1")))
        .collect();
    let mut neighbour = world.run(joined(endpoint, "room:2"));
    let written = world.run(async {
        let reference = neighbour.push("room:2", "slow", json!({})).await;
        settle().await;
        endpoint.broadcast("room:1", "news", json!({})).unwrap();
        world.probe.gate.add_permits(1);
        assert_eq!(neighbour.reply(&reference).await["status"], "ok");
        let got = members
            .iter_mut()
            .map(|member| member.receive_json().now_or_never());
        got.flatten().count()
    });
    assert!(
        written < MEMBERS / 2,
        "{written} of {MEMBERS} were written first"
    );
}
