//! Connections that end: lost, idle, kicked.

use std::time::{Duration, Instant};

use presence_channels::{Limits, SocketOptions, TerminateReason};
use sample_app::{Client, Departure, PATIENCE, Server};
use serde_json::json;
use tokio::time::timeout;

use crate::eventually;

fn ended(user_id: &str, reason: TerminateReason) -> Departure {
    Departure {
        user_id: user_id.to_owned(),
        reason,
        was_present: true,
    }
}

#[tokio::test]
async fn a_client_that_vanishes_is_untracked() {
    for reset in [false, true] {
        let server = Server::start().await;
        let mut alice = Client::connect(&server, "alice").await;
        alice.join("lobby:1").await;
        let mut bob = Client::connect(&server, "bob").await;
        bob.join("lobby:1").await;
        assert_eq!(server.presence.count("lobby:1"), 2);

        alice.vanish(reset);
        let is_her_leave = |message: &serde_json::Value| {
            message[3] == "presence_diff" && message[4]["leaves"]["alice"].is_object()
        };
        while !is_her_leave(&bob.receive_json().await) {}
        assert_eq!(server.presence.count("lobby:1"), 1);
        let expected = [ended("alice", TerminateReason::Closed)];
        assert_eq!(server.probe.departures(), expected);
        eventually("one connection", || server.endpoint.connections() == 1).await;
    }
}

#[tokio::test]
async fn a_silent_client_is_closed_with_1002_and_one_that_talks_is_not() {
    let options = SocketOptions::default().timeout(Duration::from_secs(1));
    let server = Server::start_with(options).await;
    let begun = Instant::now();
    let mut silent = Client::connect(&server, "silent").await;
    silent.join("lobby:1").await;
    let mut talker = Client::connect(&server, "talker").await;

    let talking = async {
        loop {
            talker.assert_alive().await;
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::select! {
        code = silent.closed() => assert_eq!(code, 1002),
        () = talking => unreachable!(),
    }
    assert!(
        begun.elapsed() >= Duration::from_secs(1),
        "closed too early"
    );
    eventually("untracked", || server.presence.count("lobby:1") == 0).await;
    talker.assert_alive().await;
}

#[tokio::test]
async fn disconnect_closes_all_connections_of_a_user_and_no_other() {
    let server = Server::start().await;
    let mut tabs = [
        Client::connect(&server, "alice").await,
        Client::connect(&server, "alice").await,
    ];
    for tab in &mut tabs {
        tab.join("lobby:1").await;
    }
    let mut bob = Client::connect(&server, "bob").await;
    bob.join("lobby:1").await;

    server.endpoint.disconnect("user_socket:alice").unwrap();
    for tab in &mut tabs {
        assert_eq!(tab.closed().await, 1001);
    }
    eventually("alice is gone", || server.presence.count("lobby:1") == 1).await;
    let expected = vec![ended("alice", TerminateReason::Closed); 2];
    assert_eq!(server.probe.departures(), expected);
    bob.assert_alive().await;

    // It closes who is there, and bars nobody.
    Client::connect(&server, "alice").await.assert_alive().await;
}

#[tokio::test]
async fn a_handler_that_has_begun_ends_though_its_client_is_gone() {
    let server = Server::start().await;
    let mut alice = Client::connect(&server, "alice").await;
    alice.join("lobby:1").await;
    alice.push("lobby:1", "slow", json!(1)).await;
    alice.push("lobby:1", "slow", json!(2)).await;
    eventually("begun", || !server.probe.begun().is_empty()).await;

    // The server reads the second message before the end of the connection, which comes after it.
    alice.vanish(false);
    let pubsub = server.endpoint.pubsub();
    eventually("the end is noticed", || {
        pubsub.subscribers("user_socket:alice") == 0
    })
    .await;
    assert_eq!(server.probe.departures(), []);
    server.probe.gate.add_permits(1);
    eventually("ended", || !server.probe.departures().is_empty()).await;
    let expected = [ended("alice", TerminateReason::Closed)];
    assert_eq!(server.probe.departures(), expected);
    // A waiting message is not handled any more.
    assert_eq!(server.probe.begun(), [json!(1)]);
    assert_eq!(server.presence.count("lobby:1"), 0);
}

#[tokio::test]
async fn two_endpoints_in_one_process_do_not_mix() {
    let (here, there) = (Server::start().await, Server::start().await);
    let mut alice = Client::connect(&here, "alice").await;
    let mut namesake = Client::connect(&there, "alice").await;
    for client in [&mut alice, &mut namesake] {
        client.join("lobby:1").await;
    }
    assert_eq!(here.presence.count("lobby:1"), 1);

    alice
        .push("lobby:1", "shout", json!({ "from": "here" }))
        .await;
    while alice.receive_json().await[3] != "shout" {}
    here.endpoint.disconnect("user_socket:alice").unwrap();
    assert_eq!(alice.closed().await, 1001);
    timeout(PATIENCE, here.endpoint.stop()).await.unwrap();

    namesake
        .push("lobby:1", "shout", json!({ "from": "there" }))
        .await;
    loop {
        let message = namesake.receive_json().await;
        match message[3].as_str() {
            Some("shout") => break assert_eq!(message[4]["from"], "there"),
            Some("presence_diff") => assert_eq!(message[4]["leaves"], json!({})),
            _ => panic!("unexpected: {message}"),
        }
    }
    assert_eq!(there.presence.count("lobby:1"), 1);
}

#[tokio::test]
async fn a_client_that_talks_is_not_idle_while_its_handlers_are_busy() {
    let limits = Limits::default().max_waiting_messages(1);
    let options = SocketOptions::default()
        .timeout(Duration::from_secs(1))
        .limits(limits);
    let server = Server::start_with(options).await;
    let mut alice = Client::connect(&server, "alice").await;
    alice.join("room:1").await;
    let first = alice.push("room:1", "slow", json!(1)).await;
    let second = alice.push("room:1", "slow", json!(2)).await;
    for _ in 0..25 {
        alice.push("phoenix", "heartbeat", json!({})).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    server.probe.gate.add_permits(2);
    assert_eq!(alice.reply(&first).await["status"], "ok");
    assert_eq!(alice.reply(&second).await["status"], "ok");
}
