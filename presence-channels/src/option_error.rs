//! [`OptionError`], and the checks that return it.

use std::{
    fmt::{self, Debug},
    ops::RangeInclusive,
    time::Duration,
};

/// The shortest timeout that an option may set. Below it, a delay of the network or the scheduler
/// alone would end a client.
pub(crate) const SHORTEST_TIMEOUT: Duration = Duration::from_millis(100);

/// An option is out of its bounds, so the endpoint, or the server, did not start.
///
/// An endpoint returns it in [`StartError::InvalidOption`](crate::StartError::InvalidOption), a
/// server of [`serve`](crate::serve()) inside of its [`std::io::Error`].
///
/// # Examples
///
/// ```
/// use presence_channels::{Config, Endpoint, PubSub, StartError};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let config = Config::default().max_connections(0);
/// let Err(StartError::InvalidOption(error)) =
///     Endpoint::builder(PubSub::local()).start(config).await
/// else {
///     unreachable!("no endpoint has room for 0 connections");
/// };
/// assert_eq!(error.option(), "Config::max_connections");
/// assert_eq!(
///     error.to_string(),
///     "`Config::max_connections` is 0, and must be at least 1"
/// );
/// assert_eq!((error.value(), error.bounds()), ("0", "at least 1"));
/// assert_eq!(error.socket(), None);
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{option}`{} is {value}, and must be {bounds}", Place(socket.as_deref()))]
pub struct OptionError {
    option: &'static str,
    socket: Option<String>,
    value: String,
    bounds: String,
}

impl OptionError {
    pub(crate) fn new(option: &'static str, value: impl Debug, bounds: String) -> Self {
        Self {
            option,
            socket: None,
            value: format!("{value:?}"),
            bounds,
        }
    }

    /// Names the socket that has the option, by its path.
    pub(crate) fn of_socket(mut self, path: &str) -> Self {
        self.socket = Some(path.to_owned());
        self
    }

    /// Returns the name of the option: its type and its setter, such as `Limits::max_channels`.
    pub fn option(&self) -> &'static str {
        self.option
    }

    /// Returns the path of the socket that has the option. Returns `None` for an option of the
    /// endpoint or the server.
    pub fn socket(&self) -> Option<&str> {
        self.socket.as_deref()
    }

    /// Returns the value that was refused. Periods have their unit, such as `50ms`. Texts are in
    /// quotes.
    pub fn value(&self) -> &str {
        &self.value
    }

    /// Returns the bounds of the option, such as `at least 1` or `from 100ms to 3600s`.
    pub fn bounds(&self) -> &str {
        &self.bounds
    }
}

/// The socket of an option, for an error message.
struct Place<'a>(Option<&'a str>);

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(path) => write!(f, " of the socket at {path:?}"),
            None => Ok(()),
        }
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
    let bounds = format!("from {:?} to {:?}", bounds.start(), bounds.end());
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
    let bounds = format!("at least {least:?}");
    Err(OptionError::new(option, value, bounds))
}

/// Fails if the value of `option` is over `most`.
pub(crate) fn at_most<T: Debug + PartialOrd>(
    option: &'static str,
    value: T,
    most: T,
) -> Result<(), OptionError> {
    if value <= most {
        return Ok(());
    }
    let bounds = format!("at most {most:?}");
    Err(OptionError::new(option, value, bounds))
}
