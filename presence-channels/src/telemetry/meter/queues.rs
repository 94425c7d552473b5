//! Gauges of the frames and bytes that wait for clients. They are sampled, because counting would
//! cost every push and every write.

use std::sync::atomic::{AtomicI64, Ordering};

use crate::telemetry::instrument::{Gauge, Labels};

pub(super) struct Queues {
    bytes: Sum,
    frames: Sum,
}

impl Queues {
    pub(super) fn new(labels: Labels<'_>) -> Self {
        Self {
            bytes: Sum::new("presence_channels_queue_bytes", labels),
            frames: Sum::new("presence_channels_queue_frames", labels),
        }
    }

    pub(super) fn see(&self, bytes: usize, frames: usize) {
        self.bytes.seen.fetch_add(bytes as i64, Ordering::Relaxed);
        self.frames.seen.fetch_add(frames as i64, Ordering::Relaxed);
    }

    pub(super) fn tell(&self) {
        self.bytes.tell();
        self.frames.tell();
    }
}

/// A gauge that is set to a sum by the difference from the last sum, because other endpoints may
/// count in it, too.
struct Sum {
    gauge: Gauge,
    seen: AtomicI64,
    told: AtomicI64,
}

impl Sum {
    fn new(name: &'static str, labels: Labels<'_>) -> Self {
        Self {
            gauge: Gauge::new(name, labels),
            seen: AtomicI64::new(0),
            told: AtomicI64::new(0),
        }
    }

    fn tell(&self) {
        let seen = self.seen.swap(0, Ordering::Relaxed);
        let before = self.told.swap(seen, Ordering::Relaxed);
        if seen != before {
            self.gauge.change(seen - before);
        }
    }
}

impl Drop for Sum {
    fn drop(&mut self) {
        self.tell();
    }
}
