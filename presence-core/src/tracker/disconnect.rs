//! The ends of connections, and the grace of what was tracked over them.

use std::time::Duration;

use crate::replication::options::DAY;

/// The end of an owner's connection, for [`Owner::disconnect`](super::Owner::disconnect).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Disconnect {
    /// It was lost: its user may be back in a moment.
    Lost,
    /// The client closed it. A page that reloads does so, and so does a user who goes.
    Closed,
}

/// The time for which presences stay when their owner's connection ends.
///
/// The user of a phone in a tunnel does not leave the room: within the grace the presence is shown
/// as before. A new track of the same key in the same topic, on any node, ends one entry in its
/// grace, the oldest. All see one diff, in which the new meta joins and the old one leaves. Without
/// a new track, the entry leaves at the end of the grace.
///
/// The default is no grace, as in Phoenix.
///
/// # Examples
///
/// ```
/// use presence_core::tracker::{DisconnectGrace, TrackerOptions};
/// use std::time::Duration;
///
/// // For phones that lose the network, and for pages that reload.
/// let grace = DisconnectGrace::of(Duration::from_secs(15)).on_close(true);
/// let options = TrackerOptions::default().disconnect_grace(grace);
/// # let _ = options;
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DisconnectGrace {
    pub(super) time: Duration,
    on_close: bool,
}

impl DisconnectGrace {
    /// No grace: presences end with their connection.
    pub const NONE: Self = Self::of(Duration::ZERO);

    /// A grace for connections that are [lost](Disconnect::Lost), of at most one day. A tracker's
    /// options refuse a longer time; elsewhere it counts as one day.
    #[must_use]
    pub const fn of(time: Duration) -> Self {
        Self {
            time,
            on_close: false,
        }
    }

    /// Sets whether connections that the client [closed](Disconnect::Closed) have the grace, too.
    /// Default: no.
    ///
    /// Set it if users often reload your pages. A user who closes the page then leaves only at the
    /// end of the grace.
    #[must_use]
    pub const fn on_close(mut self, on_close: bool) -> Self {
        self.on_close = on_close;
        self
    }

    /// Returns the time for which presences stay after this end, if they stay at all.
    pub(super) fn after(self, end: Disconnect) -> Option<Duration> {
        let has_grace = match end {
            Disconnect::Lost => true,
            Disconnect::Closed => self.on_close,
        };
        let time = self.time.min(DAY);
        Some(time).filter(|time| has_grace && !time.is_zero())
    }
}

impl From<Duration> for DisconnectGrace {
    fn from(time: Duration) -> Self {
        Self::of(time)
    }
}
