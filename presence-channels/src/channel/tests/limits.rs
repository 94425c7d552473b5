use super::*;
use crate::Rate;

#[tokio::test(start_paused = true)]
async fn messages_over_the_sockets_rate_are_refused_and_nothing_else_happens() {
    let limits = Limits {
        max_message_rate: Some(Rate::per_second(2).burst(4)),
        ..Limits::default()
    };
    let (endpoint, _) = endpoint_limited(limits).await;
    let client = client(&endpoint).await;
    // A join counts.
    let (_, channel) = client.join("room:1", json!({})).await.unwrap();
    for _ in 0..3 {
        assert_alive(&channel).await;
    }
    let refused = reason("over the socket's limit of 2 messages a second");
    let over = channel.push("panic", json!({})).await;
    channel.assert_reply(over, "error", refused.clone()).await;
    let join = client.join("room:2", json!({})).await.unwrap_err();
    assert_eq!(join.response, refused);
    // A client over the limit may still send heartbeats and leave.
    let beat = client
        .push_raw("0", "99", "phoenix", "heartbeat", json!({}))
        .await;
    assert_eq!(client.raw_reply(&beat, "phoenix").await["status"], "ok");
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_alive(&channel).await;
    let over = channel.push("ping", json!({})).await;
    channel.assert_reply(over, "error", refused).await;
    channel.leave().await;
}

#[tokio::test(start_paused = true)]
async fn a_channel_over_its_rate_leaves_the_others_theirs() {
    let limits = Limits {
        max_channel_message_rate: Some(Rate::per_second(1)),
        ..Limits::default()
    };
    let (endpoint, _) = endpoint_limited(limits).await;
    let client = client(&endpoint).await;
    let (_, one) = client.join("room:1", json!({})).await.unwrap();
    let (_, two) = client.join("room:2", json!({})).await.unwrap();
    let refused = reason("over the channel's limit of 1 messages a second");
    assert_alive(&one).await;
    let over = one.push("ping", json!({})).await;
    one.assert_reply(over, "error", refused.clone()).await;
    assert_alive(&two).await;
    // Joining again is no way around it.
    let (_, again) = client.join("room:1", json!({})).await.unwrap();
    let over = again.push("ping", json!({})).await;
    again.assert_reply(over, "error", refused).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_alive(&again).await;
}

#[tokio::test(start_paused = true)]
async fn to_leave_and_join_again_is_no_way_around_a_channels_rate() {
    let limits = Limits {
        max_channel_message_rate: Some(Rate::per_second(1).burst(2)),
        max_channels: 1,
        ..Limits::default()
    };
    let (endpoint, _) = endpoint_limited(limits).await;
    let client = client(&endpoint).await;
    let join = async |topic| client.join(topic, json!({})).await.unwrap().1;
    let refused = async |channel: &TestChannel| {
        let over = channel.push("ping", json!({})).await;
        let refusal = reason("over the channel's limit of 1 messages a second");
        channel.assert_reply(over, "error", refusal).await;
    };
    let first = join("room:1").await;
    assert_alive(&first).await;
    assert_alive(&first).await;
    first.leave().await;
    let second = join("room:1").await;
    refused(&second).await;
    second.leave().await;
    // Of more topics than a client may have joined, those with the fewest messages left are known.
    let other = join("room:2").await;
    assert_alive(&other).await;
    other.leave().await;
    join("room:3").await.leave().await;
    refused(&join("room:1").await).await;

    tokio::time::sleep(Duration::from_secs(1)).await;
    let third = join("room:1").await;
    third.push("stop", json!({})).await;
    third.assert_closed().await;
    // Ended by an event, and the rate's one message is spent.
    refused(&join("room:1").await).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let full = join("room:1").await;
    assert_alive(&full).await;
    assert_alive(&full).await;
    refused(&full).await;
}

#[tokio::test]
async fn joins_under_way_are_limited() {
    let limits = Limits {
        max_joins_under_way: 1,
        ..Limits::default()
    };
    let (endpoint, world) = endpoint_limited(limits).await;
    let client = client(&endpoint).await;
    let joining = tokio::spawn({
        let client = client.clone();
        async move { client.join("room:gated", json!({})).await }
    });
    world.until("join {}").await;
    let refused = client.join("room:1", json!({})).await.unwrap_err();
    assert_eq!(refused.response, reason("too many joins under way"));
    world.gate.add_permits(1);
    assert!(joining.await.unwrap().is_ok());
    assert!(client.join("room:1", json!({})).await.is_ok());
}

#[tokio::test]
async fn a_binary_message_with_a_longer_name_than_255_bytes_is_its_senders_error() {
    let (channel, _) = joined("room:1").await;
    let endpoint = channel.socket().endpoint().clone();
    let ask = async |length: usize| {
        let asked = channel.push("long_event", length).await;
        channel.assert_reply(asked, "ok", json!({})).await["errors"].take()
    };
    assert_eq!(ask(255).await, json!([null, null, null]));
    let error = "the event of a binary message is 256 bytes long, over the limit of 255";
    assert_eq!(ask(256).await, json!([error, error, error]));

    let data = || Payload::Binary(vec![7].into());
    let broadcast = |topic: &str| {
        let here = endpoint.local_broadcast(topic, "blob", data());
        (
            endpoint.broadcast(topic, "blob", data()).is_ok(),
            here.is_ok(),
        )
    };
    assert_eq!(broadcast(&"t".repeat(255)), (true, true));
    assert_eq!(broadcast(&"t".repeat(256)), (false, false));
    // JSON has no such limit.
    let long = "t".repeat(256);
    assert!(endpoint.broadcast(&long, "text", json!({})).is_ok());
}
