//! Members of one topic that speak different versions of the protocol.

use std::{
    io::{self, Write},
    sync::Arc,
};

use parking_lot::Mutex;
use presence_channels::Payload;
use sample_app::{Client, Server};
use serde_json::json;
use tokio_tungstenite::tungstenite::Message;

/// A member of `room:1` in version 1.
pub(crate) async fn join_v1(server: &Server) -> Client {
    let mut client = Client::open(server, "vsn=1.0.0&user_id=old").await;
    let join = json!({ "topic": "room:1", "event": "phx_join", "payload": {}, "ref": "1" });
    client.send(join.to_string()).await;
    let reply = json!({
        "topic": "room:1", "event": "phx_reply", "ref": "1",
        "payload": { "status": "ok", "response": {} },
    });
    assert_eq!(client.receive_json().await, reply);
    client
}

#[tokio::test]
async fn each_member_gets_broadcasts_in_its_own_version() {
    let server = Server::start().await;
    let mut old = join_v1(&server).await;
    let mut new = Client::connect(&server, "new").await;
    new.join("room:1").await;
    let as_v1 = |body| json!({ "topic": "room:1", "event": "shout", "payload": body, "ref": null });
    let as_v2 = |body| json!([null, null, "room:1", "shout", body]);

    new.push("room:1", "shout", json!({ "from": "new" })).await;
    assert_eq!(old.receive_json().await, as_v1(json!({ "from": "new" })));
    assert_eq!(new.receive_json().await, as_v2(json!({ "from": "new" })));

    let shout =
        json!({ "topic": "room:1", "event": "shout", "payload": { "from": "old" }, "ref": "2" });
    old.send(shout.to_string()).await;
    assert_eq!(old.receive_json().await, as_v1(json!({ "from": "old" })));
    assert_eq!(new.receive_json().await, as_v2(json!({ "from": "old" })));
}

/// Large payloads are not copied into their frames, and small ones are. Both may leave in one
/// write, which the peer takes in parts.
#[tokio::test]
async fn large_and_small_messages_of_all_kinds_arrive_whole_and_in_order() {
    let server = Server::start_limited(|limits| limits.max_message_bytes(4 * 1024 * 1024)).await;
    let mut old = join_v1(&server).await;
    let mut new = Client::connect(&server, "new").await;
    new.join("room:1").await;
    let sizes = [0, 16 * 1024, 300_000, 1, 70_000, 20_000, 2_000_000, 5];
    for (event, size) in sizes.into_iter().enumerate() {
        let event = event.to_string();
        let payload = json!({ "fill": "x".repeat(size) });
        server
            .endpoint
            .broadcast("room:1", &event, payload)
            .unwrap();
        let data = Payload::Binary(vec![7; size].into());
        server.endpoint.broadcast("room:1", "blob", data).unwrap();
    }
    for (event, size) in sizes.into_iter().enumerate() {
        let payload = json!({ "fill": "x".repeat(size) });
        let event = event.to_string();
        assert!(
            new.receive_json().await == json!([null, null, "room:1", event, payload]),
            "{size}"
        );
        let blob = [&b"\x02\x06\x04room:1blob"[..], &vec![7; size]].concat();
        assert!(new.receive().await == Message::binary(blob), "{size}");
        let message = old.receive_json().await;
        assert!(
            message
                == json!({ "topic": "room:1", "event": event, "payload": payload, "ref": null }),
            "{size}"
        );
    }

    // The replies, in version 2 as text and as bytes, and in version 1.
    for size in sizes {
        let payload = json!({ "fill": "y".repeat(size) });
        let reply = new.request("room:1", "ping", payload.clone()).await;
        assert!(
            reply == json!({ "status": "ok", "response": payload }),
            "{size}"
        );
        let ping = [&b"\x00\x01\x01\x06\x0419room:1ping"[..], &vec![8; size]].concat();
        new.send(Message::binary(ping)).await;
        let reply = [&b"\x01\x01\x01\x06\x0219room:1ok"[..], &vec![8; size]].concat();
        assert!(new.receive().await == Message::binary(reply), "{size}");
        let ping = json!({ "topic": "room:1", "event": "ping", "payload": payload, "ref": "2" });
        old.send(ping.to_string()).await;
        let reply = &old.receive_json().await["payload"];
        assert!(
            *reply == json!({ "status": "ok", "response": payload }),
            "{size}"
        );
    }
}

#[tokio::test]
async fn a_binary_broadcast_reaches_version_2_and_is_a_logged_drop_for_version_1() {
    let log = Log::default();
    // For this thread, which the whole test runs on.
    let _logging = tracing::subscriber::set_default(log.subscriber());
    let server = Server::start().await;
    let mut old = join_v1(&server).await;
    let mut new = Client::connect(&server, "new").await;
    new.join("room:1").await;

    let data = Payload::Binary(vec![0, 159, 255].into());
    server.endpoint.broadcast("room:1", "blob", data).unwrap();
    let frame = b"\x02\x06\x04room:1blob\x00\x9f\xff";
    assert_eq!(new.receive().await, Message::binary(&frame[..]));
    let text = log.text();
    let dropped = text.lines().filter(|line| line.contains("dropped"));
    let [line] = &dropped.collect::<Vec<_>>()[..] else {
        panic!("not one line on the drop: {text}");
    };
    for part in ["WARN", "room:1", "blob", "version 1"] {
        assert!(line.contains(part), "no {part} in {line}");
    }

    // The member of version 1 is still one: the next that it gets is the next broadcast.
    let next = json!({ "n": 2 });
    server.endpoint.broadcast("room:1", "text", next).unwrap();
    assert_eq!(old.receive_json().await["event"], "text");
}

#[tokio::test]
async fn a_binary_push_is_broadcast_as_it_came() {
    let server = Server::start().await;
    let mut alice = Client::connect(&server, "alice").await;
    alice.join("room:1").await;
    let push = b"\0\x01\x01\x06\x0519room:1shout\xff\x00";
    alice.send(Message::binary(&push[..])).await;
    let broadcast = b"\x02\x06\x05room:1shout\xff\x00";
    assert_eq!(alice.receive().await, Message::binary(&broadcast[..]));
}

/// The text of the log.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    pub(crate) fn subscriber(&self) -> impl tracing::Subscriber + Send + Sync + use<> {
        let log = self.clone();
        tracing_subscriber::fmt()
            .with_ansi(false)
            .with_writer(move || log.clone())
            .finish()
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.0.lock().clone()).unwrap()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
