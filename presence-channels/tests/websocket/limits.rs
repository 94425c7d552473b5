//! Limits on a client, and what happens beyond.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use sample_app::{Client, Server};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::{eventually, raw::frame, stalled};

fn error(reason: &str) -> serde_json::Value {
    json!({ "status": "error", "response": { "reason": reason } })
}

/// A heartbeat of exactly `bytes` bytes, with the ref `1`.
fn heartbeat_of(bytes: usize) -> String {
    let with = |fill| format!(r#"[null,"1","phoenix","heartbeat","{fill}"]"#);
    let fill = "x".repeat(bytes - with(String::new()).len());
    with(fill)
}

#[tokio::test]
async fn a_message_over_the_limit_closes_with_1009() {
    let server = Server::start_limited(|limits| limits.max_message_bytes(1000)).await;
    let mut bystander = Client::connect(&server, "bystander").await;
    let mut client = Client::connect(&server, "alice").await;
    client.send(heartbeat_of(1000)).await;
    assert_eq!(client.reply("1").await["status"], "ok");
    client.send(heartbeat_of(1001)).await;
    assert_eq!(client.closed().await, 1009);
    bystander.assert_alive().await;
}

#[tokio::test]
async fn a_frame_that_only_says_it_is_large_closes_with_1009() {
    let server = Server::start().await;
    let limit: u64 = 1024 * 1024;
    for length in [limit + 1, u64::from(u32::MAX), u64::MAX >> 1] {
        let mut client = Client::connect(&server, "alice").await;
        let mut header = vec![0x81, 0x80 | 127];
        header.extend_from_slice(&length.to_be_bytes());
        header.extend_from_slice(&[0; 4]);
        client.send_raw(&header).await.unwrap();
        assert_eq!(client.closed().await, 1009, "{length}");
    }
}

#[tokio::test]
async fn fragments_count_together() {
    let server = Server::start_limited(|limits| limits.max_message_bytes(1000)).await;
    let mut client = Client::connect(&server, "alice").await;
    client
        .send_raw(&frame(0x1, true, &[b'x'; 100]))
        .await
        .unwrap();
    for _ in 0..10 {
        client
            .send_raw(&frame(0x0, true, &[b'x'; 100]))
            .await
            .unwrap();
    }
    assert_eq!(client.closed().await, 1009);
}

#[tokio::test]
async fn a_topic_or_event_over_the_limit_is_an_error_reply() {
    let server = Server::start().await;
    let mut client = Client::connect(&server, "alice").await;
    let longest = format!("{:a<1$}", "room:", 1024);
    client.join(&longest).await;
    let reply = client
        .request(&(longest + "a"), "phx_join", json!({}))
        .await;
    assert_eq!(reply, error("topic too long"));

    client.join("room:1").await;
    let too_long = "e".repeat(1024 + 1);
    let reply = client.request("room:1", &too_long, json!({})).await;
    assert_eq!(reply, error("event too long"));
    let reply = client.request("room:1", "ping", json!({})).await;
    assert_eq!(reply["status"], "ok", "the channel lives");
}

#[tokio::test]
async fn a_ref_over_the_limit_closes_with_1011_in_both_versions() {
    let longest = 256;
    let server = Server::start().await;
    let mut bystander = Client::connect(&server, "bystander").await;
    let text = |bytes: usize| json!("r".repeat(bytes));
    // A ref may be any JSON: each byte of it counts.
    let array = |bytes: usize| json!(["r".repeat(bytes - 4)]);
    for vsn in ["1.0.0", "2.0.0"] {
        let message = |join_ref: &Value, reference: &Value| match vsn {
            "1.0.0" => json!({
                "join_ref": join_ref, "ref": reference,
                "topic": "room:1", "event": "phx_join", "payload": {},
            }),
            _ => json!([join_ref, reference, "room:1", "phx_join", {}]),
        };
        for long in [text, array] {
            let mut client = Client::open(&server, &format!("vsn={vsn}")).await;
            let fits = long(longest);
            client.send(message(&fits, &fits).to_string()).await;
            let reply = client.receive_json().await;
            let (reference, answer) = match vsn {
                "1.0.0" => (&reply["ref"], &reply["payload"]),
                _ => (&reply[1], &reply[4]),
            };
            assert_eq!((reference, &answer["status"]), (&fits, &json!("ok")));

            let (short, over) = (json!("1"), long(longest + 1));
            for (join_ref, reference) in [(&short, &over), (&over, &short), (&over, &Value::Null)] {
                let mut client = Client::open(&server, &format!("vsn={vsn}")).await;
                client.send(message(join_ref, reference).to_string()).await;
                assert_eq!(client.closed().await, 1011, "{vsn} {join_ref} {reference}");
            }
        }
    }
    bystander.assert_alive().await;
}

#[tokio::test]
async fn the_longest_ref_of_a_binary_frame_is_within_the_limit() {
    let server = Server::start().await;
    let mut client = Client::connect(&server, "alice").await;
    let reference = "r".repeat(255);
    let head = [0, 0, 255, 7, 9];
    let names = [&reference, "phoenix", "heartbeat"].concat();
    client
        .send(Message::binary([&head[..], names.as_bytes()].concat()))
        .await;
    assert_eq!(client.reply(&reference).await["status"], "ok");
}

#[tokio::test]
async fn a_connection_has_so_many_channels_and_no_more() {
    let server = Server::start_limited(|limits| limits.max_channels(3)).await;
    let mut client = Client::connect(&server, "alice").await;
    for n in 1..=3 {
        client.join(&format!("room:{n}")).await;
    }
    let reply = client.request("room:4", "phx_join", json!({})).await;
    assert_eq!(reply, error("too many channels joined"));
    // Neither a second join of a topic nor another connection needs further room.
    client.join("room:3").await;
    Client::connect(&server, "alice").await.join("room:4").await;

    client.request("room:1", "phx_leave", json!({})).await;
    client.join("room:4").await;
}

/// Makes a message larger than what the server reads at once, so that no read takes in two of them.
fn large_fill() -> String {
    "x".repeat(20_000)
}

fn slow_message(n: usize) -> Message {
    let payload = json!({ "n": n, "fill": large_fill() });
    let message = json!([null, n.to_string(), "room:1", "slow", payload]);
    Message::text(message.to_string())
}

#[tokio::test]
async fn so_many_messages_wait_and_then_no_more_is_read() {
    const WAITING: usize = 10;
    let server = Server::start_limited(|limits| limits.max_waiting_messages(WAITING)).await;
    let mut client = Client::connect(&server, "alice").await;
    client.join("room:1").await;

    // One is being handled, and one less than the limit waits.
    for n in 0..WAITING {
        client.send(slow_message(n)).await;
    }
    client.assert_alive().await;
    assert_eq!(server.probe.begun().len(), 1);

    client.send(slow_message(WAITING)).await;
    let large = json!({ "fill": large_fill() });
    let heartbeat = client.push("phoenix", "heartbeat", large).await;
    client.receives_nothing().await;

    // The next begins, which makes room.
    server.probe.gate.add_permits(1);
    assert_eq!(client.reply("0").await["status"], "ok");
    assert_eq!(client.reply(&heartbeat).await["status"], "ok");
    assert_eq!(server.probe.begun().len(), 2);
}

#[tokio::test]
async fn of_a_flood_nothing_is_lost_and_others_go_on() {
    const FLOOD: usize = 500;
    let server = Server::start_limited(|limits| limits.max_waiting_messages(10)).await;
    let mut bystander = Client::connect(&server, "bystander").await;
    let mut client = Client::connect(&server, "alice").await;
    client.join("room:1").await;

    // 10 MB, which do not fit into the buffers of the connection.
    let sent = Arc::new(AtomicUsize::new(0));
    let counter = sent.clone();
    let flood = tokio::spawn(async move {
        for n in 0..FLOOD {
            client.send(slow_message(n)).await;
            counter.fetch_add(1, Ordering::Relaxed);
        }
        client
    });
    eventually("the first is handled", || !server.probe.begun().is_empty()).await;
    let taken = stalled(&sent).await;
    assert!(taken < FLOOD, "all was read though nothing was handled");
    assert_eq!(server.probe.begun().len(), 1);
    bystander.join("room:1").await;

    server.probe.gate.add_permits(FLOOD);
    let mut client = flood.await.unwrap();
    for n in 0..FLOOD {
        let message = client.receive_json().await;
        assert_eq!(message[1], n.to_string(), "replies are in order");
    }
    let begun = server.probe.begun();
    assert!(begun.iter().map(|payload| &payload["n"]).eq(0..FLOOD));
}

/// By the default limits: a thousand such messages may wait by their number.
#[tokio::test]
async fn of_a_flood_of_large_messages_only_so_many_bytes_wait() {
    const FLOOD: usize = 20;
    const MESSAGE: usize = 1_000_000;
    const MAX_WAITING_BYTES: usize = 4 * 1024 * 1024;
    let server = Server::start().await;
    let mut bystander = Client::connect(&server, "bystander").await;
    let mut client = Client::connect(&server, "alice").await;
    client.join("room:1").await;

    let sent = Arc::new(AtomicUsize::new(0));
    let counter = sent.clone();
    let flood = tokio::spawn(async move {
        let fill = "x".repeat(MESSAGE);
        for n in 0..FLOOD {
            let payload = json!({ "n": n, "fill": fill });
            client.push("room:1", "slow", payload).await;
            counter.fetch_add(1, Ordering::Relaxed);
        }
        client
    });
    eventually("the first is handled", || !server.probe.begun().is_empty()).await;
    // One that is handled, those that wait, the one that goes over the limit; and half of another
    // in the buffers of the connection.
    let taken = stalled(&sent).await;
    assert!(
        taken <= MAX_WAITING_BYTES / MESSAGE + 3,
        "{taken} were taken"
    );
    assert_eq!(server.probe.begun().len(), 1);
    bystander.join("room:1").await;

    server.probe.gate.add_permits(FLOOD);
    let mut client = flood.await.unwrap();
    for _ in 0..FLOOD {
        let message = client.receive_json().await;
        assert_eq!(message[4]["status"], "ok");
    }
    let begun = server.probe.begun();
    assert!(begun.iter().map(|payload| &payload["n"]).eq(0..FLOOD));
}

#[tokio::test]
async fn a_message_larger_than_what_may_wait_gets_through() {
    for max_waiting_bytes in [1, 1000] {
        let server =
            Server::start_limited(|limits| limits.max_waiting_bytes(max_waiting_bytes)).await;
        let mut client = Client::connect(&server, "alice").await;
        client.join("room:1").await;
        // One is handled, one waits.
        client.send(slow_message(0)).await;
        client.send(slow_message(1)).await;
        let large = json!({ "fill": large_fill() });
        let heartbeat = client.push("phoenix", "heartbeat", large).await;
        client.receives_nothing().await;

        server.probe.gate.add_permits(2);
        assert_eq!(client.reply("0").await["status"], "ok");
        assert_eq!(client.reply("1").await["status"], "ok");
        assert_eq!(client.reply(&heartbeat).await["status"], "ok");
    }
}
