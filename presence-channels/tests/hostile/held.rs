//! Broadcasts that come before a join is answered.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    task::{Context, Poll},
    thread,
    time::Duration,
};

use presence_channels::{
    Config, Endpoint, FrameError, Limits, Payload, SocketOptions,
    serializer::{Data, Frame, MalformedFrame, Message, Outgoing, Ref, Serializer},
};
use sample_app::SampleApp;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf},
    runtime::{Builder, Runtime},
};

use crate::{
    client::Client,
    world::{MAX_WAITING_BYTES, PIPE, World},
};

const FILL: usize = 100_000;
const URL: &str = "ws://localhost/socket/websocket?vsn=3.0.0";
/// The time that a broadcast may take on another thread. Only a failing test takes it.
const PATIENCE: Duration = Duration::from_secs(10);

/// The arrays of version 2. While it encodes the answer to a join, others broadcast in the room.
#[derive(Default)]
struct Slow {
    endpoint: Arc<OnceLock<Endpoint>>,
    broadcasts: usize,
    /// The characters that the answer to a join has in it.
    fill: usize,
    /// Set when a join is answered.
    is_answering: Arc<AtomicBool>,
}

impl Serializer for Slow {
    fn decode(&self, data: Data) -> Result<Message, MalformedFrame> {
        let bytes = match data {
            Data::Text(text) => text.into_bytes(),
            Data::Binary(bytes) => bytes,
        };
        let (_, reference, topic, event, payload): (Value, String, String, String, Value) =
            serde_json::from_slice(&bytes)?;
        let payload = Payload::encode(&payload).map_err(MalformedFrame::new)?;
        Ok(Message::new(&topic, &event, payload)
            .join_ref(Ref::from_text("1"))
            .reference(Ref::from_text(&reference)))
    }

    fn encode(&self, message: &Outgoing<'_>) -> Result<Frame, FrameError> {
        let (reference, topic, event) = match message {
            Outgoing::Reply {
                reference, topic, ..
            } => (reference.to_text(), topic.as_str(), "phx_reply"),
            Outgoing::Push { topic, event, .. } => ("".into(), *topic, *event),
            Outgoing::Broadcast {
                topic,
                event,
                payload,
            } => {
                let payload = payload.value().unwrap();
                let frame = json!([null, null, topic, event, payload]);
                return Ok(Frame::text(frame.to_string()));
            }
        };
        let mut fill = String::new();
        if &*reference == "1" {
            fill = "x".repeat(self.fill);
            self.is_answering.store(true, Ordering::Relaxed);
            let endpoint = self.endpoint.get().unwrap();
            for _ in 0..self.broadcasts {
                let payload = json!({ "fill": "x".repeat(FILL) });
                endpoint.broadcast(topic, "seen soon", payload).unwrap();
            }
        }
        Ok(Frame::text(
            json!([null, reference, topic, event, { "fill": fill }]).to_string(),
        ))
    }
}

fn start(slow: Slow, limits: Limits) -> (Runtime, Endpoint) {
    let runtime = Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap();
    let cell = slow.endpoint.clone();
    let options = SocketOptions::default()
        .serializer("~> 3.0.0", slow)
        .limits(limits);
    let app = SampleApp::builder()
        .config(Config::default())
        .mount("/socket", options);
    let endpoint = runtime.block_on(app.start()).unwrap().endpoint;
    assert!(cell.set(endpoint.clone()).is_ok());
    (runtime, endpoint)
}

/// Joins a room. Returns the events that came, and the most memory that was held meanwhile.
fn join(broadcasts: usize) -> (Vec<String>, usize) {
    let slow = Slow {
        broadcasts,
        ..Slow::default()
    };
    let (runtime, endpoint) = start(slow, Limits::default());
    let mut events = Vec::new();
    let measured = allocation_counter::measure(|| {
        runtime.block_on(async {
            let (mut client, _) = Client::handshake(URL, World::connect(&endpoint)).await;
            client.push_as("1", "room:1", "phx_join", json!({})).await;
            // The messages that come until all is idle.
            while events.len() <= broadcasts && events.last().is_none_or(|last| last != "phx_error")
            {
                let message = client.receive_json().await;
                events.push(message[3].as_str().unwrap().to_owned());
            }
        });
    });
    (events, measured.bytes_max as usize)
}

#[test]
fn of_the_broadcasts_that_a_join_is_not_ready_for_only_so_many_bytes_wait() {
    let (events, peak) = join(150);
    // The client, which has missed some, is told, and joins again.
    assert_eq!(events, ["phx_reply", "phx_error"]);
    // Those that wait, the one over the limit, and what one more is made from.
    let most = MAX_WAITING_BYTES + 10 * FILL + 4 * PIPE;
    assert!(peak <= most, "{peak} over {most}");
}

#[test]
fn the_broadcasts_that_a_join_is_not_ready_for_come_after_its_answer() {
    let (events, _) = join(3);
    assert_eq!(events, ["phx_reply", "seen soon", "seen soon", "seen soon"]);
}

/// A pipe to a client. In the first write after the answer to a join is encoded, another thread
/// broadcasts.
struct Noticed {
    pipe: DuplexStream,
    endpoint: Endpoint,
    is_answering: Arc<AtomicBool>,
    /// Set once the broadcast has returned before the write did.
    has_broadcast: Arc<AtomicBool>,
}

impl AsyncRead for Noticed {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.pipe).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Noticed {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.is_answering.swap(false, Ordering::Relaxed) {
            let (sender, returned) = mpsc::channel();
            let endpoint = self.endpoint.clone();
            thread::spawn(move || sender.send(endpoint.broadcast("room:1", "news", json!({}))));
            let has_broadcast = returned.recv_timeout(PATIENCE).is_ok();
            self.has_broadcast.store(has_broadcast, Ordering::Relaxed);
        }
        Pin::new(&mut self.pipe).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.pipe).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.pipe).poll_shutdown(cx)
    }
}

/// The answer does not fit behind what is queued already, which is written first.
#[test]
fn no_broadcast_waits_for_the_write_of_an_answer_to_a_join() {
    let slow = Slow {
        fill: FILL,
        ..Slow::default()
    };
    let (is_answering, has_broadcast) = (slow.is_answering.clone(), Arc::default());
    let limits = Limits::default().max_outgoing_bytes(FILL / 2);
    let (runtime, endpoint) = start(slow, limits);
    let (near, far) = tokio::io::duplex(PIPE);
    let noticed = Noticed {
        pipe: far,
        endpoint: endpoint.clone(),
        is_answering,
        has_broadcast: Arc::clone(&has_broadcast),
    };
    let events = runtime.block_on(async {
        World::serve(&endpoint, noticed);
        let (mut client, _) = Client::handshake(URL, near).await;
        // The server reads both at once.
        client.push_as("7", "phoenix", "heartbeat", json!({})).await;
        client.push_as("1", "room:1", "phx_join", json!({})).await;
        let mut events = Vec::new();
        for _ in 0..3 {
            let mut message = client.receive_json().await;
            events.push((message[1].take(), message[3].take()));
        }
        events
    });
    assert!(
        has_broadcast.load(Ordering::Relaxed),
        "it waited for the write"
    );
    let replied = |reference| (json!(reference), json!("phx_reply"));
    assert_eq!(
        events,
        [replied("7"), replied("1"), (json!(null), json!("news"))]
    );
}
