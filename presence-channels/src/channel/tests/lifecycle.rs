use super::*;

#[tokio::test]
async fn a_client_that_leaves_gets_its_reply_and_phx_close() {
    let (channel, world) = joined("room:1").await;
    channel.leave().await;
    assert_eq!(world.log()[2..], ["terminate Left", "dropped"]);
}

#[tokio::test]
async fn a_channel_stops_itself() {
    for (event, reply) in [
        ("stop", None),
        ("stop_reply", Some(json!({ "bye": true }))),
        ("stop_itself", Some(json!({}))),
    ] {
        let (channel, world) = joined("room:1").await;
        let push = channel.push(event, json!({})).await;
        if let Some(reply) = reply {
            channel.assert_reply(push, "ok", reply).await;
        }
        channel.assert_closed().await;
        assert_eq!(
            world.log()[2..],
            ["terminate Stopped", "dropped"],
            "{event}"
        );
        let late = channel.push("ping", json!({})).await;
        channel
            .assert_reply(late, "error", reason("unmatched topic"))
            .await;
    }
}

/// A handler that has begun runs to its end though the client has gone; what has not begun does
/// not.
#[tokio::test]
async fn a_begun_handler_runs_to_its_end() {
    let (endpoint, world) = endpoint().await;
    let client = client(&endpoint).await;
    let (_, channel) = client.join("room:1", json!({})).await.unwrap();
    channel.push("gated", json!({})).await;
    channel.push("gated", json!({})).await;
    world.until("at the gate").await;
    client.close();
    assert_eq!(world.log(), ["join {}", "joined", "at the gate"]);
    world.gate.add_permits(2);
    world.until("dropped").await;
    let log = world.log();
    assert_eq!(
        log[3..],
        ["through the gate", "terminate Closed", "dropped"]
    );
}

#[tokio::test]
async fn a_join_that_is_under_way_when_the_client_goes_ends_in_order() {
    let (endpoint, world) = endpoint().await;
    let client = client(&endpoint).await;
    let joining = tokio::spawn({
        let client = client.clone();
        async move { client.join("room:gated", json!({})).await }
    });
    world.until("join {}").await;
    client.close();
    world.gate.add_permits(1);
    world.until("dropped").await;
    assert_eq!(
        world.log(),
        ["join {}", "joined", "terminate Closed", "dropped"]
    );
    joining.abort();
    assert!(joining.await.is_err());
    assert_eq!(endpoint.pubsub().subscribers("room:gated"), 0);
}

#[tokio::test]
async fn disconnect_closes_every_connection_of_the_id() {
    let (endpoint, world) = endpoint().await;
    let (a, b) = (client(&endpoint).await, client(&endpoint).await);
    let (_, channel) = a.join("room:1", json!({})).await.unwrap();
    endpoint.disconnect("client:2").unwrap();
    assert_alive(&channel).await;
    endpoint.disconnect("client:1").unwrap();
    assert_eq!((a.closed().await, b.closed().await), (1001, 1001));
    world.until("terminate Closed").await;
}

#[tokio::test]
async fn stop_ends_channels_then_the_pubsub_and_waits_for_them() {
    let (endpoint, world) = endpoint().await;
    let client = client(&endpoint).await;
    let _joined = client.join("room:slow-end", json!({})).await.unwrap();
    let pubsub = endpoint.pubsub().clone();
    let stopping = tokio::spawn({
        let endpoint = endpoint.clone();
        async move { endpoint.stop().await }
    });
    world.until("terminate Closed").await;
    // `terminate` can still broadcast.
    assert!(endpoint.broadcast("room:1", "last", json!({})).is_ok());
    assert!(!stopping.is_finished());
    world.gate.add_permits(1);
    stopping.await.unwrap();
    assert_eq!(
        world.log()[2..],
        ["terminate Closed", "terminated", "dropped"]
    );
    assert_eq!(client.closed().await, 1012);
    assert!(
        pubsub
            .broadcast(Broadcast::new("t", "e", Payload::empty()))
            .is_err()
    );
    endpoint.stop().await;
}

#[tokio::test(start_paused = true)]
async fn stop_waits_no_longer_than_it_may() {
    let config = Config::default().drain_timeout(Duration::from_secs(3));
    let (endpoint, world) = endpoint_with(config).await;
    let client = client(&endpoint).await;
    let _joined = client.join("room:slow-end", json!({})).await.unwrap();
    let before = tokio::time::Instant::now();
    endpoint.stop().await;
    assert_eq!(before.elapsed().as_secs(), 3);
    assert_eq!(world.log()[2..], ["terminate Closed"]);
}

/// A handler's reply while the server stops still reaches its client.
#[tokio::test]
async fn replies_under_way_are_delivered_before_the_close() {
    let (endpoint, world) = endpoint().await;
    let client = client(&endpoint).await;
    let (_, channel) = client.join("room:1", json!({})).await.unwrap();
    let gated = channel.push("gated", json!({ "n": 1 })).await;
    world.until("at the gate").await;
    let stopping = tokio::spawn({
        let endpoint = endpoint.clone();
        async move { endpoint.stop().await }
    });
    channel.refute_push("phx_reply").await;
    assert!(!stopping.is_finished());
    world.gate.add_permits(1);
    channel.assert_reply(gated, "ok", json!({ "n": 1 })).await;
    assert_eq!(client.closed().await, 1012);
    stopping.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_drain_is_spread_over_the_time_it_may_take() {
    let config = Config::default().drain_spread(Duration::from_secs(10));
    let (endpoint, _) = endpoint_with(config).await;
    let mut clients = Vec::new();
    for _ in 0..5 {
        clients.push(client(&endpoint).await);
    }
    let before = tokio::time::Instant::now();
    let stopping = tokio::spawn({
        let endpoint = endpoint.clone();
        async move { endpoint.stop().await }
    });
    let mut seconds = Vec::new();
    while !stopping.is_finished() {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let gone = 5 - endpoint.connections();
        if seconds.len() < gone {
            seconds.push(before.elapsed().as_secs());
        }
    }
    assert_eq!(seconds, [0, 2, 4, 6, 8]);
}
