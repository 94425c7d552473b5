//! Clients whose broadcasts wait for a slow channel, and what goes on meanwhile.

use metrics_util::debugging::{DebugValue, DebuggingRecorder};

use super::*;
use crate::NotifyError;

/// A client in a room that intercepts its two broadcasts, and a member whose handler waits.
async fn held() -> (TestChannel, TestChannel, World) {
    let limits = Limits {
        max_waiting_messages: 8,
        ..Limits::default()
    };
    let (endpoint, world) = endpoint_limited(limits).await;
    let join = async || {
        let client = client(&endpoint).await;
        client.join("room:1", json!({})).await.unwrap().1
    };
    let (sender, member) = (join().await, join().await);
    member.push("gated", json!({})).await;
    world.until("at the gate").await;
    for n in 0..2 {
        sender.push("shout_slow", json!({ "n": n })).await;
    }
    (sender, member, world)
}

#[tokio::test(start_paused = true)]
async fn only_the_messages_of_a_held_client_wait_and_its_channel_can_end() {
    for finds_idle in [true, false] {
        let (sender, _member, world) = held().await;
        let told = || async {
            sender.send_info::<Room>(Info::Told("meanwhile")).await;
            let what = json!({ "what": "meanwhile" });
            sender.assert_push("told", what).await;
        };
        if !finds_idle {
            sender.push("ping", json!({})).await;
            told().await;
        }
        let ping = sender.push("ping", json!({})).await;
        told().await;
        sender.refute_reply(&ping).await;
        let client = sender.socket();
        let begun = tokio::time::Instant::now();
        let (_, again) = client.join("room:1", json!({})).await.unwrap();
        assert!(begun.elapsed().is_zero(), "{:?}", begun.elapsed());
        let unmatched = reason("unmatched topic");
        sender.assert_reply(ping, "error", unmatched).await;
        assert!(world.log().contains(&"terminate Rejoined".to_owned()));
        again.leave().await;
    }
}

#[tokio::test(start_paused = true)]
async fn the_messages_of_a_held_client_are_handled_in_order_when_it_is_released() {
    let (sender, _member, world) = held().await;
    let mut pings = Vec::new();
    for n in 0..5 {
        pings.push((n, sender.push("ping", json!({ "n": n })).await));
        sender
            .send_info::<Room>(Info::Told("between the pings"))
            .await;
    }
    let leave = sender.push("phx_leave", json!({})).await;
    // An end of its own would come before the pings.
    sender.refute_reply(&leave).await;
    world.gate.add_permits(3);
    for (n, ping) in pings {
        sender.assert_reply(ping, "ok", json!({ "n": n })).await;
    }
    sender.assert_reply(leave, "ok", json!({})).await;
    sender.assert_closed().await;
}

/// No handler will take what comes while `terminate` waits.
#[tokio::test(start_paused = true)]
async fn a_channel_that_ends_slowly_takes_nothing_and_holds_nobody() {
    let recorder = DebuggingRecorder::new();
    let _guard = metrics::set_default_local_recorder(&recorder);
    let limits = Limits {
        max_waiting_messages: 8,
        ..Limits::default()
    };
    let (endpoint, world) = endpoint_limited(limits).await;
    let join = async || {
        let client = client(&endpoint).await;
        client.join("room:slow-end", json!({})).await.unwrap().1
    };
    for waits_before in [false, true] {
        let (sender, ending) = (join().await, join().await);
        let notifier = ending
            .inspect(|_: &Room, socket: &Socket<Room>| socket.notifier())
            .await;
        let id = sender.inspect(|_: &Room, socket: &Socket<Room>| socket.subscriber_id());
        let id = id.await.unwrap();
        if waits_before {
            ending.push("gated", json!({})).await;
            world.until("at the gate").await;
            ending.push("phx_leave", json!({})).await;
            for n in 0..2 {
                sender.push("shout_slow", json!({ "n": n })).await;
            }
            for _ in 0..8 {
                notifier.notify(Info::Told("in time")).unwrap();
            }
        } else {
            ending.push("phx_leave", json!({})).await;
        }
        let waits = tokio::spawn({
            let notifier = notifier.clone();
            async move { notifier.notify_wait(Info::Told("late")).await }
        });
        tokio::task::yield_now().await;
        world.gate.add_permits(usize::from(waits_before));
        world.until("terminate Left").await;
        let late = tokio::time::timeout(Duration::ZERO, waits).await;
        assert_eq!(late.unwrap().unwrap(), Err(NotifyError::Closed));
        let late = notifier.notify(Info::Told("late"));
        assert_eq!(late, Err(NotifyError::Closed));
        for n in 0..30 {
            // An app's own broadcast, which holds nobody.
            let slow = json!({ "n": n });
            endpoint
                .broadcast_from(id, "room:slow-end", "slow", slow)
                .unwrap();
            sender.push("shout_slow", json!({ "n": n })).await;
        }
        assert_alive(&sender).await;
        world.gate.add_permits(1);
        ending.assert_closed().await;
        world.log.lock().clear();
        drop(sender);
        world.gate.add_permits(1);
        world.until("terminated").await;
        world.log.lock().clear();
    }
    let counted = recorder.snapshotter().snapshot().into_vec();
    let limited = counted.iter().find(|(key, _, _, value)| {
        let is_reached = matches!(value, DebugValue::Counter(1..));
        is_reached && key.key().name().contains("limits_total")
    });
    assert!(limited.is_none(), "{limited:?}");
}
