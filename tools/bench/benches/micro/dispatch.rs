use std::{
    hint::black_box,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
};

use criterion::{BenchmarkId, Criterion, Throughput};
use presence_core::pubsub::{Broadcast, Dispatch, Payload, PubSub, Subscriber, Subscription};

/// The subscribers of a topic.
const SIZES: [u64; 4] = [1, 100, 10_000, 100_000];
const TOPIC: &str = "room:lobby";

/// Does the least that a subscriber can do.
#[derive(Default)]
struct Count(AtomicU64);

impl Subscriber for Count {
    fn deliver(&self, dispatch: &mut Dispatch<'_>) {
        let bytes = dispatch.message().payload.bytes().len();
        // Not an atomic addition: each subscriber has its own number, and one writer.
        let sum = self.0.load(Ordering::Relaxed) + bytes as u64;
        self.0.store(sum, Ordering::Relaxed);
    }
}

fn topic_of(pubsub: &PubSub, size: u64) -> Vec<Subscription> {
    (0..size)
        .map(|_| pubsub.subscribe(TOPIC, Arc::<Count>::default()))
        .collect()
}

fn message() -> Broadcast {
    Broadcast::new(TOPIC, "shout", Payload::Json("{}".into()))
}

/// A broadcast to a topic, without any client.
pub(crate) fn dispatch(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("dispatch");
    for size in SIZES {
        let pubsub = PubSub::local();
        let _subscriptions = topic_of(&pubsub, size);
        group.throughput(Throughput::Elements(size));
        group.bench_function(BenchmarkId::from_parameter(size), |bencher| {
            bencher.iter(|| pubsub.broadcast(black_box(message())));
        });
    }
    group.finish();
}

/// A subscription that begins and ends, while another thread broadcasts to the topic all the time.
pub(crate) fn subscribe_during_a_dispatch(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("subscribe during a dispatch");
    for size in SIZES {
        let pubsub = PubSub::local();
        let _subscriptions = topic_of(&pubsub, size);
        let stop = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    let _ = pubsub.broadcast(message());
                }
            });
            group.bench_function(BenchmarkId::from_parameter(size), |bencher| {
                bencher.iter(|| pubsub.subscribe(TOPIC, Arc::<Count>::default()));
            });
            stop.store(true, Ordering::Relaxed);
        });
    }
    group.finish();
}
