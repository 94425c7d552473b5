//! The count of a presence, for members of which one has a serializer that takes long.

use std::{
    future::IntoFuture,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    time::Instant,
};

use presence_channels::{
    Channel, Config, ConnectError, ConnectInfo, Endpoint, FrameError, HandleResult, JoinResult,
    Params, Payload, Presence, PresenceWatch, PubSub, Routes, Socket, SocketOptions, Topic,
    Tracker, UserSocket,
    serializer::{Data, Frame, MalformedFrame, Message, Outgoing, Ref, Serializer},
    unhandled,
};
use sample_app::{Client, PATIENCE};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};

use crate::eventually;

struct Online;

impl Presence for Online {
    const NAME: &str = "test.counts";
}

struct Member;

impl UserSocket for Member {
    type State = Tracker<Online>;

    async fn connect(_: &Params, _: &ConnectInfo, _: &Self::State) -> Result<Self, ConnectError> {
        Ok(Self)
    }

    fn channels(routes: &mut Routes<Self>) {
        routes.channel::<Hall>("hall");
    }
}

struct Hall;

impl Channel for Hall {
    type Socket = Member;
    type Info = ();

    async fn join(_: &Topic, _: Payload, socket: &mut Socket<Self>) -> JoinResult<Self> {
        let online = socket.state().clone();
        socket.watch_presence(&online, PresenceWatch::Count)?;
        Ok(Self.into())
    }

    async fn handle_in(&mut self, event: &str, _: Payload, _: &mut Socket<Self>) -> HandleResult {
        unhandled(event)
    }
}

/// The arrays of version 2. A count waits until the test opens the gate, or fails.
struct Slow {
    is_waiting: Arc<AtomicBool>,
    gate: Mutex<mpsc::Receiver<()>>,
}

impl Serializer for Slow {
    fn decode(&self, data: Data) -> Result<Message, MalformedFrame> {
        let Data::Text(text) = data else {
            return Err(MalformedFrame::new("not a text"));
        };
        let (join_ref, reference, topic, event, _): (String, String, String, String, Value) =
            serde_json::from_slice(&text.into_bytes())?;
        Ok(Message::new(&topic, &event, Payload::empty())
            .join_ref(Ref::from_text(&join_ref))
            .reference(Ref::from_text(&reference)))
    }

    fn encode(&self, message: &Outgoing<'_>) -> Result<Frame, FrameError> {
        let (event, payload) = match message {
            Outgoing::Reply { .. } => ("phx_reply", json!({})),
            Outgoing::Push { event, payload, .. } => {
                self.is_waiting.store(true, Ordering::Relaxed);
                let gate = self.gate.lock().unwrap();
                // The runtime goes on, so that the clock of the test does, too.
                let _ = tokio::task::block_in_place(|| gate.recv_timeout(2 * PATIENCE));
                (*event, payload.value().unwrap())
            }
            Outgoing::Broadcast { event, payload, .. } => (*event, payload.value().unwrap()),
        };
        Ok(Frame::text(
            json!([null, null, "hall", event, payload]).to_string(),
        ))
    }
}

async fn join(address: std::net::SocketAddr, version: &str) -> Client {
    let stream = TcpStream::connect(address).await.unwrap();
    let url = format!("ws://localhost/socket/websocket?vsn={version}");
    let (mut client, _) = Client::handshake(url, stream).await;
    client.push_as("1", "hall", "phx_join", json!({})).await;
    client
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_serializer_that_takes_long_holds_up_no_other_member_s_count() {
    let (open, gate) = mpsc::channel();
    let is_waiting = Arc::<AtomicBool>::default();
    let slow = Slow {
        is_waiting: is_waiting.clone(),
        gate: Mutex::new(gate),
    };
    let pubsub = PubSub::local();
    let online = Tracker::start(&pubsub, Online);
    let options = SocketOptions::default().serializer("~> 3.0.0", slow);
    let endpoint = Endpoint::builder(pubsub).socket_with::<Member>("/socket", online, options);
    let endpoint = endpoint.start(Config::default()).await.unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(axum::serve(listener, endpoint.router()).into_future());

    let mut slow = join(address, "3.0.0").await;
    eventually("the count waits", || is_waiting.load(Ordering::Relaxed)).await;
    let begun = Instant::now();
    let mut other = join(address, "2.0.0").await;
    assert_eq!(other.receive_json().await[3], "phx_reply");
    let count = other.receive_json().await;
    assert_eq!(
        (&count[3], &count[4]),
        (&json!("presence_count"), &json!({ "count": 0 }))
    );
    assert!(begun.elapsed() < PATIENCE, "it waited for the other");
    open.send(()).unwrap();
    assert_eq!(slow.receive_json().await[3], "phx_reply");
    assert_eq!(slow.receive_json().await[3], "presence_count");
}
