//! Why a shard did not do what it was asked.

/// Why a shard did not track. Nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TrackRefused {
    /// The owner has a presence under this key in this topic; it can be updated.
    AlreadyTracked,
    /// The shard was stopped.
    Stopped,
}

/// Why a shard did not update. Nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum UpdateRefused {
    /// The owner has no presence under this key in this topic.
    NotTracked,
    /// The presence is not the one expected: it was updated, or tracked anew, meanwhile.
    Changed,
    /// The shard was stopped.
    Stopped,
}
