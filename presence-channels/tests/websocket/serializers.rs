//! A serializer of an app's own, beside versions 1 and 2, over WebSocket and long-polling.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use axum::{Router, body::Body};
use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use http::Request;
use presence_channels::{
    Config, Endpoint, FrameError, LongpollOptions, Payload, SocketOptions, StartError,
    serializer::{Data, Frame, MalformedFrame, Message, Outgoing, Ref, Serializer},
};
use sample_app::{Client, Server};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message as WsMessage;
use tower::ServiceExt;

use crate::{
    handshake::open,
    versions::{Log, join_v1},
};

/// Fields in binary, each with its length before it: join_ref, ref, topic, event, the payload's
/// kind (`j` or `b`), the payload. A reply has its status for an event.
struct Fields {
    /// The number of encoded broadcasts.
    broadcasts: Arc<AtomicUsize>,
}

impl Serializer for Fields {
    fn decode(&self, data: Data) -> Result<Message, MalformedFrame> {
        let Data::Binary(bytes) = data else {
            return Err(MalformedFrame::NoBinary);
        };
        assert_ne!(&bytes[..], b"crash", "asked to crash");
        let fields = read(&bytes).ok_or(MalformedFrame::Truncated)?;
        let [join_ref, reference, topic, event, kind, payload] = fields
            .try_into()
            .map_err(|_| MalformedFrame::new("not six fields"))?;
        let text = |field: Bytes| String::from_utf8(field.to_vec()).map_err(MalformedFrame::new);
        let payload = match &kind[..] {
            b"j" => {
                let value: Value = serde_json::from_slice(&payload)?;
                Payload::encode(&value).map_err(MalformedFrame::new)?
            }
            _ => Payload::Binary(payload),
        };
        Ok(Message::new(&text(topic)?, &text(event)?, payload)
            .join_ref(Ref::from_text(&text(join_ref)?))
            .reference(Ref::from_text(&text(reference)?)))
    }

    fn encode(&self, message: &Outgoing<'_>) -> Result<Frame, FrameError> {
        let null = Ref::NULL;
        let (join_ref, reference, topic, event, payload) = match message {
            Outgoing::Push {
                join_ref,
                reference,
                topic,
                event,
                payload,
            } => (*join_ref, *reference, *topic, *event, *payload),
            Outgoing::Reply {
                join_ref,
                reference,
                topic,
                status,
                payload,
            } => (*join_ref, *reference, topic.as_str(), *status, *payload),
            Outgoing::Broadcast {
                topic,
                event,
                payload,
            } => {
                self.broadcasts.fetch_add(1, Ordering::Relaxed);
                (&null, &null, *topic, *event, *payload)
            }
        };
        if reference.to_text() == "crash" || payload.bytes().starts_with(br#"{"crash""#) {
            panic!("asked to crash");
        }
        if payload.bytes().starts_with(br#"{"formless""#) {
            return Err(FrameError::NoForm("asked for".into()));
        }
        let kind = match payload {
            Payload::Json(_) => "j",
            Payload::Binary(_) => "b",
        };
        let (join_ref, reference) = (join_ref.to_text(), reference.to_text());
        let names = [&*join_ref, &reference, topic, event, kind];
        let payload = payload.bytes();
        let head = head(names, payload.len());
        Ok(Frame::binary_with_payload(&head, payload.clone()))
    }
}

/// Returns all but the payload.
fn head(names: [&str; 5], payload_length: usize) -> Vec<u8> {
    let mut head = Vec::new();
    let length = |length: usize| u32::try_from(length).unwrap().to_be_bytes();
    for name in names {
        head.extend_from_slice(&length(name.len()));
        head.extend_from_slice(name.as_bytes());
    }
    head.extend_from_slice(&length(payload_length));
    head
}

fn write(names: [&str; 5], payload: &[u8]) -> Vec<u8> {
    [&head(names, payload.len()), payload].concat()
}

fn read(mut bytes: &[u8]) -> Option<Vec<Bytes>> {
    let mut fields = Vec::new();
    while let Some((length, rest)) = bytes.split_first_chunk() {
        let length = u32::from_be_bytes(*length) as usize;
        let (field, rest) = rest.split_at_checked(length)?;
        fields.push(Bytes::copy_from_slice(field));
        bytes = rest;
    }
    bytes.is_empty().then_some(fields)
}

/// A message of [`Fields`] in JSON, as a client sends it.
fn message(reference: &str, topic: &str, event: &str, payload: Value) -> Vec<u8> {
    let join_ref = if topic == "phoenix" { "" } else { "1" };
    let payload = payload.to_string();
    write([join_ref, reference, topic, event, "j"], payload.as_bytes())
}

/// Returns a client's view of a frame: join_ref, ref, topic, event or status, and the payload.
fn shown(frame: &[u8]) -> Value {
    let fields = read(frame).expect("whole fields");
    let text = |index: usize| String::from_utf8_lossy(&fields[index]).into_owned();
    let payload = match text(4).as_str() {
        "j" => serde_json::from_slice(&fields[5]).unwrap(),
        _ => json!(BASE64_STANDARD.encode(&fields[5])),
    };
    json!([text(0), text(1), text(2), text(3), payload])
}

async fn receive(client: &mut Client) -> Value {
    match client.receive().await {
        WsMessage::Binary(frame) => shown(&frame),
        other => panic!("not a binary frame: {other:?}"),
    }
}

/// The app with the serializer, and how many broadcasts it has encoded.
async fn server() -> (Server, Arc<AtomicUsize>) {
    let broadcasts = Arc::new(AtomicUsize::new(0));
    let fields = Fields {
        broadcasts: broadcasts.clone(),
    };
    let options = SocketOptions::default()
        .longpoll(LongpollOptions::default())
        .serializer("~> 3.0.0", fields);
    (Server::start_with(options).await, broadcasts)
}

/// A member of `room:1` that speaks [`Fields`].
async fn join(server: &Server, user_id: &str) -> Client {
    let mut client = Client::open(server, &format!("vsn=3.0.1&user_id={user_id}")).await;
    let join = message("1", "room:1", "phx_join", json!({}));
    client.send(WsMessage::binary(join)).await;
    let joined = json!(["1", "1", "room:1", "ok", {}]);
    assert_eq!(receive(&mut client).await, joined);
    client
}

#[tokio::test]
async fn members_of_a_topic_speak_what_they_asked_for() {
    let (server, broadcasts) = server().await;
    let (mut carol, mut dave) = (join(&server, "carol").await, join(&server, "dave").await);
    let mut old = join_v1(&server).await;
    let mut new = Client::connect(&server, "new").await;
    new.join("room:1").await;

    let shout = message("2", "room:1", "shout", json!({ "n": 1 }));
    carol.send(WsMessage::binary(shout)).await;
    let as_fields = json!(["", "", "room:1", "shout", { "n": 1 }]);
    assert_eq!(receive(&mut carol).await, as_fields);
    assert_eq!(receive(&mut dave).await, as_fields);
    let as_v2 = json!([null, null, "room:1", "shout", { "n": 1 }]);
    assert_eq!(new.receive_json().await, as_v2);
    assert_eq!(old.receive_json().await["payload"], json!({ "n": 1 }));
    assert_eq!(
        broadcasts.load(Ordering::Relaxed),
        1,
        "encoded once for both"
    );

    let data = Payload::Binary(vec![0, 255].into());
    server.endpoint.broadcast("room:1", "blob", data).unwrap();
    let as_fields = json!(["", "", "room:1", "blob", "AP8="]);
    assert_eq!(receive(&mut dave).await, as_fields);
    assert_eq!(
        new.receive().await,
        WsMessage::binary(&b"\x02\x06\x04room:1blob\x00\xff"[..])
    );
    old.receives_nothing().await;
}

#[tokio::test]
async fn replies_heartbeats_and_leaves_go_through_it() {
    let (server, _) = server().await;
    let mut carol = join(&server, "carol").await;
    for (sent, answer) in [
        (
            message("2", "room:1", "ping", json!({ "a": 1 })),
            json!(["1", "2", "room:1", "ok", { "a": 1 }]),
        ),
        (
            message(
                "2",
                "room:1",
                "ping",
                json!({ "large": "x".repeat(100_000) }),
            ),
            json!(["1", "2", "room:1", "ok", { "large": "x".repeat(100_000) }]),
        ),
        (
            message("3", "phoenix", "heartbeat", json!({})),
            json!(["", "3", "phoenix", "ok", {}]),
        ),
        (
            message("4", "room:2", "ping", json!({})),
            json!(["", "4", "room:2", "error", { "reason": "unmatched topic" }]),
        ),
        (
            message("5", "room:1", "phx_leave", json!({})),
            json!(["1", "5", "room:1", "ok", {}]),
        ),
    ] {
        carol.send(WsMessage::binary(sent)).await;
        assert_eq!(receive(&mut carol).await, answer);
    }
}

#[tokio::test]
async fn only_versions_that_fit_are_let_in() {
    let (server, _) = server().await;
    for (vsn, status) in [
        ("3.0.0", 101),
        ("3.0.9", 101),
        ("3.1.0", 403),
        ("2.0.0", 101),
    ] {
        let path = format!("/socket/websocket?vsn={vsn}");
        assert_eq!(open(&server, &path, None).await, status, "{vsn}");
    }
}

#[tokio::test]
async fn what_it_cannot_read_closes_the_connection_alone() {
    let (server, _) = server().await;
    let mut witness = join(&server, "witness").await;
    for malformed in [
        WsMessage::binary(&b"\0\0\0\xffshort"[..]),
        WsMessage::binary(&b"\0\0\0\x01a"[..]),
        WsMessage::binary(&b"crash"[..]),
        WsMessage::text("text"),
    ] {
        let mut carol = join(&server, "carol").await;
        carol.send(malformed.clone()).await;
        assert_eq!(carol.closed().await, 1011, "{malformed:?}");
    }
    let ping = message("2", "room:1", "ping", json!({}));
    witness.send(WsMessage::binary(ping)).await;
    assert_eq!(receive(&mut witness).await[3], "ok");
}

#[tokio::test]
async fn what_it_cannot_write_hurts_nobody_else() {
    let log = Log::default();
    let _logging = tracing::subscriber::set_default(log.subscriber());
    for (event, logged) in [
        ("crash", "the serializer panicked"),
        ("formless", "asked for"),
    ] {
        // A server each, because it logs what it drops once a second.
        let (server, _) = server().await;
        let mut carol = join(&server, "carol").await;
        let mut new = Client::connect(&server, "new").await;
        new.join("room:1").await;
        new.push("room:1", "shout", json!({ event: true })).await;
        let shout = new.receive_json().await;
        assert_eq!(shout[4], json!({ event: true }));
        let text = log.text();
        let dropped = |line: &&str| line.contains("dropped") && line.contains(logged);
        assert_eq!(text.lines().filter(dropped).count(), 1, "{text}");

        // A reply that has no form is answered all the same.
        let ping = message("2", "room:1", "ping", json!({ event: true }));
        carol.send(WsMessage::binary(ping)).await;
        let failed = json!(["1", "2", "room:1", "error", { "reason": "internal error" }]);
        assert_eq!(receive(&mut carol).await, failed);
        // A message of the protocol that has no encoding.
        let heartbeat = message("crash", "phoenix", "heartbeat", json!({}));
        carol.send(WsMessage::binary(heartbeat)).await;
        assert_eq!(carol.closed().await, 1011);
        new.assert_alive().await;
    }
}

#[tokio::test]
async fn by_long_polling_binary_frames_are_base64_both_ways() {
    let (server, broadcasts) = server().await;
    let mut carol = join(&server, "carol").await;
    let poller = Poller::open(&server.endpoint).await;
    poller
        .publish(&[message("1", "room:1", "phx_join", json!({}))])
        .await;
    assert_eq!(poller.poll().await, [json!(["1", "1", "room:1", "ok", {}])]);
    poller
        .publish(&[
            message("2", "room:1", "ping", json!({ "a": 1 })),
            message("3", "room:1", "shout", json!({ "b": 2 })),
        ])
        .await;
    let mut messages = poller.poll().await;
    if messages.len() < 2 {
        messages.extend(poller.poll().await);
    }
    let expected = [
        json!(["1", "2", "room:1", "ok", { "a": 1 }]),
        json!(["", "", "room:1", "shout", { "b": 2 }]),
    ];
    assert_eq!(messages, expected);
    assert_eq!(receive(&mut carol).await, expected[1]);
    assert_eq!(broadcasts.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn what_is_no_requirement_does_not_start() {
    let options = SocketOptions::default().serializer(
        "3",
        Fields {
            broadcasts: Arc::default(),
        },
    );
    let started = Server::try_start(options, Config::default()).await;
    let error = started.err().expect("an error");
    assert!(matches!(error, StartError::InvalidRequirement { .. }));
    assert!(error.to_string().contains("\"3\" (socket at \"/socket\")"));
}

/// A client of [`Fields`] that polls.
struct Poller {
    router: Router,
    token: String,
}

impl Poller {
    async fn open(endpoint: &Endpoint) -> Self {
        let mut poller = Self {
            router: endpoint.router(),
            token: String::new(),
        };
        let opened = poller.request("GET", String::new()).await;
        assert_eq!(opened["status"], 410);
        poller.token = opened["token"].as_str().unwrap().to_owned();
        poller
    }

    async fn poll(&self) -> Vec<Value> {
        let answer = self.request("GET", String::new()).await;
        assert_eq!(answer["status"], 200, "{answer}");
        let messages = answer["messages"].as_array().unwrap().iter();
        messages
            .map(|message| shown(&BASE64_STANDARD.decode(message.as_str().unwrap()).unwrap()))
            .collect()
    }

    async fn publish(&self, messages: &[Vec<u8>]) {
        let lines: Vec<_> = messages
            .iter()
            .map(|message| BASE64_STANDARD.encode(message))
            .collect();
        let answer = self.request("POST", lines.join("\n")).await;
        assert_eq!(answer["status"], 200, "{answer}");
    }

    async fn request(&self, method: &str, body: String) -> Value {
        let request = Request::builder()
            .method(method)
            .uri(format!(
                "/socket/longpoll?vsn=3.0.0&user_id=pat&token={}",
                self.token
            ))
            .header("content-type", "application/x-ndjson")
            .body(Body::from(body))
            .unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        let body = axum::body::to_bytes(response.into_body(), usize::MAX).await;
        serde_json::from_slice(&body.unwrap()).unwrap()
    }
}
