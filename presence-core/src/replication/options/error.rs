//! [`OptionError`], and the checks that return it.

use std::fmt::Debug;
use std::ops::RangeInclusive;

/// An option of a tracker is out of its bounds, so the tracker did not start.
///
/// # Examples
///
/// ```
/// # use presence_core::{Presence, PubSub, Tracker};
/// # struct Online;
/// # impl Presence for Online {
/// #     const NAME: &str = "docs.online";
/// # }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// use presence_core::tracker::TrackerOptions;
///
/// let options = TrackerOptions::default().pool_size(0);
/// let Err(error) = Tracker::start_with(&PubSub::local(), Online, options) else {
///     unreachable!("no tracker has 0 shards");
/// };
/// assert_eq!(error.option(), "pool_size");
/// assert_eq!(
///     error.to_string(),
///     "`TrackerOptions::pool_size` is 0, and must be from 1 to 256"
/// );
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`TrackerOptions::{option}` is {value}, and must be {bounds}")]
pub struct OptionError {
    option: &'static str,
    value: String,
    bounds: String,
}

impl OptionError {
    pub(crate) fn new(option: &'static str, value: impl Debug, bounds: String) -> Self {
        Self {
            option,
            value: format!("{value:?}"),
            bounds,
        }
    }

    /// Returns the name of the option, which is the name of its setter, such as `pool_size`.
    pub fn option(&self) -> &'static str {
        self.option
    }

    /// Returns the value that was refused. Periods have their unit, such as `50ms`.
    pub fn value(&self) -> &str {
        &self.value
    }

    /// Returns the bounds of the option, such as `from 1 to 256`. If the bounds depend on another
    /// option, the text names that option.
    pub fn bounds(&self) -> &str {
        &self.bounds
    }
}

/// Fails if the value of `option` is outside `bounds`.
pub(crate) fn within<T: Debug + PartialOrd>(
    option: &'static str,
    value: T,
    bounds: RangeInclusive<T>,
) -> Result<(), OptionError> {
    if bounds.contains(&value) {
        return Ok(());
    }
    let (least, most) = (bounds.start(), bounds.end());
    let bounds = format!("from {least:?} to {most:?}");
    Err(OptionError::new(option, value, bounds))
}

/// Fails if the value of `option` is below `least`.
pub(crate) fn at_least<T: Debug + PartialOrd>(
    option: &'static str,
    value: T,
    least: T,
) -> Result<(), OptionError> {
    if value >= least {
        return Ok(());
    }
    Err(OptionError::new(
        option,
        value,
        format!("at least {least:?}"),
    ))
}
