//! A client that does not read.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures_util::{SinkExt, StreamExt};
use sample_app::{Client, PATIENCE, Server};
use serde_json::{Value, json};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::{Message, protocol::CloseFrame};

use crate::stalled;

const MAX_OUTGOING: usize = 256 * 1024;
const BROADCAST: usize = 10_000;
/// 10 MB: more than any buffer on the way.
const BROADCASTS: usize = 1000;

#[tokio::test]
async fn a_slow_reader_is_closed_with_1013_and_others_get_everything() {
    let server = Server::start_limited(|limits| {
        limits
            .max_outgoing_bytes(MAX_OUTGOING)
            .slow_reader_timeout(Duration::from_millis(200))
    })
    .await;
    let mut fast = Client::connect(&server, "fast").await;
    fast.join("room:1").await;
    let mut slow = Client::connect(&server, "slow").await;
    slow.join("room:1").await;

    // The slow one reads as soon as it is closed. The server waits for seconds only until it does.
    let endpoint = server.endpoint.clone();
    let slow = tokio::spawn(async move {
        while endpoint.connections() > 1 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        let mut received = 0;
        loop {
            match slow.receive().await {
                Message::Text(_) => received += 1,
                Message::Close(Some(CloseFrame { code, .. })) => break (received, u16::from(code)),
                other => panic!("unexpected: {other:?}"),
            }
        }
    });
    for n in 0..BROADCASTS {
        let payload = json!({ "n": n, "fill": "x".repeat(BROADCAST) });
        let endpoint = &server.endpoint;
        endpoint.broadcast("room:1", "news", payload).unwrap();
        // At the pace of the fast one, for whom nothing piles up.
        assert_eq!(fast.receive_json().await[4]["n"], n);
    }
    fast.assert_alive().await;
    let closed = timeout(PATIENCE, slow).await;
    let (received, code) = closed.expect("the slow one is closed").unwrap();
    assert_eq!(code, 1013);
    assert!(received < BROADCASTS, "nothing had to wait");
}

#[tokio::test]
async fn who_does_not_read_replies_is_not_asked_for_more() {
    // 10 MB: more than the buffers on the way there and back.
    const REQUESTS: usize = 1000;
    let server = Server::start_limited(|limits| limits.max_outgoing_bytes(MAX_OUTGOING)).await;
    let mut slow = Client::connect(&server, "slow").await;
    slow.join("room:1").await;

    let (mut requests, mut replies) = slow.into_socket().split();
    let sent = Arc::new(AtomicUsize::new(0));
    let counter = sent.clone();
    let flood = tokio::spawn(async move {
        for n in 0..REQUESTS {
            let payload = json!({ "n": n, "fill": "x".repeat(BROADCAST) });
            let request = json!([null, n.to_string(), "room:1", "ping", payload]);
            requests
                .send(Message::text(request.to_string()))
                .await
                .unwrap();
            counter.fetch_add(1, Ordering::Relaxed);
        }
    });
    let taken = stalled(&sent).await;
    assert!(taken < REQUESTS, "all was read though no reply was");

    for n in 0..REQUESTS {
        let reply = timeout(PATIENCE, replies.next()).await;
        let reply = reply.expect("a reply in time").unwrap().unwrap();
        let reply: Value = serde_json::from_str(reply.to_text().unwrap()).unwrap();
        assert_eq!(
            reply[4]["response"]["n"], n,
            "nothing is lost, the order is kept"
        );
    }
    flood.await.unwrap();
}

/// Cursors and presences on one socket, whose policy drops nothing.
#[tokio::test]
async fn a_slow_reader_misses_events_that_its_channel_lets_it_miss_and_no_presence() {
    let server = Server::start_limited(|limits| limits.max_outgoing_bytes(MAX_OUTGOING)).await;
    let mut fast = Client::connect(&server, "fast").await;
    fast.join("room:1").await;
    let mut slow = Client::connect(&server, "slow").await;
    slow.join("room:1").await;
    let mut events = Vec::new();
    for n in 0..BROADCASTS {
        let event = ["cursor", "presence_diff"][usize::from(n % 100 == 99)];
        events.push((event, n));
    }
    events.push(("news", BROADCASTS));
    for (event, n) in events {
        let payload = json!({ "n": n, "fill": "x".repeat(BROADCAST) });
        server.endpoint.broadcast("room:1", event, payload).unwrap();
        assert_eq!(fast.receive_json().await[4]["n"], n);
    }

    let (mut cursors, mut presences) = (Vec::new(), Vec::new());
    loop {
        let message = slow.receive_json().await;
        let n = message[4]["n"].as_u64().unwrap();
        match message[3].as_str() {
            Some("cursor") => cursors.push(n),
            Some("presence_diff") => presences.push(n),
            _ => break,
        }
    }
    let all: Vec<u64> = (99..BROADCASTS as u64).step_by(100).collect();
    assert_eq!(presences, all);
    assert!(cursors.is_sorted() && cursors.len() < BROADCASTS - all.len());
    assert_eq!(cursors.last(), Some(&(BROADCASTS as u64 - 2)), "the latest");
    slow.assert_alive().await;
}
