//! The options of replication: [`NodeOptions`], and the check of their bounds.

mod error;

use std::time::Duration;

pub use error::OptionError;
pub(crate) use error::{at_least, within};

pub(crate) const MS: Duration = Duration::from_millis(1);

/// The longest of all periods. Moments are sums of a few of them, which must not overflow.
pub(crate) const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The options of a node. [`TrackerOptions`](crate::tracker::TrackerOptions) documents each of
/// them, with its bounds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NodeOptions {
    pub(crate) pool_size: usize,
    pub(crate) diff_interval: Duration,
    pub(crate) delta_interval: Duration,
    pub(crate) broadcast_period: Duration,
    pub(crate) max_silent_periods: u32,
    pub(crate) down_period: Duration,
    pub(crate) permdown_period: Duration,
    pub(crate) suspect_period: Duration,
    pub(crate) chunk_bytes: usize,
    pub(crate) removal_log_bytes: usize,
    pub(crate) batch: usize,
    pub(crate) max_hidden: usize,
    pub(crate) max_answers: usize,
    pub(crate) max_replicas: usize,
}

impl Default for NodeOptions {
    fn default() -> Self {
        Self {
            pool_size: 8,
            diff_interval: Duration::from_millis(50),
            delta_interval: Duration::from_millis(5),
            broadcast_period: Duration::from_millis(1500),
            max_silent_periods: 10,
            down_period: Duration::from_secs(30),
            permdown_period: Duration::from_secs(20 * 60),
            suspect_period: Duration::from_secs(1),
            chunk_bytes: 48 * 1024,
            removal_log_bytes: 64 * 1024,
            batch: 2000,
            max_hidden: 100_000,
            max_answers: 4,
            max_replicas: 1024,
        }
    }
}

impl NodeOptions {
    /// The largest `chunk_bytes`. It leaves room for the largest presence: the unsent changes may
    /// be just below this size when that presence is added to their message.
    pub(crate) const MAX_CHUNK_BYTES: usize = 192 * 1024;

    /// Fails if an option is out of its bounds.
    pub(crate) fn check(&self) -> Result<(), OptionError> {
        let any = Duration::ZERO..=DAY;
        for (option, period, bounds) in [
            ("diff_interval", self.diff_interval, any.clone()),
            ("delta_interval", self.delta_interval, any.clone()),
            ("broadcast_period", self.broadcast_period, 10 * MS..=DAY),
            ("down_period", self.down_period, any.clone()),
            ("permdown_period", self.permdown_period, any),
            ("suspect_period", self.suspect_period, 100 * MS..=DAY),
        ] {
            within(option, period, bounds)?;
        }
        let silent_periods = self.max_silent_periods as usize;
        let log_bytes = self.removal_log_bytes;
        for (option, number, bounds) in [
            ("pool_size", self.pool_size, 1..=256),
            ("max_silent_periods", silent_periods, 1..=10_000),
            ("chunk_bytes", self.chunk_bytes, 256..=Self::MAX_CHUNK_BYTES),
            ("removal_log_bytes", log_bytes, 4 << 10..=64 << 20),
            ("batch", self.batch, 1..=1_000_000),
            ("max_hidden", self.max_hidden, 0..=10_000_000),
            ("max_answers", self.max_answers, 1..=64),
            ("max_replicas", self.max_replicas, 1..=65_536),
        ] {
            within(option, number, bounds)?;
        }
        self.check_order()
    }

    /// Fails if a period is too short for another one.
    fn check_order(&self) -> Result<(), OptionError> {
        let (down, permdown) = (self.down_period, self.permdown_period);
        let silent = self.broadcast_period * self.max_silent_periods;
        if down <= silent {
            let bounds =
                format!("longer than max_silent_periods times broadcast_period, {silent:?}");
            return Err(OptionError::new("down_period", down, bounds));
        }
        if permdown < down {
            let bounds = format!("at least down_period, {down:?}");
            return Err(OptionError::new("permdown_period", permdown, bounds));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
