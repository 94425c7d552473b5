//! The replicated set: who is where, held by every node, the same on all of them in the end.
//!
//! Every node has a **replica** of its own: the presences of its own sockets. It holds copies of
//! the replicas of all others, and shows the union. A replica has a name (its node's), an
//! [`Incarnation`] (which start of the node) and a [`Clock`] (how many changes it has made). Every
//! entry has a [`Tag`]: (name, incarnation, clock of the change that added it).
//!
//! **The invariant: what a node holds of (name, incarnation) at clock c is exactly what that
//! replica held at c.** [`Replica`] has no way to move its clock without its entries.
//! [`Replica::check`] is a number over the entries, by which a node notices that the invariant was
//! broken.
//!
//! # The rules
//!
//! `docs/algorithm.md` has each rule with the run that goes wrong without it, its test and its
//! mutant. Tests and mutants name the rules by these numbers. This module keeps the first four:
//!
//! 1. One writer a replica, one step a change ([`Writer`]).
//! 2. Clock and entries move in one step ([`Replica::apply`]).
//! 3. A delta speaks of every tag in its range ([`Delta`]).
//! 4. A snapshot is a delta from zero ([`Changes`]).
//!
//! [`membership`](super::membership) keeps the next three:
//!
//! 5. A replica introduces itself.
//! 6. A new start is a new incarnation, and the higher one wins ([`Incarnation::above`]).
//! 7. Contents merge, judgements do not.
//!
//! [`node`](super::node) and [`shard`](super::shard) keep the others: 8, changes travel at once; 9,
//! heartbeats find whatever is missing; 10, suspect, down, forgotten; 11, a grace for who leaves in
//! order; 12, a read sees the writes of its node; 13, a diff is net and a list seals; 14, versions;
//! 15, catching up is pulled; 16, classes of traffic; 17, nothing waits for the outside; 18, a
//! change of k entries visits k entries.
//!
//! # Costs
//!
//! A change of k entries costs its sender and each receiver work for k entries, whatever the set
//! holds. An entry is held once a node, with its texts shared. Comparing two nodes that agree costs
//! 8 bytes a heartbeat.

mod changes;
mod debt;
mod delta;
mod entry;
mod meta;
mod phx_ref;
mod removals;
mod replica;
mod tag;
pub(crate) mod visits;
mod writer;

#[cfg(test)]
mod tests;

pub(crate) use changes::Changes;
pub(crate) use debt::Debt;
pub(crate) use delta::{Delta, DeltaError, Gone, Run, add_to_runs};
pub(crate) use entry::{Content, Entry, OwnerId, Ownership};
pub(crate) use meta::MetaBody;
pub use meta::{Meta, MetaError};
pub use phx_ref::PhxRef;
pub(crate) use phx_ref::PhxRefs;
pub(crate) use replica::{Applied, NotApplied, Replica};
pub(crate) use tag::Tag;
pub use tag::{Clock, Incarnation, Origin, ReplicaName};
pub(crate) use writer::Writer;
