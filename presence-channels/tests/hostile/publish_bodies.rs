//! The memory of publishes whose bodies come in odd parts.

use axum::body::{Body, Bytes};
use futures_util::stream;
use presence_channels::Limits;
use serde_json::json;

use crate::{
    abandoned::Poller,
    world::{World, settle},
};

#[test]
fn a_body_of_single_bytes_costs_no_more_than_a_few_of_its_size() {
    const BYTES: usize = 200_000;
    let world = World::start(Limits::default());
    let client = world.run(Poller::joined(&world.endpoint, "room:1"));
    // No UTF-8, so nothing but the reading of it counts.
    let byte = || Ok::<_, std::fmt::Error>(Bytes::from_static(b"\xff"));
    let bytes = stream::iter(std::iter::repeat_with(byte).take(BYTES));
    let (status, held) = world.measure(client.publish(Body::from_stream(bytes)));
    assert_eq!(status, 400);
    assert!(held.peak < 4 * BYTES as u64, "{held:?}");
}

#[test]
fn a_message_that_waits_does_not_keep_the_buffer_that_it_came_in() {
    let world = World::start(Limits::default());
    let client = world.run(Poller::joined(&world.endpoint, "room:1"));
    let endless = |reference: &str| json!(["1", reference, "room:1", "endless", {}]).to_string();
    // The first is handled without end, so the second waits.
    assert_eq!(world.run(client.publish(endless("2"))), 200);
    let (status, held) = world.measure(async {
        let mut buffer = vec![b' '; 64 * 1024];
        let message = endless("3");
        buffer[..message.len()].copy_from_slice(message.as_bytes());
        let body = Bytes::from(buffer).slice(..message.len());
        let status = client.publish(body).await;
        settle().await;
        status
    });
    assert_eq!(status, 200);
    assert!(held.left < 4 * 1024, "{held:?}");
}
