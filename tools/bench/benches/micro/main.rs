//! Benchmarks of the parts that every message passes: `cargo xtask bench --micro`.

#![allow(
    missing_docs,
    reason = "Criterion's macros make functions without docs"
)]
#![allow(
    clippy::print_stdout,
    reason = "a benchmark talks to its user on the terminal"
)]

mod dispatch;
mod routes;
mod serializers;
mod set;

use criterion::{criterion_group, criterion_main};

criterion_group!(
    benches,
    serializers::decode,
    serializers::encode,
    dispatch::dispatch,
    dispatch::subscribe_during_a_dispatch,
    routes::topic_match,
    set::one,
    set::delta,
    set::all,
);
criterion_main!(benches);
