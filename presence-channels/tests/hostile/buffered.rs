//! A connection whose writer keeps bytes back until they are flushed, as TLS does.

use std::time::Duration;

use presence_channels::Limits;
use sample_app::Client;
use serde_json::json;
use tokio::{io::BufWriter, time::Instant};

use crate::world::{PIPE, World, settle};

/// More than the pipe holds, and less than the message.
const BUFFER: usize = 4 * PIPE;
const MESSAGE: usize = 100_000;

#[test]
fn what_a_slow_link_keeps_back_is_flushed_though_the_client_sends_nothing() {
    let world = World::start(Limits::default());
    let endpoint = &world.endpoint;
    world.run(async {
        let (near, far) = tokio::io::duplex(PIPE);
        World::serve(endpoint, BufWriter::with_capacity(BUFFER, far));
        let url = "ws://localhost/socket/websocket?vsn=2.0.0";
        let (mut client, _) = Client::handshake(url, near).await;
        client.join("room:1").await;
        let begin = Instant::now();
        let fill = json!({ "fill": "x".repeat(MESSAGE) });
        endpoint.broadcast("room:1", "large", fill).unwrap();
        // The pipe is full, and most of the message is in no buffer yet.
        settle().await;
        let large = client.receive_json().await;
        assert_eq!(large[4]["fill"].as_str().map(str::len), Some(MESSAGE));
        endpoint.broadcast("room:1", "small", json!({})).unwrap();
        assert_eq!(client.receive_json().await[3], "small");
        assert!(begin.elapsed() < Duration::from_secs(1));
    });
}
