//! Why a presence was not tracked or updated.

use crate::crdt::MetaError;

/// Why [`Tracker::track`](crate::Tracker::track) did not track. Nothing has changed.
#[derive(Debug, thiserror::Error)]
pub enum TrackError {
    /// This owner has a presence under this key in this topic already. It can be updated.
    #[error("this owner already tracks this key in this topic; `update` changes its meta")]
    AlreadyTracked,
    /// The meta cannot be one.
    #[error(transparent)]
    Meta(#[from] MetaError),
    /// The topic or the key is longer than 16,384 bytes, or than the engine leaves room for.
    #[error("a topic or key of {bytes} bytes, where {limit} are allowed")]
    TooLong {
        /// The length of the longer of the two, in bytes.
        bytes: usize,
        /// The most that either may be.
        limit: usize,
    },
    /// The owner has as many presences as an owner may have in one tracker.
    #[error("this owner has {limit} presences already, as many as it may have")]
    TooManyPresences {
        /// The limit, [`max_presences_per_owner`](super::TrackerOptions::max_presences_per_owner).
        limit: usize,
    },
    /// The tracker was stopped.
    #[error("the tracker was stopped")]
    Stopped,
}

/// Why [`Tracker::update`](crate::Tracker::update) did not update. Nothing has changed.
#[derive(Debug, thiserror::Error)]
pub enum UpdateError {
    /// This owner has no presence under this key in this topic: Phoenix's `nopresence`.
    #[error("this owner does not track this key in this topic; `track` does")]
    NotTracked,
    /// The new meta cannot be one.
    #[error(transparent)]
    Meta(#[from] MetaError),
    /// The tracker was stopped.
    #[error("the tracker was stopped")]
    Stopped,
}
