//! A client that does not read.

use std::time::Duration;

use presence_channels::{Config, Limits};
use serde_json::json;

use crate::{
    abandoned::Poller,
    client::{Client, joined},
    world::{self, PIPE, World, settle},
};

const MAX_OUTGOING: usize = 256 * 1024;
const TIMEOUT: Duration = Duration::from_secs(1);
const BROADCAST: usize = 10_000;
/// 4 MB, in 4 s: within the time that a closed connection waits for its client.
const BROADCASTS: usize = 400;
/// The time between two broadcasts: 1 MB a second.
const PAUSE: Duration = Duration::from_millis(10);
/// The bytes that come until a slow client is noticed: a watch looks every twentieth of the
/// timeout.
const UNTIL_NOTICED: usize = BROADCAST * 112;

fn limits() -> Limits {
    Limits::default()
        .max_outgoing_bytes(MAX_OUTGOING)
        .slow_reader_timeout(TIMEOUT)
}

#[test]
fn who_does_not_read_is_closed_and_costs_what_came_until_then() {
    let world = World::start(limits());
    let endpoint = &world.endpoint;
    let mut fast = world.run(joined(endpoint, "room:1"));
    let mut slow = world.run(joined(endpoint, "room:1"));

    let ((), held) = world.measure(async {
        for n in 0..BROADCASTS {
            let payload = json!({ "n": n, "fill": "x".repeat(BROADCAST) });
            endpoint.broadcast("room:1", "news", payload).unwrap();
            assert_eq!(fast.receive_json().await[4]["n"], n, "nothing is lost");
            tokio::time::sleep(PAUSE).await;
        }
    });
    assert_eq!(endpoint.connections(), 1);
    // The queue, two clients' pipes both ways and what is on its way; the fast one parses its
    // message.
    let most = MAX_OUTGOING + UNTIL_NOTICED + 4 * PIPE + 12 * BROADCAST;
    assert!(held.peak <= most as u64, "{held:?} over {most}");
    assert_eq!(world.run(slow.closed()), 1013);
}

#[test]
fn who_polls_no_more_costs_what_came_until_then() {
    let world = World::start(limits());
    let endpoint = &world.endpoint;
    let mut fast = world.run(joined(endpoint, "room:1"));
    let poller = world.run(Poller::joined(endpoint, "room:1"));

    let ((), held) = world.measure(async {
        for _ in 0..BROADCASTS {
            let payload = json!({ "fill": "x".repeat(BROADCAST) });
            endpoint.broadcast("room:1", "news", payload).unwrap();
            fast.receive_json().await;
            tokio::time::sleep(PAUSE).await;
        }
    });
    let most = MAX_OUTGOING + UNTIL_NOTICED + 2 * PIPE + 12 * BROADCAST;
    assert!(held.peak <= most as u64, "{held:?} over {most}");
    assert_eq!(world.run(poller.poll()), 410);
}

/// However fast it comes: what all slow clients hold has one budget, and who holds less than its
/// own limit stays.
#[test]
fn those_who_do_not_read_hold_no_more_together_than_their_budget() {
    const SLOW: usize = 10;
    const BUDGET: usize = 1024 * 1024;
    let config = Config::default().max_queued_bytes(BUDGET);
    let world = World::start_configured(limits(), config);
    let endpoint = &world.endpoint;
    let mut fast = world.run(joined(endpoint, "room:1"));
    let slow: Vec<_> = (0..SLOW)
        .map(|_| world.run(joined(endpoint, "room:1")))
        .collect();
    let patient = world.run(joined(endpoint, "room:2"));

    let ((), held) = world.measure(async {
        endpoint
            .broadcast("room:2", "news", json!({ "x": "x".repeat(BROADCAST) }))
            .unwrap();
        for n in 0..BROADCASTS {
            let payload = json!({ "n": n, "fill": "x".repeat(BROADCAST) });
            endpoint.broadcast("room:1", "news", payload).unwrap();
            assert_eq!(fast.receive_json().await[4]["n"], n, "nothing is lost");
        }
        settle().await;
    });
    assert_eq!(endpoint.connections(), 2, "without a time to wait");
    // They share what waits: its memory is a fraction of what counts. Each holds its pipe, too.
    let most = BUDGET + (SLOW + 3) * 2 * PIPE + 12 * BROADCAST;
    assert!(held.peak <= most as u64, "{held:?} over {most}");
    drop((slow, patient));
}

/// Replies of a few bytes cost more in memory than on the wire, and count with what they cost.
#[test]
fn tiny_replies_that_nobody_reads_cost_what_is_counted() {
    const MAX: usize = 4 * 1024 * 1024;
    let world = World::start(Limits::default().max_outgoing_bytes(MAX));
    let mut client = world.run(joined(&world.endpoint, "room:1"));
    let (sent, held) = world.measure(async {
        let mut sent = 0;
        // Until nothing of it is read any more.
        let flood = async {
            loop {
                client.push("room:1", "ping", json!(1)).await;
                sent += 1;
            }
        };
        let flood = tokio::time::timeout(TIMEOUT, flood);
        assert!(flood.await.is_err());
        sent
    });
    // The client is not read once a quarter of the limit waits for it.
    assert!(sent > MAX / 4 / 400, "only {sent} were sent");
    let most = MAX / 4 + 6 * PIPE;
    assert!(held.peak <= most as u64, "{held:?} over {most}, of {sent}");
}

/// Each leaves less than its own limit, and what it leaves is its own.
#[test]
fn many_who_leave_little_hold_no_more_together_than_their_budget() {
    const CLIENTS: usize = 40;
    const BUDGET: usize = 1024 * 1024;
    let config = Config::default().max_queued_bytes(BUDGET);
    let world = World::start_configured(Limits::default(), config);
    let endpoint = &world.endpoint;
    let pollers: Vec<_> = (0..CLIENTS)
        .map(|_| world.run(Poller::joined(endpoint, "room:1")))
        .collect();
    let echo = json!(["1", "2", "room:1", "ping", "x".repeat(BROADCAST)]);
    let batch = vec![echo; 10];
    let ((), held) = world.measure(async {
        for poller in &pollers {
            poller.publish_batch(&batch).await;
        }
    });
    // The batch of one client, several times, on top.
    let most = BUDGET + 5 * 10 * BROADCAST;
    assert!(held.peak <= most as u64, "{held:?} over {most}");
    // Longer than a client has to catch up.
    world.run(async { tokio::time::sleep(3 * TIMEOUT).await });
    let stay = endpoint.connections();
    let fit = BUDGET / (10 * BROADCAST);
    assert!((fit / 2..=fit).contains(&stay), "{stay} of {CLIENTS} stay");
}

/// Sends until nothing of it is read any more.
async fn flood(client: &mut Client, event: &str) {
    let flood = async {
        loop {
            client.push("room:1", event, json!(1)).await;
        }
    };
    let flood = tokio::time::timeout(TIMEOUT / 2, flood);
    assert!(flood.await.is_err());
}

/// One read brings many requests, and the last of them wait like those that are not read.
#[test]
fn who_asks_for_much_at_once_and_reads_it_late_is_not_too_slow() {
    let limits = limits().max_outgoing_bytes(16 * 1024);
    let world = World::start(limits);
    let mut client = world.run(joined(&world.endpoint, "room:1"));
    world.run(async {
        flood(&mut client, "ping").await;
        tokio::time::sleep(5 * TIMEOUT).await;
        // More than the pipe holds, and no close frame among it.
        for _ in 0..400 {
            assert_eq!(client.receive_json().await[4]["status"], "ok");
        }
    });
}

/// The server did not read from it while its messages waited for their handler. Later it is the
/// client that takes nothing.
#[test]
fn who_reads_no_replies_is_silent_when_its_handlers_are_done() {
    let limits = Limits::default()
        .max_waiting_messages(400)
        .max_outgoing_bytes(MAX_OUTGOING);
    let world = World::start(limits);
    let endpoint = &world.endpoint;
    let mut client = world.run(joined(endpoint, "room:1"));
    world.run(async {
        flood(&mut client, "slow").await;
        world.probe.gate.add_permits(10_000);
        flood(&mut client, "slow").await;
        tokio::time::sleep(world::TIMEOUT / 2).await;
        assert_eq!(endpoint.connections(), 1, "it holds less than it may");
        tokio::time::sleep(world::TIMEOUT * 2 / 3).await;
        assert_eq!(endpoint.connections(), 0);
    });
}
