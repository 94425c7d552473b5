use std::time::Duration;

/// The time that a token is valid, from when it was signed. A [`Duration`] converts into it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MaxAge {
    /// A number of seconds. With 0, a token has always expired.
    Seconds(u64),
    /// For ever.
    Infinity,
}

/// A day, as in Phoenix.
impl Default for MaxAge {
    fn default() -> Self {
        Self::Seconds(86_400)
    }
}

/// Parts of a second count as a whole one: a token knows no parts.
impl From<Duration> for MaxAge {
    fn from(duration: Duration) -> Self {
        let started = u64::from(duration.subsec_nanos() > 0);
        Self::Seconds(duration.as_secs().saturating_add(started))
    }
}
