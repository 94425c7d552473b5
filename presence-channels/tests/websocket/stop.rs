//! Stopping in order.

use presence_channels::{BroadcastError, TerminateReason};
use presence_core::Owner;
use sample_app::{Client, PATIENCE, Server};
use serde_json::json;
use tokio::time::timeout;

use crate::{eventually, handshake};

#[tokio::test]
async fn stop_ends_channels_and_their_connections_then_presences_then_pubsub() {
    let server = Server::start().await;
    let mut alice = Client::connect(&server, "alice").await;
    alice.join("lobby:held").await;
    let mut bob = Client::connect(&server, "bob").await;
    bob.join("lobby:1").await;

    // Belongs to no channel, and goes only with the tracker.
    let job = Owner::new();
    let tracked = server.presence.track_as(&job, "jobs", "job", json!({}));
    tracked.await.unwrap();
    let mut jobs = server.endpoint.pubsub().receiver("jobs", 16);

    let endpoint = server.endpoint.clone();
    let stopping = tokio::spawn(async move { endpoint.stop().await });
    assert_eq!(bob.closed().await, 1012);
    eventually("bob's channel has ended", || {
        server.probe.departures().len() == 1
    })
    .await;

    // Alice's channel still has something to do, so the endpoint waits with all else.
    assert!(!stopping.is_finished());
    assert_eq!(server.presence.count("lobby:held"), 1);
    server
        .endpoint
        .broadcast("room:1", "shout", json!({}))
        .unwrap();
    let status = handshake::open(&server, handshake::PATH, None).await;
    assert_eq!(status, 503, "newcomers are refused while it stops");

    server.probe.gate.add_permits(1);
    assert_eq!(alice.closed().await, 1012);
    timeout(PATIENCE, stopping).await.unwrap().unwrap();
    let ended = server.probe.departures();
    let users: Vec<_> = ended.iter().map(|ended| &*ended.user_id).collect();
    assert_eq!(users, ["bob", "alice"]);
    for ended in &ended {
        assert_eq!(ended.reason, TerminateReason::Closed);
        assert!(ended.was_present, "terminate runs before presences go");
    }
    assert_eq!(server.endpoint.connections(), 0);
    for topic in ["lobby:held", "lobby:1", "jobs"] {
        assert_eq!(server.presence.count(topic), 0, "{topic}");
    }
    // PubSub stops last, so that all hear who has gone.
    loop {
        let diff = timeout(PATIENCE, jobs.recv()).await;
        let diff = diff.expect("the job's leave").unwrap().payload;
        if diff.value().unwrap()["leaves"]["job"].is_object() {
            break;
        }
    }

    let refused = server.endpoint.broadcast("room:1", "shout", json!({}));
    assert!(
        matches!(refused, Err(BroadcastError::PubSub(_))),
        "{refused:?}"
    );
    let status = handshake::open(&server, handshake::PATH, None).await;
    assert_eq!(status, 503);
}

#[tokio::test]
async fn stopping_twice_does_nothing() {
    let server = Server::start().await;
    let mut alice = Client::connect(&server, "alice").await;
    alice.join("lobby:1").await;
    let both = async { tokio::join!(server.endpoint.stop(), server.endpoint.stop()) };
    timeout(PATIENCE, both).await.unwrap();
    assert_eq!(alice.closed().await, 1012);
    timeout(PATIENCE, server.endpoint.stop()).await.unwrap();
    assert_eq!(server.probe.departures().len(), 1);
}
