use super::*;

#[tokio::test]
async fn a_refusal_is_what_the_channel_says() {
    let (endpoint, world) = endpoint().await;
    let client = client(&endpoint).await;
    let refused = client.join("room:private", json!({})).await.unwrap_err();
    assert_eq!(
        refused.response,
        json!({ "reason": "unauthorized", "code": 7 })
    );
    // It was never joined, so nothing ends.
    assert_eq!(world.log(), ["join {}"]);
}

#[tokio::test]
async fn an_error_in_a_join_keeps_its_text_to_the_log() {
    let (endpoint, _) = endpoint().await;
    let refused = client(&endpoint)
        .await
        .join("room:broken", json!({}))
        .await
        .unwrap_err();
    assert_eq!(refused.response, reason("internal error"));
}

#[tokio::test]
async fn a_panicking_join_is_refused_and_the_client_lives() {
    let (endpoint, _) = endpoint().await;
    let client = client(&endpoint).await;
    let refused = client.join("room:panics", json!({})).await.unwrap_err();
    assert_eq!(refused.response, reason("join crashed"));
    let (_, channel) = client.join("room:1", json!({})).await.unwrap();
    assert_alive(&channel).await;
}

#[tokio::test(start_paused = true)]
async fn an_endless_join_times_out() {
    let config = Config::default().handler_timeout(Duration::from_millis(900));
    let (endpoint, _) = endpoint_with(config).await;
    let refused = client(&endpoint)
        .await
        .join("room:endless", json!({}))
        .await
        .unwrap_err();
    assert_eq!(refused.response, reason("join timed out"));
}

#[tokio::test]
async fn what_a_join_notifies_comes_after_its_reply() {
    let (channel, _) = joined("room:early").await;
    channel
        .assert_push("told", json!({ "what": "after the join" }))
        .await;
}

#[tokio::test]
async fn unknown_topics_are_refused() {
    let (endpoint, _) = endpoint().await;
    let client = client(&endpoint).await;
    for topic in [
        "lobby",
        "rooms:1",
        "",
        "roo",
        "phx_presence:hello.presence",
        "phx:lp:1",
    ] {
        let refused = client.join(topic, json!({})).await.unwrap_err();
        assert_eq!(refused.response, reason("unmatched topic"), "{topic:?}");
    }
}

/// Events and broadcasts wait while their channel joins; broadcasts come after the reply.
#[tokio::test]
async fn messages_wait_for_a_join() {
    let (endpoint, world) = endpoint().await;
    let client = client(&endpoint).await;
    let joining = tokio::spawn({
        let client = client.clone();
        async move { client.join("room:gated", json!({})).await }
    });
    world.until("join {}").await;
    // The kit's first ref is 1, so this is a message of the channel that is joining.
    let early = client
        .push_raw("1", "99", "room:gated", "ping", json!({ "n": 1 }))
        .await;
    world.gate.add_permits(1);
    let (_, channel) = joining.await.unwrap().unwrap();
    channel.assert_reply(early, "ok", json!({ "n": 1 })).await;
}

#[tokio::test]
async fn messages_that_waited_for_a_refused_join_are_unmatched() {
    let (endpoint, world) = endpoint().await;
    let client = client(&endpoint).await;
    let joining = tokio::spawn({
        let client = client.clone();
        async move { client.join("room:gated-refused", json!({})).await }
    });
    world.until("join {}").await;
    let early = client
        .push_raw("1", "99", "room:gated-refused", "ping", json!({}))
        .await;
    world.gate.add_permits(1);
    assert_eq!(
        joining.await.unwrap().unwrap_err().response,
        reason("refused")
    );
    let reply = client.raw_reply(&early, "room:gated-refused").await;
    assert_eq!(reply["response"], reason("unmatched topic"));
}

#[tokio::test]
async fn joining_again_ends_the_old_channel_first() {
    let (endpoint, world) = endpoint().await;
    let client = client(&endpoint).await;
    let (_, old) = client
        .join("room:slow-end", json!({ "n": 1 }))
        .await
        .unwrap();
    let joining = tokio::spawn({
        let client = client.clone();
        async move { client.join("room:slow-end", json!({ "n": 2 })).await }
    });
    world.until("terminate Rejoined").await;
    assert_eq!(
        world.log(),
        [r#"join {"n":1}"#, "joined", "terminate Rejoined"]
    );
    world.gate.add_permits(1);
    let (_, new) = joining.await.unwrap().unwrap();
    old.assert_closed().await;
    assert_alive(&new).await;
    let log = world.log();
    assert_eq!(
        log[3..],
        ["terminated", "dropped", r#"join {"n":2}"#, "joined"]
    );
    // The old channel's ref is nobody's now.
    old.push("push", json!({})).await;
    old.refute_push("pushed").await;
}
