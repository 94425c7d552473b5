//! The ends of a channel.

use presence_core::tracker::Disconnect;

use crate::telemetry::Crash;

/// The reason that a channel ends, for [`terminate`](crate::Channel::terminate).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TerminateReason {
    /// The client left the topic.
    Left,
    /// The client's connection ended: closed, lost, or the server stops.
    Closed,
    /// The client joined the topic again; the new channel begins when this one has ended.
    Rejoined,
    /// The app ended the user's channel: [`Endpoint::kick`](crate::Endpoint::kick).
    Kicked,
    /// The channel stopped itself: [`stop`](crate::stop), [`Socket::stop`](crate::Socket::stop).
    Stopped,
    /// The channel stopped itself because something is wrong:
    /// [`stop_with_error`](crate::stop_with_error), or an event it does not know.
    Failed(String),
    /// A callback panicked; this is the message. The channel's state is as the panic left it.
    Panicked(String),
    /// A callback took longer than [`Config::handler_timeout`](crate::Config::handler_timeout), and
    /// was dropped where it waited.
    TimedOut,
}

/// The message that tells a client about the end of one of its channels.
pub(super) enum Farewell {
    /// `phx_close`: it ended as it should.
    Close,
    /// `phx_error`: phoenix.js joins again.
    Error,
    /// No message: the client is gone, or the new channel sends it.
    None,
}

impl TerminateReason {
    /// Returns `None` if the channel did not crash.
    pub(super) fn crash(&self) -> Option<Crash> {
        match self {
            Self::Panicked(_) => Some(Crash::Panicked),
            Self::TimedOut => Some(Crash::TimedOut),
            Self::Failed(_) => Some(Crash::Failed),
            _ => None,
        }
    }

    /// Returns the end of the connection for the channel's presences. `None`: they end at once.
    /// `connection` is the end of the client's connection.
    pub(super) fn disconnect(&self, connection: Option<Disconnect>) -> Option<Disconnect> {
        match self {
            Self::Closed => connection,
            // The client joins again.
            Self::Failed(_) | Self::Panicked(_) | Self::TimedOut | Self::Rejoined => {
                Some(Disconnect::Lost)
            }
            Self::Left | Self::Kicked | Self::Stopped => None,
        }
    }

    pub(super) fn farewell(&self) -> Farewell {
        match self {
            Self::Left | Self::Kicked | Self::Stopped => Farewell::Close,
            Self::Failed(_) | Self::Panicked(_) | Self::TimedOut => Farewell::Error,
            Self::Closed | Self::Rejoined => Farewell::None,
        }
    }
}
