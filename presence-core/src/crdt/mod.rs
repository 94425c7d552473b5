//! The replicated set: who is where, held by every node, the same on all of them in the end.
//!
//! Written so that it can be built again from here. First the invariant, then each rule with the run that goes
//! wrong without it. The numbers are those that tests and mutants name them by.
//!
//! # What there is
//!
//! Every node has a **replica** of its own: the presences of its own sockets. It holds copies of the replicas of
//! all others, and shows the union. Nothing is agreed on, nobody leads, and no node is needed.
//!
//! A replica has a name (its node's), an [`Incarnation`] (which start of the node) and a [`Clock`] (how many changes
//! it has made). Every entry has a [`Tag`]: (name, incarnation, clock of the change that added it).
//!
//! # The invariant
//!
//! **What a node holds of (name, incarnation) at clock c is exactly what that replica held at c.**
//!
//! So a copy is never "partly" anything: it is an earlier state of the original, and the only question about it is
//! how much earlier. Two copies of one incarnation at one clock are equal, which makes comparing nodes a matter of
//! comparing clocks. [`Replica`] has no way to move its clock without its entries. ([`Replica::check`] is a number
//! over the entries by which a node notices that the invariant was broken, and fetches the copy anew.)
//!
//! # The rules
//!
//! ## 1. One writer a replica, one step a change
//!
//! Only its own node adds to a replica, updates in it or removes from it; so there is nothing to resolve between
//! writers. Every change takes exactly one clock step ([`Writer`]). A removal takes one too, else a set that shrank
//! would look like the set before. An update is the removal of one tag and the add of another in the *same* step.
//!
//! *Without it:* an update in two steps, of which another node holds the first: there the user is gone, and
//! comes back. A page shows somebody leave who never left.
//!
//! ## 2. Clock and entries move in one step
//!
//! An answer too large for one message comes in parts. They are kept aside, under the number of the request that
//! they answer and the range that they cover, and applied when all are there, as one [`Delta`].
//!
//! *Without it:* the first part moves the clock, the second is lost. The copy says that it is at c, holds half of
//! c, passes for complete, and hands the half on to others.
//!
//! ## 3. A delta speaks of every tag in its range
//!
//! A delta (a, b] lists the entries with tags in (a, b] that live at b, and says which tags at or below a are gone.
//! A receiver at c drops it if b <= c, asks for what is missing if c < a, and else deletes **every tag in (a, c] that
//! it holds and the delta does not list**, deletes what is gone, adds what is above c, and is at b
//! ([`Replica::apply`]). It looks at what changed and at nothing else.
//!
//! *Without it:* x is added at 5 and removed at 6. The sender nets the two and its delta (4, 6] says nothing of
//! x, which is right for a receiver at 4. One at 5 holds x, moves to 6, and keeps x for ever.
//!
//! Adds need no log: those since a are a range of the entries, which are ordered by clock. Removals leave nothing
//! behind, so they are logged, within a bound. For a receiver from before the log's beginning the delta says
//! which tags at or below a *live* instead, as runs ([`Gone::Except`]), which is short and needs no entries.
//!
//! ## 4. A snapshot is a delta from zero
//!
//! There is no other message with contents, so rule 2 and rule 3 are all there is to applying any. Deltas
//! that arrive while parts of an answer are missing are kept, within a bound, and applied after it. What is
//! staged is neither shown nor served.
//!
//! *Without it:* parts of two answers, taken at different clocks, put together: a state that never was.
//!
//! ## 5. A replica introduces itself
//!
//! A node begins to hold a replica, and shows one again that it had hidden, on that replica's **own** message, with
//! a number above the last one heard from it. Third nodes supply contents of replicas that the asker holds as up,
//! and nothing else. What a node compares with others leaves out what is down.
//!
//! *Without it:* A dies. B forgets it after a while, C a moment later. In between C tells B of A's entries; B takes
//! A for new. Then C forgets, and B teaches C. A is never forgotten by both: a ghost for ever.
//!
//! After a replica was forgotten or left, its incarnation and its last number are remembered once more as long, and
//! nothing at or below them is believed. That it left is told to others as long.
//!
//! *Without it:* a delta that was delayed past the goodbye of its sender introduces it again.
//!
//! A replica is shown once the copy has reached the clock that the replica told when it came; then as one net
//! change. *Without it:* it comes back from behind a partition, its old state is shown, with users that left long
//! ago, and then they leave once more.
//!
//! ## 6. A new start is a new incarnation, and the higher one wins
//!
//! A restarted node begins at clock 0. Its tags and those from before must not be comparable by clock alone, so it
//! takes a new incarnation: (wall clock, nonce). Among states of one name the one with the higher (incarnation,
//! clock) is kept: a node is taken for up under no lower incarnation than is known of it, and a copy moves to no lower clock
//! ([`NotApplied::Known`]).
//!
//! Wall clocks run backwards. A node that starts with a lower incarnation than others know of it is answered with the
//! one that refuses it, and goes on **above** that one ([`Incarnation::above`]), with the same entries under new tags.
//! Their `phx_ref`s stay, so no client is told anything: clients know a meta by its reference, not by its tag.
//!
//! *Without it:* the clock of a machine was an hour ahead and is put right; its node is restarted, and everybody takes it
//! for stale for an hour.
//!
//! A node also goes on above its own incarnation if it hears that somebody holds more of it than it has done.
//!
//! *Without it:* a machine at clock 80 is set back to a snapshot from clock 50, and makes other changes 51 to 80. Those
//! who hold the first 80 drop them all as known.
//!
//! ## 7. What is merged, and what is not
//!
//! Contents merge: per name the higher (incarnation, clock) wins, which is commutative, associative and idempotent; so it
//! does not matter in which order, how often or by whom a node is told. That a node is up or down is not contents. It
//! is each node's own view, and is never told to others.
//!
//! *Without it:* B cannot hear A, and says so. C believes it, and hides users whom it can hear well.
//!
//! # Costs
//!
//! A change of k entries costs its sender and each receiver work for k entries, whatever the set holds. An entry is held
//! once a node, with its texts shared. Comparing two nodes that agree costs 8 bytes a heartbeat.
//!
//! Nothing here does I/O, reads a clock or draws a random number. Who is up is judged in [`node`](crate::node), what is
//! shown is kept in [`shard`](crate::shard).
//!
//! The ideas are those of Phoenix.Tracker, of delta state replicated data types (Almeida, Shoker, Baquero, 2018) and of
//! optimized observed-remove sets (Bieniusa et al., 2012), with each replica's clock standing for the causal context.

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

pub use delta::{Delta, DeltaError, Gone, Run};
pub use entry::{Content, Entry, OwnerId};
pub use meta::{Meta, MetaBody, MetaError};
pub use phx_ref::{PhxRef, PhxRefs};
pub use replica::{Applied, NotApplied, Replica};
pub use tag::{Clock, Incarnation, Origin, ReplicaName, Tag};
pub use writer::Writer;
