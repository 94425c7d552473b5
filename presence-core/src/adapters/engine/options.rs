//! The options that engines share: their defaults, their bounds, and [`OptionError`].

use std::fmt::Debug;
#[cfg(any(feature = "redis", feature = "zenoh"))]
use std::ops::RangeInclusive;

#[cfg(any(feature = "redis", feature = "zenoh"))]
use crate::pubsub::wire;

/// The default name of a cluster.
pub(in crate::adapters) const CLUSTER: &str = "presence";
/// The default limit of each class in an engine's outgoing queue, in bytes.
pub(in crate::adapters) const QUEUE_BYTES: usize = 8 * 1024 * 1024;
/// The default limit on a message, over an engine without a limit of its own, in bytes.
#[cfg(any(feature = "redis", feature = "zenoh"))]
pub(in crate::adapters) const MESSAGE_BYTES: usize = 8 * 1024 * 1024;

/// The smallest queue, in bytes. It has room for a few heartbeats.
const LEAST_QUEUE: usize = 1024;
/// The lowest limit on a message, in bytes. A tracker cuts its metas and names to parts of it, and
/// a lower limit leaves too little of them.
#[cfg(any(feature = "redis", feature = "zenoh"))]
const LEAST_MESSAGE: usize = 4 * 1024;

/// An option of an engine is out of its bounds, so the engine did not start.
///
/// Each engine's error has a variant `InvalidOption` that holds it.
///
/// # Examples
///
/// ```
/// # #[cfg(feature = "nats")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// use presence_core::adapters::{Nats, NatsError, NatsOptions};
///
/// let options = NatsOptions::new("node-a", "nats://10.0.0.5:4222").queue_bytes(0);
/// let Err(NatsError::InvalidOption(error)) = Nats::connect(options).await else {
///     unreachable!("no queue has 0 bytes");
/// };
/// assert_eq!(error.option(), "NatsOptions::queue_bytes");
/// assert_eq!(
///     error.to_string(),
///     "`NatsOptions::queue_bytes` is 0, and must be at least 1024"
/// );
/// # }
/// # #[cfg(not(feature = "nats"))]
/// # fn main() {}
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{option}` is {value}, and must be {bounds}")]
pub struct OptionError {
    option: &'static str,
    value: String,
    bounds: String,
}

impl OptionError {
    pub(in crate::adapters) fn new(
        option: &'static str,
        value: impl Debug,
        bounds: String,
    ) -> Self {
        Self {
            option,
            value: format!("{value:?}"),
            bounds,
        }
    }

    /// Returns the name of the option: its type and its setter, such as
    /// `ZenohOptions::max_message_bytes`.
    pub fn option(&self) -> &'static str {
        self.option
    }

    /// Returns the value that was refused. Periods have their unit, such as `50ms`.
    pub fn value(&self) -> &str {
        &self.value
    }

    /// Returns the bounds of the option, such as `from 4096 to 16777216`.
    pub fn bounds(&self) -> &str {
        &self.bounds
    }
}

/// Fails if the value of `option` is outside `bounds`.
#[cfg(any(feature = "redis", feature = "zenoh"))]
pub(in crate::adapters) fn within<T: Debug + PartialOrd>(
    option: &'static str,
    value: T,
    bounds: RangeInclusive<T>,
) -> Result<(), OptionError> {
    if bounds.contains(&value) {
        return Ok(());
    }
    let bounds = format!("from {:?} to {:?}", bounds.start(), bounds.end());
    Err(OptionError::new(option, value, bounds))
}

/// Fails if the value of `option` is below `least`.
pub(in crate::adapters) fn at_least<T: Debug + PartialOrd>(
    option: &'static str,
    value: T,
    least: T,
) -> Result<(), OptionError> {
    if value >= least {
        return Ok(());
    }
    let bounds = format!("at least {least:?}");
    Err(OptionError::new(option, value, bounds))
}

/// Fails if a queue of this size would drop nearly all messages.
pub(in crate::adapters) fn check_queue(
    option: &'static str,
    bytes: usize,
) -> Result<(), OptionError> {
    at_least(option, bytes, LEAST_QUEUE)
}

/// Fails if a message may be longer than a frame, or so short that a tracker has no use of it.
#[cfg(any(feature = "redis", feature = "zenoh"))]
pub(in crate::adapters) fn check_message(
    option: &'static str,
    bytes: usize,
) -> Result<(), OptionError> {
    within(option, bytes, LEAST_MESSAGE..=wire::MAX_FRAME)
}
