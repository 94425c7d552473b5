//! The bound on the bytes of answers that are on their way to this node at once.
//!
//! The window grows while answers come as fast as they did on an empty link, and shrinks when they
//! come later: then they wait in a queue, in which the app's messages wait as well. This is the
//! rule of congestion control by delay (TCP Vegas, RFC 6817 LEDBAT): the delay of a part beyond the
//! least delay seen is the time it has waited, and that time is kept near [`TARGET`].
//!
//! A process that gets no CPU for a while also handles parts late. That is no queue, and a smaller
//! window would not help. So a long delay only makes the window doubt: it does not grow meanwhile.
//! A part that was granted after the doubt began, and is late too, confirms the doubt (compare
//! RFC 9406, HyStart++).

use std::time::Duration;

/// The wait in queues that the window aims at.
const TARGET: Duration = Duration::from_millis(80);
/// The window of a node that knows nothing of its link, in bytes.
const FIRST: usize = 32 * 1024;
/// The smallest window, and the largest, in bytes.
const LEAST: usize = 16 * 1024;
const MOST: usize = 8 * 1024 * 1024;
/// The longest wait in queues that the window may cause at the measured rate.
const MOST_WAIT: Duration = Duration::from_millis(180);
/// The round trip of the farthest link that the window is made for.
const FARTHEST: Duration = Duration::from_millis(500);
/// The number of delays of which the least counts: one that came late alone, as after a turn of a
/// busy process, is no queue.
const RECENT: usize = 4;
/// The time over which the rate is measured.
const RATE_SPAN: Duration = Duration::from_millis(200);
/// The time after which the least delay is measured anew, because routes change.
const FORGET_AFTER: Duration = Duration::from_secs(20);
/// The bounds of the time that an answer may take.
const LEAST_PATIENCE: Duration = Duration::from_millis(500);
const MOST_PATIENCE: Duration = Duration::from_secs(5);
/// The longest time that a repeated request may take, unless all parts take longer.
const MOST_REPEATED_PATIENCE: Duration = Duration::from_millis(1200);

/// The window of one node, over all its shards and all replicas.
#[derive(Clone, Debug)]
pub(super) struct Window {
    /// In bytes.
    size: f64,
    /// The bytes that were granted, and have not come.
    under_way: usize,
    /// The least delays, of the present time span and of the one before.
    least: [Option<Duration>; 2],
    /// When the present time span ends.
    span_ends: Duration,
    /// The last delays.
    recent: [Option<Duration>; RECENT],
    /// The delay of late, smoothed.
    delay: Option<Duration>,
    rate: Rate,
    /// Set until there is a queue: the window doubles in each round trip.
    doubling: bool,
    /// The time since which parts have come late.
    late_since: Option<Duration>,
    /// The window shrinks once in a round trip.
    shrunk: Duration,
}

impl Default for Window {
    fn default() -> Self {
        Self {
            size: FIRST as f64,
            under_way: 0,
            least: [None; 2],
            span_ends: Duration::ZERO,
            recent: [None; RECENT],
            delay: None,
            rate: Rate::default(),
            doubling: true,
            late_since: None,
            shrunk: Duration::ZERO,
        }
    }
}

impl Window {
    /// Returns the bytes that may be granted now.
    pub(super) fn room(&self) -> usize {
        (self.size as usize).saturating_sub(self.under_way)
    }

    /// Returns whether nothing is on its way.
    pub(super) fn is_idle(&self) -> bool {
        self.under_way == 0
    }

    /// Returns the size in bytes that parts should have, so that several are under way.
    pub(super) fn part_bytes(&self, most: usize) -> usize {
        (self.size as usize / 4).clamp(4 * 1024, most.max(4 * 1024))
    }

    pub(super) fn grant(&mut self, bytes: usize) {
        self.under_way += bytes;
    }

    /// Gives back bytes that were granted: they have come, or will not come.
    pub(super) fn release(&mut self, bytes: usize) {
        self.under_way = self.under_way.saturating_sub(bytes);
    }

    /// A part of that many bytes came `delay` after it was granted.
    pub(super) fn arrived(&mut self, bytes: usize, delay: Duration, now: Duration) {
        // Before the part is released. A window that is not used says nothing of a larger one.
        let is_used = self.under_way as f64 * 2.0 >= self.size;
        let least = self.least_delay(delay, now);
        let smoothed = self.delay.get_or_insert(delay);
        *smoothed = (*smoothed * 7 + delay) / 8;
        self.recent.rotate_right(1);
        self.recent[0] = Some(delay);
        let sure = self.recent.iter().flatten().min().copied();
        let queued = sure.unwrap_or(delay).saturating_sub(least);
        let is_queue = self.confirms(queued, delay, now);
        self.rate.arrived(bytes, now);
        let bytes = bytes as f64;
        let (queued, target) = (queued.as_secs_f64(), TARGET.as_secs_f64());
        if self.doubling {
            if is_queue {
                self.doubling = false;
            } else if is_used && self.late_since.is_none() {
                self.size += bytes;
            }
        } else if queued <= target {
            if is_used {
                // A part of the window's own size in a round trip, less as the queue fills, and
                // less over a far link, which shows the queue late.
                let off = (target - queued) / target;
                let gain = 0.3 * target / (least.as_secs_f64() + target);
                self.size += off * bytes * gain.max(0.05);
            }
        } else if is_queue && now >= self.shrunk + delay {
            self.shrunk = now;
            let least = least.as_secs_f64();
            let kept = (least + target) / (least + queued);
            self.size *= kept.max(0.5);
        }
        // Whatever the delays say: what is under way fits the link. Twice as much while the window
        // doubles, for the rate follows it.
        if let Some(rate) = self.rate.bytes_a_second.filter(|_| is_used) {
            let most = rate * (least.min(FARTHEST) + MOST_WAIT).as_secs_f64();
            self.size = self.size.min(if self.doubling { 2.0 * most } else { most });
        }
        self.bound();
    }

    /// Returns whether parts are late because they wait in a queue. The last one was granted
    /// `delay` ago.
    fn confirms(&mut self, queued: Duration, delay: Duration, now: Duration) -> bool {
        if queued <= TARGET / 2 {
            self.late_since = None;
            return false;
        }
        let since = *self.late_since.get_or_insert(now);
        now.saturating_sub(delay) >= since
    }

    /// Something granted did not come in time.
    pub(super) fn lost(&mut self, now: Duration) {
        self.doubling = false;
        if now >= self.shrunk + self.delay.unwrap_or_default() {
            self.shrunk = now;
            self.size /= 2.0;
            self.bound();
        }
    }

    /// Returns the time that an answer may take.
    ///
    /// It follows the least of the last delays: one message that came late, as from before an
    /// outage, is no reason to wait for long.
    pub(super) fn patience(&self) -> Duration {
        let delay = self.recent.iter().flatten().min();
        let usual = delay.copied().unwrap_or_default() * 4;
        usual.clamp(LEAST_PATIENCE, MOST_PATIENCE)
    }

    /// Returns the time that an answer may take after some requests that led to nothing. It grows
    /// with their number, but not for long: the node that was asked may be cut off, and back
    /// already.
    pub(super) fn repeated_patience(&self, fruitless: u32) -> Duration {
        let usual = self.patience();
        (usual * (1 + fruitless)).min(usual.max(MOST_REPEATED_PATIENCE))
    }

    fn bound(&mut self) {
        self.size = self.size.clamp(LEAST as f64, MOST as f64);
    }

    fn least_delay(&mut self, delay: Duration, now: Duration) -> Duration {
        if now >= self.span_ends {
            self.span_ends = now + FORGET_AFTER;
            self.least = [None, self.least[0]];
        }
        let present = self.least[0].get_or_insert(delay);
        *present = delay.min(*present);
        let least = *present;
        self.least[1].map_or(least, |earlier| earlier.min(least))
    }
}

/// The rate at which parts arrive.
#[derive(Clone, Debug, Default)]
struct Rate {
    bytes_a_second: Option<f64>,
    /// The bytes of the present time span, and when it began.
    bytes: usize,
    since: Duration,
    last: Duration,
}

impl Rate {
    fn arrived(&mut self, bytes: usize, now: Duration) {
        if now > self.last + RATE_SPAN * 2 {
            // Nothing came for a while, which says nothing of the link.
            *self = Self {
                since: now,
                ..Self::default()
            };
        }
        self.last = now;
        self.bytes += bytes;
        let span = now.saturating_sub(self.since);
        if span >= RATE_SPAN {
            self.bytes_a_second = Some(self.bytes as f64 / span.as_secs_f64());
            self.bytes = 0;
            self.since = now;
        }
    }
}
