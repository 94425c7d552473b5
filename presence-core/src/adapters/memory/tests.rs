use std::time::Duration;

use super::*;
use crate::{
    PubSub,
    pubsub::{Dispatch, Payload, Receiver, Subscriber},
};
use tokio::time::Instant;

const MS: Duration = Duration::from_millis(1);

fn two() -> (MemoryCluster, PubSub, Receiver, PubSub) {
    let cluster = MemoryCluster::default();
    let a = PubSub::with_adapter(cluster.join("a"));
    let b = PubSub::with_adapter(cluster.join("b"));
    let on_b = b.receiver("t", 10_000);
    (cluster, a, on_b, b)
}

fn send(from: &PubSub, event: usize, bytes: usize) {
    let payload = Payload::Binary(vec![0; bytes].into());
    from.broadcast(Broadcast::new("t", event.to_string(), payload))
        .unwrap();
}

/// All that arrives within a minute.
async fn all(on_b: &mut Receiver) -> Vec<usize> {
    tokio::time::sleep(60_000 * MS).await;
    let events = std::iter::from_fn(|| on_b.try_recv());
    events
        .map(|message| message.event.parse().unwrap())
        .collect()
}

#[tokio::test(start_paused = true)]
async fn a_storm_loses_doubles_and_reorders_and_repeats_exactly() {
    let storm = Weather {
        lost: 200,
        doubled: 100,
        late: 50,
        late_by: 5000 * MS,
        longest_delay: 40 * MS,
        ..Weather::CALM
    };
    let run = async || {
        let (cluster, a, mut on_b, _b) = two();
        cluster.set_weather(Some(storm));
        (0..1000).for_each(|number| send(&a, number, 10));
        all(&mut on_b).await
    };
    let arrived = run().await;
    assert_eq!(arrived, run().await);
    let mut sorted = arrived.clone();
    sorted.sort_unstable();
    assert_ne!(arrived, sorted, "none was overtaken");
    sorted.dedup();
    assert!((700..900).contains(&sorted.len()), "{} came", sorted.len());
    let doubled = arrived.len() - sorted.len();
    assert!((40..160).contains(&doubled), "{doubled} were doubled");
}

#[tokio::test(start_paused = true)]
async fn equal_delays_keep_the_order_and_so_does_weather_that_clears() {
    let (cluster, a, mut on_b, b) = two();
    let slow = Weather {
        least_delay: 500 * MS,
        longest_delay: 500 * MS,
        ..Weather::CALM
    };
    cluster.set_weather(Some(slow));
    (0..100).for_each(|number| send(&a, number, 10));
    a.direct("b", Broadcast::new("t", "100", Payload::empty()))
        .unwrap();
    cluster.set_weather(None);
    (101..200).for_each(|number| send(&a, number, 10));
    assert_eq!(on_b.try_recv(), None);
    assert_eq!(all(&mut on_b).await, (0..200).collect::<Vec<_>>());
    // The weather is of the network, and not of a node.
    let before = Instant::now();
    send(&a, 1, 10);
    on_b.recv().await.unwrap();
    assert_eq!(before.elapsed(), Duration::ZERO);
    drop(b);
}

#[tokio::test(start_paused = true)]
async fn a_late_message_is_overtaken_though_all_other_delays_are_equal() {
    let (cluster, a, mut on_b, _b) = two();
    let slow = Weather {
        least_delay: 500 * MS,
        longest_delay: 500 * MS,
        late: 100,
        late_by: 5000 * MS,
        ..Weather::CALM
    };
    cluster.set_weather(Some(slow));
    (0..100).for_each(|number| send(&a, number, 10));
    cluster.set_weather(None);
    (100..200).for_each(|number| send(&a, number, 10));
    tokio::time::sleep(501 * MS).await;
    let on_time: Vec<usize> = std::iter::from_fn(|| on_b.try_recv())
        .map(|message| message.event.parse().unwrap())
        .collect();
    assert!(on_time.is_sorted(), "{on_time:?}");
    assert!(on_time.ends_with(&(100..200).collect::<Vec<_>>()));
    let late = all(&mut on_b).await;
    assert!((2..40).contains(&late.len()), "{late:?}");
    assert_eq!(on_time.len() + late.len(), 200);
}

#[tokio::test(start_paused = true)]
async fn a_slow_link_delays_and_its_queue_is_bounded() {
    let (cluster, a, mut on_b, _b) = two();
    cluster.limit(
        "b",
        Some(Bandwidth {
            bytes_a_second: 100_000,
            queue_bytes: 50_000,
        }),
    );
    let before = Instant::now();
    (0..100).for_each(|number| send(&a, number, 10_000 - 66));
    let mut came = 0;
    while let Ok(Some(_)) = tokio::time::timeout(1000 * MS, on_b.recv()).await {
        came += 1;
        let took = before.elapsed();
        let expected = came * 100 * MS;
        assert!(took.abs_diff(expected) < 5 * MS, "{came} took {took:?}");
    }
    // One passes, five fit into the queue, and one more is taken while it is not full.
    assert!((6..=7).contains(&came), "{came} came");
    cluster.limit("b", None);
    (0..100).for_each(|number| send(&a, number, 10_000));
    assert_eq!(all(&mut on_b).await.len(), 100);
}

#[tokio::test(start_paused = true)]
async fn what_is_on_its_way_to_a_crashed_node_does_not_reach_the_next_of_its_name() {
    let (cluster, a, mut on_old, _b) = two();
    cluster.set_weather(Some(Weather::CALM));
    send(&a, 1, 10);
    cluster.crash("b");
    let restarted = PubSub::with_adapter(cluster.join("b"));
    let mut on_new = restarted.receiver("t", 10);
    assert_eq!(all(&mut on_old).await, [] as [usize; 0]);
    assert_eq!(all(&mut on_new).await, [] as [usize; 0]);
    send(&a, 2, 10);
    assert_eq!(all(&mut on_new).await, [2]);
}

/// A subscriber that breaks its promise at the first message.
struct Panics;

impl Subscriber for Panics {
    fn deliver(&self, dispatch: &mut Dispatch<'_>) {
        let event = &*dispatch.message().event;
        assert_ne!(event, "0", "a panic which this test wants");
    }
}

#[tokio::test(start_paused = true)]
async fn a_subscriber_that_panics_costs_no_later_message() {
    let (cluster, a, mut on_b, b) = two();
    let _panics = b.subscribe("t", Arc::new(Panics));
    cluster.set_weather(Some(Weather {
        least_delay: MS,
        longest_delay: MS,
        ..Weather::CALM
    }));
    (0..3).for_each(|number| send(&a, number, 10));
    assert_eq!(all(&mut on_b).await, [0, 1, 2]);
}
