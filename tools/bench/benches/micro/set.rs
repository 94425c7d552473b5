//! The replicated set, beside a map of the standard library and a copy of the same bytes.

use std::{
    collections::HashMap,
    hint::black_box,
    time::{Duration, Instant},
};

use criterion::{BatchSize, BenchmarkId, Criterion, SamplingMode};
use presence_core::fuzzing::Pair;

/// The presences that are held.
const SIZES: [u64; 4] = [1_000, 10_000, 100_000, 1_000_000];

/// The changes of a delta.
const CHANGES: u64 = 1000;

/// One change, or one read, with any number of presences held.
pub(crate) fn one(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("set-one");
    for size in SIZES {
        let id = |name: &str| BenchmarkId::new(name, size);
        let mut map = map_of(size);
        let mut next = size;
        group.bench_function(id("HashMap insert and remove"), |bencher| {
            bencher.iter(|| {
                map.insert(key(next), value(next));
                next += 1;
                map.remove(&key(next - size - 1))
            });
        });
        let mut pair = Pair::new(size);
        group.bench_function(id("track and untrack"), |bencher| {
            bencher.iter(|| {
                black_box(pair.track_one());
                pair.untrack_one()
            });
        });
        let pair = Pair::new(size);
        group.bench_function(id("count"), |bencher| bencher.iter(|| pair.count()));
        group.bench_function(id("list of 100"), |bencher| bencher.iter(|| pair.list()));
    }
    group.finish();
}

/// A delta of 1,000 changes from another node, with any number of presences held.
pub(crate) fn delta(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("set-delta");
    group.sample_size(20);
    for size in SIZES {
        let mut map = map_of(size);
        let mut next = size;
        group.bench_function(
            BenchmarkId::new("1,000 HashMap inserts and removes", size),
            |bencher| {
                bencher.iter(|| {
                    for _ in 0..CHANGES / 2 {
                        map.insert(key(next), value(next));
                        next += 1;
                        map.remove(&key(next - size - 1));
                    }
                });
            },
        );
        let pair = std::cell::RefCell::new(Pair::new(size));
        group.bench_function(BenchmarkId::new("delta of 1,000", size), |bencher| {
            bencher.iter_batched(
                || pair.borrow_mut().changes(CHANGES),
                |said| pair.borrow_mut().hear(&said),
                BatchSize::PerIteration,
            );
        });
    }
    group.finish();
}

/// All that another node tracks: hidden, shown, forgotten, and fetched.
pub(crate) fn all(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("set-all");
    group.sample_size(10).sampling_mode(SamplingMode::Flat);
    group.warm_up_time(Duration::from_millis(1));
    for size in SIZES {
        let id = |name: &str| BenchmarkId::new(name, size);
        group.bench_function(id("HashMap inserts"), |bencher| {
            bencher.iter(|| map_of(size));
        });
        let mut pair = Pair::new(size);
        let said = vec![1_u8; pair.join()];
        group.bench_function(id("memcpy of the snapshot"), |bencher| {
            bencher.iter(|| said.clone());
        });
        group.bench_function(id("snapshot"), |bencher| bencher.iter(|| pair.join()));
        group.bench_function(id("down"), |bencher| {
            bencher.iter_custom(|times| timed(times, &mut pair, Pair::down, Pair::up));
        });
        group.bench_function(id("up"), |bencher| {
            bencher.iter_custom(|times| {
                let mut took = Duration::ZERO;
                for _ in 0..times {
                    pair.down();
                    took += time(|| pair.up());
                }
                took
            });
        });
        group.bench_function(id("permdown"), |bencher| {
            bencher.iter_custom(|times| {
                let mut took = Duration::ZERO;
                for _ in 0..times {
                    pair.down();
                    took += time(|| pair.permdown());
                    pair.join();
                }
                took
            });
        });
        let visits = pair.take_most_visits_in_a_hold();
        println!("set-all/{size}: at most {visits} visits in a hold");
    }
    group.finish();
}

/// Times `what`, and undoes it with `back` each time.
fn timed(times: u64, pair: &mut Pair, what: fn(&mut Pair), back: fn(&mut Pair)) -> Duration {
    let mut took = Duration::ZERO;
    for _ in 0..times {
        took += time(|| what(pair));
        back(pair);
    }
    took
}

fn time(what: impl FnOnce()) -> Duration {
    let begun = Instant::now();
    what();
    begun.elapsed()
}

fn map_of(size: u64) -> HashMap<String, String> {
    let mut map = HashMap::new();
    for number in 0..size {
        map.insert(key(number), value(number));
    }
    map
}

fn key(number: u64) -> String {
    format!("room:{}:user:{number}", number / 100)
}

fn value(number: u64) -> String {
    format!("{{\"online_at\":{}}}", 1_700_000_000 + number)
}
