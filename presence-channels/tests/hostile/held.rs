//! Broadcasts that come before a join is answered.

use std::sync::{Arc, OnceLock};

use presence_channels::{
    Config, Endpoint, FrameError, Payload, SocketOptions,
    serializer::{Data, Frame, MalformedFrame, Message, Outgoing, Ref, Serializer},
};
use sample_app::SampleApp;
use serde_json::{Value, json};
use tokio::runtime::Builder;

use crate::{
    client::Client,
    world::{MAX_WAITING_BYTES, PIPE, World},
};

const FILL: usize = 100_000;

/// The arrays of version 2. While it encodes the answer to a join, others broadcast in the room.
struct Slow {
    endpoint: Arc<OnceLock<Endpoint>>,
    broadcasts: usize,
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
        if &*reference == "1" {
            let endpoint = self.endpoint.get().unwrap();
            for _ in 0..self.broadcasts {
                let payload = json!({ "fill": "x".repeat(FILL) });
                endpoint.broadcast(topic, "seen soon", payload).unwrap();
            }
        }
        Ok(Frame::text(
            json!([null, reference, topic, event, {}]).to_string(),
        ))
    }
}

/// Joins a room. Returns the events that came, and the most memory that was held meanwhile.
fn join(broadcasts: usize) -> (Vec<String>, usize) {
    let runtime = Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap();
    let slow = Slow {
        endpoint: Arc::default(),
        broadcasts,
    };
    let cell = slow.endpoint.clone();
    let options = SocketOptions::default().serializer("~> 3.0.0", slow);
    let app = SampleApp::builder()
        .config(Config::default())
        .mount("/socket", options);
    let endpoint = runtime.block_on(app.start()).unwrap().endpoint;
    assert!(cell.set(endpoint.clone()).is_ok());
    let mut events = Vec::new();
    let measured = allocation_counter::measure(|| {
        runtime.block_on(async {
            let url = "ws://localhost/socket/websocket?vsn=3.0.0";
            let (mut client, _) = Client::handshake(url, World::connect(&endpoint)).await;
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
