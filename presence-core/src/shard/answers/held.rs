//! The replicas that a shard can answer for.

use crate::crdt::{Clock, Gone, Origin, Replica, Writer};
use crate::shard::mirrors::Mirrors;

/// This node's replica, and the copies of others.
#[derive(Debug)]
pub(in crate::shard) struct Held<'a> {
    pub(in crate::shard) writer: &'a Writer,
    pub(in crate::shard) mirrors: &'a Mirrors,
}

impl Held<'_> {
    pub(super) fn is_own(&self, origin: &Origin) -> bool {
        **self.writer.replica().origin() == *origin
    }

    /// Returns a replica, if this node may answer for it.
    pub(super) fn get(&self, origin: &Origin) -> Option<&Replica> {
        match self.is_own(origin) {
            true => Some(self.writer.replica()),
            false => self.mirrors.served(origin),
        }
    }

    /// Returns the tags up to `from` that are gone from one of these replicas.
    pub(super) fn gone(&self, replica: &Replica, from: Clock) -> Gone {
        if replica.clock() <= from {
            // There is nothing more.
            return Gone::nothing();
        }
        match self.is_own(replica.origin()) {
            true => self.writer.gone(from),
            false => replica.gone(from),
        }
    }
}
