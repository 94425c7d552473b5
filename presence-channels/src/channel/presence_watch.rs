//! [`PresenceWatch`].

use presence_core::pubsub::{Interest, Payload};
use serde::Deserialize;

use super::JoinError;

/// The changes of a topic's presence that a member gets.
///
/// In a large room most members need no list: a number is enough, or nothing at all. The client
/// chooses in its join, and the channel passes the choice to
/// [`Socket::watch_presence`](crate::Socket::watch_presence).
///
/// It deserializes from `"full"`, `"count"` and `"none"`, as a field of your own join params too.
///
/// # Examples
/// ```
/// use presence_channels::{Payload, PresenceWatch};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let params = Payload::Json(r#"{"presence": "count"}"#.into());
/// assert_eq!(PresenceWatch::from_params(&params).ok(), Some(PresenceWatch::Count));
/// assert_eq!(PresenceWatch::from_params(&Payload::empty()).ok(), Some(PresenceWatch::Full));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum PresenceWatch {
    /// The member gets each `presence_diff`, as in Phoenix. Its channel pushes `presence_state`.
    #[default]
    Full,
    /// The member gets `presence_count` with `{"count": 42}`, the number of distinct keys: once
    /// after the join's reply, and then on each change, at most once per
    /// [`count_interval`](crate::tracker::TrackerOptions::count_interval). It gets no
    /// `presence_diff`.
    Count,
    /// The member gets neither.
    None,
}

/// The join params that [`PresenceWatch::from_params`] reads.
#[derive(Deserialize)]
struct Params {
    #[serde(default)]
    presence: PresenceWatch,
}

impl PresenceWatch {
    /// Returns the member's choice from the join param `presence`. Without that param, it is
    /// [`PresenceWatch::Full`].
    ///
    /// # Errors
    /// A [`JoinError`] for the client, if the param is something else than `"full"`, `"count"` or
    /// `"none"`.
    pub fn from_params(params: &Payload) -> Result<Self, JoinError> {
        // Params that are no object have no such param.
        let text = params.bytes().trim_ascii_start();
        if matches!(params, Payload::Binary(_)) || !text.starts_with(b"{") {
            return Ok(Self::Full);
        }
        let parsed = params.json::<Params>();
        parsed
            .map(|params| params.presence)
            .map_err(|_| JoinError::new("presence must be \"full\", \"count\" or \"none\""))
    }

    pub(super) fn interest(self) -> Interest {
        match self {
            Self::Full => Interest::All,
            Self::Count => Interest::Counts,
            Self::None => Interest::WithoutDiffs,
        }
    }
}
