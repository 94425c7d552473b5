//! The graces of connections that are lost.

use super::*;
use crate::adapters::MemoryCluster;
use crate::tracker::{Disconnect, DisconnectGrace};

const SECOND: Duration = Duration::from_secs(1);

fn start_graced(pubsub: &PubSub, grace: impl Into<DisconnectGrace>) -> Tracker<Plain> {
    let options = TrackerOptions::default().disconnect_grace(grace);
    Tracker::start_with(pubsub, Plain, options).unwrap()
}

async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    for _ in 0..100_000 {
        if holds() {
            return;
        }
        tokio::time::sleep(MS).await;
    }
    panic!("never came true: {what}");
}

// A phone that drops 20 times in a minute, for 1.5 s each, and comes back on either node.
#[tokio::test(start_paused = true)]
async fn a_phone_that_drops_is_one_diff_a_return_on_every_node() {
    let cluster = MemoryCluster::default();
    let pubsubs = ["a", "b"].map(|name| PubSub::with_adapter(cluster.join(name)));
    let nodes = pubsubs
        .each_ref()
        .map(|pubsub| start_graced(pubsub, 2 * SECOND));
    let mut listeners = pubsubs.each_ref().map(|pubsub| pubsub.receiver("t", 100));
    until("they know each other", || {
        nodes.iter().all(|node| node.replicas().len() == 2)
    })
    .await;

    let mut phone = Owner::new();
    nodes[0]
        .track_as(&phone, "t", "ann", json!({}))
        .await
        .unwrap();
    for listener in &mut listeners {
        assert_eq!(joins(&next(listener).await), ["ann"]);
    }
    for drop in 1..=20 {
        phone.disconnect(Disconnect::Lost, None);
        for _ in 0..15 {
            tokio::time::sleep(100 * MS).await;
            assert!(nodes.iter().all(|node| node.count("t") == 1));
        }
        phone = Owner::new();
        let node = &nodes[drop % 2];
        node.track_as(&phone, "t", "ann", json!({})).await.unwrap();
        for listener in &mut listeners {
            let diff = next(listener).await;
            assert_eq!((joins(&diff), leaves(&diff)), (vec!["ann"], vec!["ann"]));
        }
        tokio::time::sleep(1500 * MS).await;
        for listener in &mut listeners {
            assert!(listener.try_recv().is_none(), "one diff for drop {drop}");
        }
    }
    phone.disconnect(Disconnect::Lost, None);
    tokio::time::sleep(1900 * MS).await;
    assert!(nodes.iter().all(|node| node.count("t") == 1));
    tokio::time::sleep(200 * MS).await;
    assert!(nodes.iter().all(|node| node.count("t") == 0));
    for listener in &mut listeners {
        let diff = next(listener).await;
        assert_eq!((joins(&diff), leaves(&diff)), (vec![], vec!["ann"]));
    }
}

#[tokio::test(start_paused = true)]
async fn the_end_of_a_connection_decides_and_a_channels_grace_comes_first() {
    let none = DisconnectGrace::NONE;
    let lost = DisconnectGrace::of(SECOND);
    let both = lost.on_close(true);
    for (tracker, channel, end, stays) in [
        (none, None, Disconnect::Lost, false),
        (lost, None, Disconnect::Lost, true),
        (lost, None, Disconnect::Closed, false),
        (both, None, Disconnect::Closed, true),
        (lost, Some(none), Disconnect::Lost, false),
        (none, Some(lost), Disconnect::Lost, true),
        (none, Some(both), Disconnect::Closed, true),
    ] {
        let node = start_graced(&PubSub::local(), tracker);
        let owner = Owner::new();
        assert!(!owner.has_grace(channel), "nothing is tracked");
        node.track_as(&owner, "t", "k", json!({})).await.unwrap();
        if end == Disconnect::Lost {
            assert_eq!(owner.has_grace(channel), stays);
        }
        owner.disconnect(end, channel);
        let what = format!("{tracker:?}, {channel:?}, {end:?}");
        assert_eq!(node.count("t"), usize::from(stays), "{what}");
        tokio::time::sleep(SECOND + MS).await;
        assert_eq!(node.count("t"), 0, "{what}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_owner_whose_connection_was_lost_can_track_again() {
    let node = start_graced(&PubSub::local(), SECOND);
    let owner = Owner::new();
    for round in 0..3 {
        node.track_as(&owner, "t", "k", json!({})).await.unwrap();
        assert_eq!(node.count("t"), 1, "round {round}");
        owner.disconnect(Disconnect::Lost, None);
    }
    let update = node.update_as(&owner, "t", "k", json!({})).await;
    assert!(update.is_err(), "it belongs to nobody");
    assert_eq!(node.get_by_key("t", "k").await.unwrap().metas().len(), 1);
    // The drop of an owner ends what is its own.
    drop(owner);
    assert_eq!(node.count("t"), 1);
    tokio::time::sleep(SECOND + MS).await;
    assert_eq!(node.count("t"), 0);
}

#[tokio::test(start_paused = true)]
async fn a_stop_ends_graces() {
    let node = start_graced(&PubSub::local(), 3600 * SECOND);
    let owner = Owner::new();
    node.track_as(&owner, "t", "k", json!({})).await.unwrap();
    owner.disconnect(Disconnect::Lost, None);
    node.stop().await;
    assert_eq!(node.count("t"), 0);
}

#[tokio::test(start_paused = true)]
async fn the_longest_grace_of_a_channel_is_a_day() {
    let node = start_graced(&PubSub::local(), DisconnectGrace::NONE);
    let owner = Owner::new();
    node.track_as(&owner, "t", "k", json!({})).await.unwrap();
    owner.disconnect(Disconnect::Lost, Some(Duration::MAX.into()));
    assert_eq!(node.count("t"), 1);
    tokio::time::sleep(24 * 3600 * SECOND + MS).await;
    assert_eq!(node.count("t"), 0);
}
