use super::*;

/// Asserts that `event` ends the channel with `phx_error`, and nothing else: the client joins
/// again, and its other channel has noticed nothing.
async fn crashes_alone(event: &str, terminate: &str) {
    // Within the test kit's patience.
    let config = Config::default().handler_timeout(Duration::from_millis(900));
    let (endpoint, world) = endpoint_with(config).await;
    let client = client(&endpoint).await;
    let (_, other) = client.join("room:other", json!({})).await.unwrap();
    let (_, channel) = client.join("room:1", json!({})).await.unwrap();
    channel.push(event, json!({})).await;
    channel.assert_crashed().await;
    let log = world.log();
    assert_eq!(log[log.len() - 2..], [terminate, "dropped"]);
    assert_alive(&other).await;
    let (_, channel) = client.join("room:1", json!({})).await.unwrap();
    assert_alive(&channel).await;
}

#[tokio::test]
async fn a_panic_ends_its_channel_alone() {
    crashes_alone("panic", r#"terminate Panicked("asked to")"#).await;
}

#[tokio::test]
async fn a_panic_in_handle_info_ends_its_channel_alone() {
    crashes_alone("info_panic", r#"terminate Panicked("asked to")"#).await;
}

#[tokio::test]
async fn stop_with_error_ends_its_channel_alone() {
    crashes_alone("stop_error", r#"terminate Failed("asked to")"#).await;
}

#[tokio::test]
async fn an_unknown_event_ends_its_channel_alone() {
    let reason = r#"terminate Failed("no handler for the event \"what\"")"#;
    crashes_alone("what", reason).await;
}

#[tokio::test(start_paused = true)]
async fn an_endless_handler_ends_its_channel_alone() {
    let config = Config::default().handler_timeout(Duration::from_millis(900));
    let (endpoint, world) = endpoint_with(config).await;
    let client = client(&endpoint).await;
    let (_, other) = client.join("room:other", json!({})).await.unwrap();
    let (_, channel) = client.join("room:1", json!({})).await.unwrap();
    channel.push("endless", json!({})).await;
    assert_alive(&other).await;
    channel.assert_crashed().await;
    assert!(world.log().contains(&"terminate TimedOut".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn an_endless_handler_that_panics_when_it_is_dropped_ends_its_channel_alone() {
    crashes_alone("endless_bomb", r#"terminate Panicked("dropped the bomb")"#).await;
}

#[tokio::test]
async fn an_error_is_a_reply_and_the_channel_lives() {
    let (channel, _) = joined("room:1").await;
    let fail = channel.push("fail", json!({})).await;
    channel
        .assert_reply(fail, "error", reason("not today"))
        .await;
    let fail = channel.push("fail_inside", json!({})).await;
    channel
        .assert_reply(fail, "error", reason("internal error"))
        .await;
    let typed = channel.push("typed", json!("x")).await;
    let told = channel.assert_reply(typed, "error", json!({})).await;
    let told = told["reason"].as_str().unwrap();
    assert!(
        told.starts_with("invalid payload: invalid type: string"),
        "{told}"
    );
    channel.push("info_fail", json!({})).await;
    assert_alive(&channel).await;
}

/// A test that has given up to look at a channel does not take what it asked for. The channel drops
/// that, between its callbacks.
#[tokio::test(start_paused = true)]
async fn a_panic_outside_of_the_callbacks_ends_its_channel_alone() {
    let (endpoint, world) = endpoint().await;
    let client = client(&endpoint).await;
    let (_, other) = client.join("room:other", json!({})).await.unwrap();
    let (_, channel) = client.join("room:1", json!({})).await.unwrap();
    let gated = channel.push("gated", json!({})).await;
    world.until("at the gate").await;
    {
        let look = channel.inspect(|_: &Room, _: &Socket<Room>| Bomb);
        assert!(tokio::time::timeout(Duration::ZERO, look).await.is_err());
    }
    let ping = channel.push("ping", json!({})).await;
    world.gate.add_permits(1);
    channel.assert_reply(gated, "ok", json!({})).await;
    channel.assert_crashed().await;
    let unmatched = reason("unmatched topic");
    channel.assert_reply(ping, "error", unmatched.clone()).await;
    let late = channel.push("ping", json!({})).await;
    channel.assert_reply(late, "error", unmatched).await;
    assert_alive(&other).await;
    let (_, channel) = client.join("room:1", json!({})).await.unwrap();
    assert_alive(&channel).await;
}
