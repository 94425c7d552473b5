use super::*;

#[tokio::test]
async fn pushes_replies_and_broadcasts_reach_whom_they_should() {
    let (endpoint, _) = endpoint().await;
    let (_, mut a) = client(&endpoint)
        .await
        .join("room:1", json!({}))
        .await
        .unwrap();
    let (_, b) = client(&endpoint)
        .await
        .join("room:1", json!({}))
        .await
        .unwrap();
    let (_, c) = client(&endpoint)
        .await
        .join("room:2", json!({}))
        .await
        .unwrap();

    a.push("push", json!({ "n": 1 })).await;
    a.assert_push("pushed", json!({ "n": 1 })).await;

    let shout = a.push("shout", json!({ "n": 2 })).await;
    a.assert_reply(shout, "ok", json!({})).await;
    a.assert_push("shout", json!({ "n": 2 })).await;
    b.assert_push("shout", json!({ "n": 2 })).await;
    a.assert_broadcast("shout", json!({ "n": 2 })).await;

    a.push("shout_from", json!({ "n": 3 })).await;
    b.assert_push("shout", json!({ "n": 3 })).await;
    a.refute_push("shout").await;
    c.refute_push("shout").await;
    b.refute_push("pushed").await;
}

#[tokio::test]
async fn the_endpoint_broadcasts_from_outside() {
    let (mut channel, _) = joined("room:1").await;
    let endpoint = channel.socket().endpoint().clone();
    endpoint
        .broadcast("room:1", "news", json!({ "n": 1 }))
        .unwrap();
    channel.assert_push("news", json!({ "n": 1 })).await;
    endpoint
        .local_broadcast("room:1", "news", json!({ "n": 2 }))
        .unwrap();
    channel.assert_push("news", json!({ "n": 2 })).await;
    channel.assert_broadcast("news", json!({ "n": 1 })).await;
}

#[tokio::test]
async fn a_reply_may_come_when_the_channel_has_long_gone() {
    let (channel, world) = joined("room:1").await;
    let later = channel.push("later", json!({ "n": 1 })).await;
    channel.push("stop", json!({})).await;
    channel.assert_closed().await;
    world.gate.add_permits(1);
    channel.assert_reply(later, "ok", json!({ "n": 1 })).await;
}

#[tokio::test(start_paused = true)]
async fn a_channel_is_told_by_itself_by_tasks_and_after_a_time() {
    let (channel, _) = joined("room:1").await;
    channel.push("tell", json!({})).await;
    channel
        .assert_push("told", json!({ "what": "by itself" }))
        .await;
    channel.push("tell_from_task", json!({})).await;
    channel
        .assert_push("told", json!({ "what": "by a task" }))
        .await;

    channel.push("tell_later", json!({})).await;
    tokio::time::sleep(Duration::from_secs(59)).await;
    channel.refute_push("told").await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    channel
        .assert_push("told", json!({ "what": "in a minute" }))
        .await;
    channel.refute_push("told").await;
}

#[tokio::test]
async fn a_channel_listens_to_other_topics() {
    let (channel, _) = joined("room:1").await;
    let endpoint = channel.socket().endpoint().clone();
    let listen = channel.push("listen", json!({})).await;
    channel.assert_reply(listen, "ok", json!({})).await;
    endpoint
        .broadcast("news", "any", json!({ "n": 1 }))
        .unwrap();
    channel.assert_push("heard", json!({ "n": 1 })).await;

    let no_more = channel.push("listen_no_more", json!({})).await;
    channel.assert_reply(no_more, "ok", json!({})).await;
    endpoint
        .broadcast("news", "any", json!({ "n": 2 }))
        .unwrap();
    channel.refute_push("heard").await;
    assert_eq!(endpoint.pubsub().subscribers("news"), 0);
}

#[tokio::test]
async fn intercepted_broadcasts_go_through_handle_out() {
    let (channel, _) = joined("room:1").await;
    let endpoint = channel.socket().endpoint().clone();
    endpoint
        .broadcast("room:1", "secret", json!({ "hide": true }))
        .unwrap();
    endpoint
        .broadcast("room:1", "secret", json!({ "hide": false }))
        .unwrap();
    channel
        .assert_push("secret", json!({ "hide": false, "seen": true }))
        .await;
    channel.refute_push("secret").await;
}

/// A channel that falls behind its broadcasts must neither hold them all nor lose some unsaid.
#[tokio::test]
async fn a_channel_too_slow_for_its_broadcasts_ends() {
    let (channel, world) = joined("room:1").await;
    let endpoint = channel.socket().endpoint().clone();
    for n in 0..1_100 {
        endpoint
            .broadcast("room:1", "slow", json!({ "n": n }))
            .unwrap();
    }
    world.gate.add_permits(2_000);
    channel.assert_crashed().await;
    let log = world.log();
    assert_eq!(
        log[2],
        r#"terminate Failed("too slow for its broadcasts: max_waiting_messages is reached")"#
    );
}

/// Only its broadcasts count: what the client itself sends has a limit of its own.
#[tokio::test]
async fn a_channel_with_many_messages_of_its_client_takes_broadcasts_up_to_the_limit() {
    let limits = Limits {
        max_waiting_messages: 10,
        ..Limits::default()
    };
    let (endpoint, world) = endpoint_limited(limits).await;
    let client = client(&endpoint).await;
    let (_, channel) = client.join("room:1", json!({})).await.unwrap();
    let slow = |n: u32| endpoint.broadcast("room:1", "slow", json!({ "n": n }));
    // Again, because what was handled counts no longer.
    for _ in 0..2 {
        let gated = channel.push("gated", json!({})).await;
        let mut waiting = Vec::new();
        for n in 0..10 {
            waiting.push(channel.push("ping", json!({})).await);
            slow(n).unwrap();
        }
        waiting.push(channel.push("ping", json!({})).await);
        world.gate.add_permits(11);
        channel.assert_reply(gated, "ok", json!({})).await;
        for n in 0..10 {
            channel.assert_push("slow", json!({ "n": n })).await;
        }
        for ping in waiting {
            channel.assert_reply(ping, "ok", json!({})).await;
        }
    }
    let gated = channel.push("gated", json!({})).await;
    for n in 0..11 {
        slow(n).unwrap();
    }
    world.gate.add_permits(1);
    channel.assert_reply(gated, "ok", json!({})).await;
    channel.assert_crashed().await;
}

/// Earlier messages of the client are answered as at any end of a channel, and so is its leave.
#[tokio::test]
async fn a_channel_too_slow_for_its_broadcasts_answers_its_client() {
    let limits = Limits {
        max_waiting_messages: 10,
        ..Limits::default()
    };
    let (endpoint, world) = endpoint_limited(limits).await;
    let client = client(&endpoint).await;
    for leaves in [false, true] {
        let (_, channel) = client.join("room:1", json!({})).await.unwrap();
        let gated = channel.push("gated", json!({})).await;
        let waiting = [
            channel.push("ping", json!({})).await,
            channel.push("ping", json!({})).await,
        ];
        let leave = match leaves {
            true => Some(channel.push("phx_leave", json!({})).await),
            false => None,
        };
        for n in 0..30 {
            let slow = json!({ "n": n });
            endpoint.broadcast("room:1", "slow", slow).unwrap();
        }
        world.gate.add_permits(1);
        channel.assert_reply(gated, "ok", json!({})).await;
        channel.assert_crashed().await;
        for ping in waiting {
            let unmatched = reason("unmatched topic");
            channel.assert_reply(ping, "error", unmatched).await;
        }
        if let Some(leave) = leave {
            channel.assert_reply(leave, "ok", json!({})).await;
        }
        let end =
            r#"terminate Failed("too slow for its broadcasts: max_waiting_messages is reached")"#;
        world.until(end).await;
        world.log.lock().clear();
    }
}

/// A channel that is joined again says nothing of its own end, however many broadcasts come before
/// it.
#[tokio::test]
async fn a_channel_that_must_end_hears_of_no_more_broadcasts() {
    let (endpoint, world) = endpoint().await;
    let client = client(&endpoint).await;
    let (_, channel) = client.join("room:1", json!({})).await.unwrap();
    channel.push("gated", json!({})).await;
    world.until("at the gate").await;
    let again = tokio::spawn({
        let client = client.clone();
        async move { client.join("room:1", json!({})).await.unwrap() }
    });
    tokio::task::yield_now().await;
    for n in 0..3_000 {
        let slow = json!({ "n": n });
        endpoint.broadcast("room:1", "slow", slow).unwrap();
    }
    world.gate.add_permits(1);
    let (_, again) = again.await.unwrap();
    assert_alive(&again).await;
    world.until("terminate Rejoined").await;
}

/// One at a time, in order, also when handlers wait.
#[tokio::test]
async fn messages_of_a_channel_are_handled_in_order() {
    let (channel, world) = joined("room:1").await;
    let gated = channel.push("gated", json!({ "n": 0 })).await;
    let mut pings = Vec::new();
    for n in 1..50 {
        pings.push((n, channel.push("ping", json!({ "n": n })).await));
    }
    channel.refute_push("phx_reply").await;
    world.gate.add_permits(1);
    channel.assert_reply(gated, "ok", json!({ "n": 0 })).await;
    for (n, ping) in pings {
        channel.assert_reply(ping, "ok", json!({ "n": n })).await;
    }
}

#[tokio::test]
async fn a_waiting_channel_holds_no_other_up() {
    let (endpoint, world) = endpoint().await;
    let client = client(&endpoint).await;
    let (_, waiting) = client.join("room:1", json!({})).await.unwrap();
    let (_, other) = client.join("room:2", json!({})).await.unwrap();
    let gated = waiting.push("gated", json!({})).await;
    world.until("at the gate").await;
    assert_alive(&other).await;
    world.gate.add_permits(1);
    waiting.assert_reply(gated, "ok", json!({})).await;
}
