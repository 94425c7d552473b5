//! The frames that a group of clients receives, and how long they took.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    time::{Duration, Instant},
};

use anyhow::bail;
use support::quantiles::Samples;
use tokio::sync::Notify;

/// The longest wait for frames that are due.
const PATIENCE: Duration = Duration::from_secs(60);
/// The unit of latencies, in seconds.
const MICROSECOND: f64 = 1e-6;

/// The latencies of several groups, in seconds.
#[derive(Clone)]
pub(crate) struct Latencies(Rc<RefCell<Samples>>);

impl Latencies {
    pub(crate) fn new() -> Self {
        Self(Rc::new(RefCell::new(Samples::new(MICROSECOND))))
    }

    /// Returns the samples so far, and begins anew.
    pub(crate) fn take(&self) -> Samples {
        self.0.replace(Samples::new(MICROSECOND))
    }
}

/// The number of frames that a group of clients has received.
#[derive(Clone, Default)]
pub(crate) struct Counter(Rc<Count>);

#[derive(Default)]
struct Count {
    frames: Cell<u64>,
    changed: Notify,
    timing: RefCell<Option<Timing>>,
    /// Raised with each [`Timing`], so that a client begins to count its frames again.
    epoch: Cell<u64>,
}

/// Messages of which each client of the group gets one frame, in order.
struct Timing {
    sent: Vec<Instant>,
    latencies: Latencies,
}

/// The number of frames of one client since the timing began.
#[derive(Default)]
pub(crate) struct Seen {
    epoch: u64,
    frames: usize,
}

impl Counter {
    /// Adds the frames of one client.
    pub(crate) fn add(&self, frames: u64, seen: &mut Seen) {
        if frames == 0 {
            return;
        }
        if let Some(timing) = &*self.0.timing.borrow() {
            if seen.epoch != self.0.epoch.get() {
                *seen = Seen {
                    epoch: self.0.epoch.get(),
                    frames: 0,
                };
            }
            let now = Instant::now();
            let mut latencies = timing.latencies.0.borrow_mut();
            let those = timing.sent.iter().skip(seen.frames).take(frames as usize);
            latencies.extend(those.map(|sent| now.duration_since(*sent).as_secs_f64()));
            seen.frames += frames as usize;
        }
        self.0.frames.set(self.0.frames.get() + frames);
        self.0.changed.notify_one();
    }

    /// Measures from now on how long each frame takes from its [`sent`](Self::sent).
    pub(crate) fn begin_timing(&self, latencies: &Latencies) {
        self.0.epoch.set(self.0.epoch.get() + 1);
        *self.0.timing.borrow_mut() = Some(Timing {
            sent: Vec::new(),
            latencies: latencies.clone(),
        });
    }

    /// Notes that a message is sent now, of which each client gets one frame.
    pub(crate) fn sent(&self) {
        if let Some(timing) = &mut *self.0.timing.borrow_mut() {
            timing.sent.push(Instant::now());
        }
    }

    /// Waits until the group has received `frames` since its start.
    pub(crate) async fn reach(&self, frames: u64) -> anyhow::Result<()> {
        let until = Instant::now() + PATIENCE;
        while self.get() < frames {
            let left = until.saturating_duration_since(Instant::now());
            let changed = self.0.changed.notified();
            if tokio::time::timeout(left, changed).await.is_err() {
                bail!(
                    "received {} of {frames} frames within {PATIENCE:?}",
                    self.get()
                );
            }
        }
        Ok(())
    }

    /// Waits until no frame has come for `time`.
    pub(crate) async fn quiet(&self, time: Duration) {
        while tokio::time::timeout(time, self.0.changed.notified())
            .await
            .is_ok()
        {}
    }

    /// Returns the number of frames since the start.
    pub(crate) fn get(&self) -> u64 {
        self.0.frames.get()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_client_is_timed_by_its_own_frames() {
        let counter = Counter::default();
        let (mut one, mut other) = (Seen::default(), Seen::default());
        counter.add(5, &mut one);
        let latencies = Latencies::new();
        counter.begin_timing(&latencies);
        counter.sent();
        std::thread::sleep(Duration::from_millis(20));
        counter.sent();
        counter.add(1, &mut one);
        counter.add(2, &mut other);
        // Not of a message that was timed.
        counter.add(1, &mut other);
        assert_eq!(counter.get(), 9);
        let latencies = latencies.take();
        assert_eq!(latencies.len(), 3);
        // One and other got the first message, and other the second, which was sent 20 ms later.
        // A busy machine adds the same to both, and a histogram rounds.
        assert!(latencies.max() >= 0.02);
        assert!(latencies.max() - latencies.min() >= 0.015);
    }
}
