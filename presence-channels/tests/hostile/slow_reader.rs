//! A client that does not read.

use presence_channels::Limits;
use serde_json::json;

use crate::{
    client::joined,
    world::{PIPE, World, settle},
};

const MAX_OUTGOING: usize = 256 * 1024;
const BROADCAST: usize = 10_000;
/// 20 MB.
const BROADCASTS: usize = 2000;

#[test]
fn who_does_not_read_is_closed_and_costs_no_more_than_its_queue() {
    let mut limits = Limits::default();
    limits.max_outgoing_bytes = MAX_OUTGOING;
    let world = World::start(limits);
    let endpoint = &world.endpoint;
    let mut fast = world.run(joined(endpoint, "room:1"));
    let mut slow = world.run(joined(endpoint, "room:1"));

    let ((), held) = world.measure(async {
        for n in 0..BROADCASTS {
            let payload = json!({ "n": n, "fill": "x".repeat(BROADCAST) });
            endpoint.broadcast("room:1", "news", payload).unwrap();
            assert_eq!(fast.receive_json().await[4]["n"], n, "nothing is lost");
        }
        settle().await;
    });
    assert_eq!(world.run(slow.closed()), 1013);
    // The queue, two clients' pipes both ways and what is on its way; the fast one parses its
    // message.
    let most = MAX_OUTGOING + 4 * PIPE + 12 * BROADCAST;
    assert!(held.peak <= most as u64, "{held:?} over {most}");
    assert_eq!(endpoint.connections(), 1);
}

#[test]
fn who_polls_no_more_costs_no_more_than_its_queue() {
    let mut limits = Limits::default();
    limits.max_outgoing_bytes = MAX_OUTGOING;
    let world = World::start(limits);
    let endpoint = &world.endpoint;
    let mut fast = world.run(joined(endpoint, "room:1"));
    let poller = world.run(crate::abandoned::Poller::joined(endpoint, "room:1"));

    let ((), held) = world.measure(async {
        for _ in 0..BROADCASTS {
            let payload = json!({ "fill": "x".repeat(BROADCAST) });
            endpoint.broadcast("room:1", "news", payload).unwrap();
            fast.receive_json().await;
        }
        settle().await;
    });
    let most = MAX_OUTGOING + 2 * PIPE + 12 * BROADCAST;
    assert!(held.peak <= most as u64, "{held:?} over {most}");
    assert_eq!(world.run(poller.poll()), 410);
}
