//! The errors of tracking and updating a presence.

use crate::replication::set::MetaError;

/// [`Tracker::track`](crate::Tracker::track) failed. Nothing has changed.
#[derive(Debug, thiserror::Error)]
pub enum TrackError {
    /// The owner already has a presence under this key in this topic. Use `update` to change it.
    #[error("this owner already tracks this key in this topic; `update` changes its meta")]
    AlreadyTracked,
    /// The value cannot be a meta.
    #[error(transparent)]
    Meta(#[from] MetaError),
    /// The topic or the key is longer than 16,384 bytes, or too long for the engine.
    #[error("a topic or key of {bytes} bytes, where {limit} are allowed")]
    TooLong {
        /// The length of the longer of the two, in bytes.
        bytes: usize,
        /// The longest that either may be, in bytes.
        limit: usize,
    },
    /// The owner has the most presences that an owner may have in one tracker.
    #[error("this owner has {limit} presences already, as many as it may have")]
    TooManyPresences {
        /// The limit, [`max_presences_per_owner`](super::TrackerOptions::max_presences_per_owner).
        limit: usize,
    },
    /// The tracker was stopped.
    #[error("the tracker was stopped")]
    Stopped,
}

/// [`Tracker::update`](crate::Tracker::update) failed. Nothing has changed.
#[derive(Debug, thiserror::Error)]
pub enum UpdateError {
    /// The owner has no presence under this key in this topic: Phoenix's `nopresence`.
    #[error("this owner does not track this key in this topic; `track` does")]
    NotTracked,
    /// The new value cannot be a meta.
    #[error(transparent)]
    Meta(#[from] MetaError),
    /// The tracker was stopped.
    #[error("the tracker was stopped")]
    Stopped,
}
