//! The work that counting is.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use metrics::{
    Counter, CounterFn, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit,
};
use presence_channels::{Config, Limits, Payload, PubSub, telemetry::FilterParameters, testing};
use presence_core::pubsub::Broadcast;
use sample_app::UserSocket;
use serde_json::json;

use crate::{
    app::{start, start_on},
    limits::{Engine, join_by_websocket},
};

const MESSAGES_OUT: &str = "presence_channels_messages_out_total";
const LIMITS: &str = "presence_channels_limits_total";

/// The calls and the sum of one counter.
#[derive(Default)]
struct Calls {
    calls: AtomicU64,
    sum: AtomicU64,
}

impl Calls {
    fn take(&self) -> (u64, u64) {
        let take = |number: &AtomicU64| number.swap(0, Ordering::Relaxed);
        (take(&self.calls), take(&self.sum))
    }
}

impl CounterFn for Calls {
    fn increment(&self, value: u64) {
        self.calls.fetch_add(1, Ordering::Relaxed);
        self.sum.fetch_add(value, Ordering::Relaxed);
    }

    fn absolute(&self, _: u64) {}
}

/// Records the counter of one name, whatever its labels, and nothing else.
struct OneCounter(&'static str, Arc<Calls>);

impl Recorder for OneCounter {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        match key.name() {
            name if name == self.0 => Counter::from_arc(self.1.clone()),
            _ => Counter::noop(),
        }
    }

    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::noop()
    }

    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}

#[tokio::test(start_paused = true)]
async fn a_broadcast_is_counted_by_one_call_whatever_the_number_of_its_clients() {
    const CLIENTS: u64 = 100;
    let calls = Arc::new(Calls::default());
    let recorder = OneCounter(MESSAGES_OUT, calls.clone());
    let _guard = metrics::set_default_local_recorder(&recorder);
    let endpoint = start(FilterParameters::default()).await;
    let mut clients = Vec::new();
    for _ in 0..CLIENTS {
        let client = testing::connect::<UserSocket>(&endpoint, json!({}));
        let client = client.await.unwrap();
        clients.push(client.join("room:1", json!({})).await.unwrap());
    }
    assert_eq!(calls.take(), (CLIENTS, CLIENTS), "the replies to the joins");
    for _ in 0..3 {
        endpoint.broadcast("room:1", "shout", json!({})).unwrap();
        assert_eq!(calls.take(), (1, CLIENTS));
    }
}

#[tokio::test]
async fn a_broadcast_that_is_dropped_is_counted_by_one_call_a_transport() {
    const CLIENTS: u64 = 20;
    let calls = Arc::new(Calls::default());
    let recorder = OneCounter(LIMITS, calls.clone());
    let _guard = metrics::set_default_local_recorder(&recorder);
    let engine = Engine::default();
    let pubsub = PubSub::with_adapter(engine.clone());
    let config = Config::default().max_unflushed_bytes(1);
    let endpoint = start_on(pubsub, config, Limits::default()).await;
    let mut clients = Vec::new();
    for _ in 0..CLIENTS {
        let client = testing::connect::<UserSocket>(&endpoint, json!({}));
        let client = client.await.unwrap();
        clients.push(client.join("quiet", json!({})).await.unwrap());
    }
    let _client = join_by_websocket(&endpoint).await;
    let payload = Payload::encode(&json!({})).unwrap();
    let news = Broadcast::new("quiet", "news", payload);
    // The first waits for the flusher, because this task does not wait.
    engine.deliver(&news);
    assert_eq!(calls.take(), (0, 0));
    engine.deliver(&news);
    assert_eq!(calls.take(), (2, CLIENTS + 1));
}
