//! Handlers that never return, and handlers that panic, as a client may find that it can make them.

use std::{sync::Once, time::Duration};

use http::{Request, StatusCode};
use presence_channels::Limits;
use serde_json::json;
use tokio::time::Instant;
use tower::ServiceExt;

use crate::{
    client::joined,
    world::{HANDLER_TIMEOUT, World, settle},
};

/// Panics that were asked for print nothing: a backtrace's symbols are no part of what is held.
fn expect_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if panic.payload_as_str() != Some("asked to crash") {
                usual(panic);
            }
        }));
    });
}

#[test]
fn a_handler_that_never_returns_ends_its_channel_in_time() {
    let world = World::start(Limits::default());
    let endpoint = &world.endpoint;
    let mut bystander = world.run(joined(endpoint, "room:1"));
    let mut client = world.run(joined(endpoint, "room:1"));
    let mut rounds = async |rounds: usize| {
        for _ in 0..rounds {
            let begun = Instant::now();
            client.push_as("2", "room:1", "endless", json!({})).await;
            settle().await;
            bystander.assert_served("room:1").await;
            // The client's other channels, too.
            client.push_as("3", "room:2", "phx_join", json!({})).await;
            assert_eq!(client.receive_json().await[4]["status"], "ok");
            client.assert_served("room:2").await;

            let ended = client.receive_json().await;
            assert_eq!(
                (&ended[2], &ended[3]),
                (&json!("room:1"), &json!("phx_error"))
            );
            assert_eq!(begun.elapsed(), HANDLER_TIMEOUT);
            client.push_as("4", "room:1", "phx_join", json!({})).await;
            assert_eq!(client.receive_json().await[4]["status"], "ok");
            client.push_as("5", "room:2", "phx_leave", json!({})).await;
            while client.receive_json().await[3] != "phx_close" {}
        }
    };
    world.run(rounds(3));
    let ((), held) = world.measure(rounds(50));
    assert!(held.peak <= 64 * 1024, "{held:?}");
    assert!(held.left <= 4096, "{held:?}");
}

#[test]
fn a_handler_that_panics_ends_its_channel_and_nothing_else() {
    let world = World::start(Limits::default());
    let endpoint = &world.endpoint;
    let mut bystander = world.run(joined(endpoint, "room:1"));
    let mut client = world.run(joined(endpoint, "room:1"));
    let mut rounds = async |rounds: usize| {
        for _ in 0..rounds {
            client.push_as("2", "room:1", "crash", json!({})).await;
            assert_eq!(client.receive_json().await[3], "phx_error");
            client
                .push_as("3", "room:crash", "phx_join", json!({}))
                .await;
            let refused = client.receive_json().await;
            assert_eq!(refused[4]["response"]["reason"], "join crashed");
            client.push_as("4", "room:1", "phx_join", json!({})).await;
            assert_eq!(client.receive_json().await[4]["status"], "ok");
            bystander.assert_served("room:1").await;
        }
    };
    expect_panics();
    world.run(rounds(3));
    let ((), held) = world.measure(rounds(100));
    assert!(held.peak <= 64 * 1024, "{held:?}");
    assert!(held.left <= 4096, "{held:?}");
}

/// A `connect` that hangs or panics, as when its database does.
#[test]
fn a_connect_that_never_returns_or_panics_is_a_refusal() {
    expect_panics();
    let world = World::start(Limits::default());
    let endpoint = &world.endpoint;
    for (user, time) in [("endless", HANDLER_TIMEOUT), ("crash", Duration::ZERO)] {
        let (status, held) = world.measure(async {
            let begun = Instant::now();
            let request = Request::get(format!("/socket/longpoll?vsn=2.0.0&user_id={user}"));
            let request = request.body(axum::body::Body::empty()).unwrap();
            let answer = endpoint.router::<()>().oneshot(request).await.unwrap();
            assert_eq!(begun.elapsed(), time);
            let body = axum::body::to_bytes(answer.into_body(), 1000)
                .await
                .unwrap();
            let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
            body["status"].as_u64()
        });
        assert_eq!(
            status,
            Some(StatusCode::INTERNAL_SERVER_ERROR.as_u16().into())
        );
        assert_eq!(endpoint.connections(), 0);
        assert!(held.left <= 4096, "{held:?}");
    }
}
