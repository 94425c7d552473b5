//! The identities in the set: replica names, incarnations, clocks, and the tags made of them.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// The name of a replica, which is the name of its node.
///
/// Two live nodes must not share one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ReplicaName(Arc<str>);

impl ReplicaName {
    /// Names a replica.
    pub(crate) fn new(name: impl Into<Arc<str>>) -> Self {
        Self(name.into())
    }

    /// Returns the name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ReplicaName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One start of a replica.
///
/// Ordered by wall clock, then by nonce: a later start supersedes an earlier one, and two starts in
/// the same millisecond still differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Incarnation {
    /// The time of the start, in milliseconds of Unix time by the replica's own clock.
    pub started_ms: u64,
    /// A random number, drawn at the start.
    pub nonce: u64,
}

impl Incarnation {
    /// Returns an incarnation above both, for a replica that learned of `other` as its own.
    ///
    /// The nonce is made of the old nonce and of `salt`, which should never be the same twice: a
    /// machine that is restored again and again must not reuse an earlier incarnation.
    #[must_use]
    pub(crate) fn above(self, other: Self, salt: u64) -> Self {
        Self {
            started_ms: self.started_ms.max(other.started_ms).saturating_add(1),
            nonce: xxh3_64_with_seed(&self.nonce.to_le_bytes(), salt),
        }
    }
}

impl fmt::Display for Incarnation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{:016x}", self.started_ms, self.nonce)
    }
}

/// The number of changes that a replica has made in its incarnation.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Clock(u64);

impl Clock {
    /// The clock of a replica before its first change.
    pub(crate) const ZERO: Self = Self(0);
    /// The end of every range of clocks.
    pub(crate) const MAX: Self = Self(u64::MAX);

    /// Returns the clock after `changes` changes.
    #[must_use]
    pub(crate) const fn new(changes: u64) -> Self {
        Self(changes)
    }

    /// Returns the clock one change later.
    #[must_use]
    pub(crate) fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// Returns the clock one change earlier. [`Clock::ZERO`] stays.
    #[must_use]
    pub(crate) fn before(self) -> Self {
        Self(self.0.saturating_sub(1))
    }

    /// Returns the number of changes.
    pub fn get(self) -> u64 {
        self.0
    }
}

/// The origin of tags: a replica in one of its incarnations.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Origin {
    /// The replica.
    pub name: ReplicaName,
    /// The start of the replica.
    pub incarnation: Incarnation,
}

/// The identity of one entry: its origin and the clock of the change that added it.
///
/// Ordered by origin, then oldest first. The origin is shared by all tags of one, so a tag is two
/// words.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Tag {
    /// The replica that added the entry.
    pub(crate) origin: Arc<Origin>,
    /// The change that added the entry.
    pub(crate) clock: Clock,
}
