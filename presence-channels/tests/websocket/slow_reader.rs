//! A client that does not read.

use serde_json::json;
use tokio::net::TcpSocket;
use tokio_tungstenite::tungstenite::{Message, protocol::CloseFrame};

use crate::{app::Server, client::Client, eventually};

const MAX_OUTGOING: usize = 256 * 1024;
const BROADCAST: usize = 10_000;
/// 100 MB: more than any buffer of the system on the way.
const BROADCASTS: usize = 10_000;

/// A client whose system holds little of what it does not read.
async fn connect_with_small_buffer(server: &Server) -> Client {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let stream = socket.connect(server.address).await.unwrap();
    Client::open_over(stream, server, "vsn=2.0.0&user_id=slow").await
}

#[tokio::test]
async fn a_slow_reader_is_closed_with_1013_and_others_get_everything() {
    let server = Server::start_limited(|limits| limits.max_outgoing_bytes = MAX_OUTGOING).await;
    let mut fast = Client::connect(&server, "fast").await;
    fast.join("room:1").await;
    let mut slow = connect_with_small_buffer(&server).await;
    slow.join("room:1").await;

    let mut sent = 0;
    while server.endpoint.connections() == 2 {
        assert!(sent < BROADCASTS, "the slow reader was never closed");
        let payload = json!({ "n": sent, "fill": "x".repeat(BROADCAST) });
        server
            .endpoint
            .broadcast("room:1", "news", payload)
            .unwrap();
        // At the pace of the fast one, for whom nothing piles up.
        let news = fast.receive_json().await;
        assert_eq!(news[4]["n"], sent);
        sent += 1;
    }
    fast.assert_alive().await;

    // What the slow one has not got now was in the server's memory, or never got there.
    let mut received = 0;
    let code = loop {
        match slow.receive().await {
            Message::Text(_) => received += 1,
            Message::Close(Some(CloseFrame { code, .. })) => break u16::from(code),
            other => panic!("unexpected: {other:?}"),
        }
    };
    assert_eq!(code, 1013);
    let held = (sent - received) * BROADCAST;
    assert!(
        held <= MAX_OUTGOING + 5 * BROADCAST,
        "{held} bytes were held"
    );
    assert!(
        held >= MAX_OUTGOING - 2 * BROADCAST,
        "closed with only {held} bytes held"
    );
}

#[tokio::test]
async fn who_does_not_read_replies_is_not_asked_for_more() {
    let server = Server::start_limited(|limits| limits.max_outgoing_bytes = MAX_OUTGOING).await;
    let mut slow = connect_with_small_buffer(&server).await;
    slow.join("room:1").await;

    // Replies far over the limit, were they all made at once.
    let requests = 20 * MAX_OUTGOING / BROADCAST;
    let flood = tokio::spawn(async move {
        let mut references = Vec::new();
        for _ in 0..requests {
            let payload = json!({ "fill": "x".repeat(BROADCAST) });
            references.push(slow.push("room:1", "ping", payload).await);
        }
        (slow, references)
    });
    let (mut slow, references) = flood.await.unwrap();
    for reference in references {
        assert_eq!(slow.reply(&reference).await["status"], "ok");
    }
    eventually("it is still connected", || {
        server.endpoint.connections() == 1
    })
    .await;
}
