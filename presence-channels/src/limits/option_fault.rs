//! Checks of options, as an endpoint starts.

use std::{fmt::Debug, time::Duration};

/// The shortest timeout that an option may set. Below it, a delay of the network or the scheduler
/// alone would end a client.
pub(crate) const SHORTEST_TIMEOUT: Duration = Duration::from_millis(100);

/// An option whose value makes no sense.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct OptionFault {
    /// The type and the setter, as `Limits::max_channels`.
    pub(crate) option: &'static str,
    pub(crate) why: String,
}

impl OptionFault {
    pub(crate) fn at_least<T: PartialOrd + Debug>(
        option: &'static str,
        value: T,
        least: T,
    ) -> Result<(), Self> {
        match value >= least {
            true => Ok(()),
            false => Err(Self {
                option,
                why: format!("{value:?} is below the least value, {least:?}"),
            }),
        }
    }

    pub(crate) fn at_most<T: PartialOrd + Debug>(
        option: &'static str,
        value: T,
        most: T,
    ) -> Result<(), Self> {
        match value <= most {
            true => Ok(()),
            false => Err(Self {
                option,
                why: format!("{value:?} is over the largest value, {most:?}"),
            }),
        }
    }
}
