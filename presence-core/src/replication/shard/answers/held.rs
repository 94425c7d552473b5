//! The replicas that a shard can answer for.

use crate::replication::set::{Clock, Gone, Origin, Replica, Writer};
use crate::replication::shard::copies::Copies;

/// This node's replica, and the copies of others.
#[derive(Debug)]
pub(in crate::replication::shard) struct Held<'a> {
    pub(in crate::replication::shard) writer: &'a Writer,
    pub(in crate::replication::shard) copies: &'a Copies,
}

impl Held<'_> {
    pub(super) fn is_own(&self, origin: &Origin) -> bool {
        **self.writer.replica().origin() == *origin
    }

    /// Returns a replica, if this node may answer for it.
    pub(super) fn get(&self, origin: &Origin) -> Option<&Replica> {
        match self.is_own(origin) {
            true => Some(self.writer.replica()),
            false => self.copies.served(origin),
        }
    }

    /// Returns whether an answer may begin with what is held of a replica.
    pub(super) fn is_settled(&self, origin: &Origin) -> bool {
        self.is_own(origin) || !self.copies.owes(&origin.name)
    }

    /// Returns the tags up to `from` that are gone from one of these replicas, if that is known
    /// without a walk.
    pub(super) fn gone(&self, replica: &Replica, from: Clock) -> Option<Gone> {
        if from == Clock::ZERO || replica.clock() <= from {
            // There was nothing yet, or there is nothing more.
            return Some(Gone::nothing());
        }
        self.is_own(replica.origin())
            .then(|| self.writer.logged(from))?
    }
}
