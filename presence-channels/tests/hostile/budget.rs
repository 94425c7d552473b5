//! Clients that read nothing and spend the node's budget for unread messages, and a client that
//! reads.

use std::time::Duration;

use presence_channels::{Config, Endpoint, Limits};
use serde_json::json;

use crate::{
    client::joined,
    world::{World, settle},
};

const BUDGET: usize = 16 * 1024 * 1024;
const STALLED: usize = 10;
/// The messages of 100 KB that each of them leaves unread: 15 MB for all.
const UNREAD: usize = 15;
const LARGE: usize = 1024 * 1024;
/// Longer than a client has to catch up, and shorter than the timeout of a slow reader.
const CATCH_UP: Duration = Duration::from_secs(4);

fn send(endpoint: &Endpoint, topic: &str, bytes: usize) {
    let payload = json!({ "fill": "x".repeat(bytes) });
    endpoint.broadcast(topic, "news", payload).unwrap();
}

#[test]
fn who_reads_gets_large_messages_while_others_spend_the_budget() {
    let config = Config::default().max_queued_bytes(BUDGET);
    let limits = Limits::default().slow_reader_timeout(10 * CATCH_UP);
    let world = World::start_configured(limits, config);
    let endpoint = &world.endpoint;
    let stalled: Vec<_> = (0..STALLED)
        .map(|_| world.run(joined(endpoint, "room:1")))
        .collect();
    let mut reader = world.run(joined(endpoint, "room:2"));
    world.run(async {
        for _ in 0..UNREAD {
            send(endpoint, "room:1", 100_000);
        }
        settle().await;
        for _ in 0..10 {
            // The budget is spent, and the reader's share is less than a message.
            for bytes in [LARGE, LARGE, 10] {
                send(endpoint, "room:2", bytes);
                settle().await;
            }
            for bytes in [LARGE, LARGE, 10] {
                let news = reader.receive_json().await;
                assert_eq!(news[4]["fill"].as_str().map(str::len), Some(bytes));
            }
        }
        assert_eq!(
            endpoint.connections(),
            1 + STALLED,
            "without a time to wait"
        );
        tokio::time::sleep(CATCH_UP).await;
        let stay = endpoint.connections();
        assert!((2..=STALLED).contains(&stay), "{stay}, the reader included");
        send(endpoint, "room:2", LARGE);
        reader.receive_json().await;
    });
    drop(stalled);
}
