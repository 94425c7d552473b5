//! Judges whether a server stays as it is.

use serde_json::{Value, json};
use support::quantiles::Samples;

/// The figures of one interval.
#[derive(Clone, Copy, Debug)]
pub(super) struct Interval {
    pub(super) bytes_per_socket: f64,
    /// In microseconds.
    pub(super) p50: f64,
    pub(super) p99: f64,
    /// The sockets that were replaced since the beginning.
    pub(super) replaced: u64,
}

/// The last quarter of the intervals compared with the first quarter after a warm-up.
///
/// The warm-up is the first quarter, in which pools and tables grow to the size that the load
/// needs; and longer, up to half of the time, until the tracker's logs of removals are full. They
/// are bounded, and of a size that does not depend on the sockets: beside 1,000 sockets the logs
/// are a tenth of the memory.
#[derive(Debug)]
pub(super) struct Flatness {
    memory: Change,
    p50: Change,
    p99: Change,
}

/// The medians of two quarters.
#[derive(Clone, Copy, Debug)]
struct Change {
    before: f64,
    after: f64,
}

/// The removals after which the tracker's logs are full: 64 KiB of 16 bytes each, in 8 shards. The
/// topics are spread over the shards at random, so the last is full somewhat later.
const LOGGED: u64 = 8 * 4096 * 5 / 4;
/// The growth of the memory at which it is not flat.
const MEMORY: f64 = 1.05;
/// The growth of a latency at which it is not flat, beside [`NOISE`].
const LATENCY: f64 = 1.5;
/// A difference of latencies that a busy machine makes by itself, in microseconds.
const NOISE: f64 = 1_000.0;

impl Flatness {
    /// The fewest intervals that can be judged.
    pub(super) const FEWEST: usize = 4;

    pub(super) fn of(intervals: &[Interval]) -> Self {
        let quarter = intervals.len() / 4;
        let is_filling = |interval: &&Interval| interval.replaced < LOGGED;
        let filling = intervals.iter().take_while(is_filling).count();
        let warm_up = match filling {
            // They fill so slowly that it does not matter.
            filling if filling == intervals.len() => quarter,
            filling => filling.clamp(quarter, intervals.len() / 2),
        };
        let change = |figure: fn(&Interval) -> f64| {
            let median = |part: &[Interval]| {
                let mut samples = Samples::new(0.1);
                samples.extend(part.iter().map(figure));
                samples.median()
            };
            Change {
                before: median(&intervals[warm_up..warm_up + quarter]),
                after: median(&intervals[intervals.len() - quarter..]),
            }
        };
        Self {
            memory: change(|interval| interval.bytes_per_socket),
            p50: change(|interval| interval.p50),
            p99: change(|interval| interval.p99),
        }
    }

    pub(super) fn is_flat(&self) -> bool {
        let is_latency_flat = |change: Change| change.after <= change.before * LATENCY + NOISE;
        self.memory.after <= self.memory.before * MEMORY
            && is_latency_flat(self.p50)
            && is_latency_flat(self.p99)
    }

    pub(super) fn json(&self) -> Value {
        let pair = |change: Change| json!([change.before.round(), change.after.round()]);
        json!({
            "flat": self.is_flat(),
            "bytes_per_socket": pair(self.memory),
            "p50_us": pair(self.p50),
            "p99_us": pair(self.p99),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(figures: impl Fn(usize) -> (f64, f64)) -> bool {
        judged_with(0, figures)
    }

    /// Returns whether 60 intervals are flat, in each of which this number of sockets is replaced.
    fn judged_with(replaced: u64, figures: impl Fn(usize) -> (f64, f64)) -> bool {
        let intervals: Vec<_> = (0..60)
            .map(|number| {
                let (bytes_per_socket, p99) = figures(number);
                let p50 = 100.0;
                Interval {
                    bytes_per_socket,
                    p50,
                    p99,
                    replaced: replaced * (number as u64 + 1),
                }
            })
            .collect();
        Flatness::of(&intervals).is_flat()
    }

    #[test]
    fn what_grows_is_not_flat() {
        assert!(judged(|_| (4000.0, 2000.0)));
        assert!(!judged(|n| (4000.0 + 10.0 * n as f64, 2000.0)));
        assert!(!judged(|n| (4000.0, 2000.0 + 200.0 * n as f64)));
    }

    #[test]
    fn the_logs_of_removals_may_fill_and_then_nothing_may_grow() {
        // Full in the 27th of 60 intervals.
        let removed = LOGGED / 27;
        let log = |n: usize| 500.0 * (n as f64 / 26.0).min(1.0);
        assert!(judged_with(removed, |n| (4000.0 + log(n), 300.0)));
        let leak = |n: usize| 20.0 * n as f64;
        assert!(!judged_with(removed, |n| (
            4000.0 + log(n) + leak(n),
            300.0
        )));
        // Growth that goes on when the logs are full is not theirs.
        let late = |n: usize| 40.0 * n.clamp(20, 50) as f64;
        assert!(!judged_with(removed * 2, |n| (4000.0 + late(n), 300.0)));
    }

    #[test]
    fn the_begin_and_single_outliers_do_not_count() {
        assert!(judged(|n| match n {
            0..15 => (1000.0, 200.0),
            _ => (4000.0, 300.0),
        }));
        assert!(judged(|n| match n % 10 {
            0 => (4000.0, 90_000.0),
            _ => (4000.0, 300.0),
        }));
    }
}
