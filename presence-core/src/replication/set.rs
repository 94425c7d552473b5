//! The replicated set: who is where, held by every node, the same on all of them in the end.
//!
//! Written so that it can be built again from here. First the invariant, then each rule with the
//! run that goes wrong without it: 1 to 7 are about contents, which this module has, 8 to 13 about
//! what carries them and who is shown, which [`node`](super::node) and
//! [`shard`](crate::replication::shard) have. Tests and mutants name rules by these numbers.
//!
//! # What there is
//!
//! Every node has a **replica** of its own: the presences of its own sockets. It holds copies of
//! the replicas of all others, and shows the union. Nothing is agreed on, nobody leads, and no node
//! is needed.
//!
//! A replica has a name (its node's), an [`Incarnation`] (which start of the node) and a [`Clock`]
//! (how many changes it has made). Every entry has a [`Tag`]: (name, incarnation, clock of the
//! change that added it).
//!
//! # The invariant
//!
//! **What a node holds of (name, incarnation) at clock c is exactly what that replica held at c.**
//!
//! So a copy is never "partly" anything: it is an earlier state of the original, and the only
//! question about it is how much earlier. Two copies of one incarnation at one clock are equal,
//! which makes comparing nodes a matter of comparing clocks. [`Replica`] has no way to move its
//! clock without its entries. ([`Replica::check`] is a number over the entries by which a node
//! notices that the invariant was broken, and fetches the copy anew.)
//!
//! # The rules
//!
//! ## 1. One writer a replica, one step a change
//!
//! Only its own node adds to a replica, updates in it or removes from it; so there is nothing to
//! resolve between writers. Every change takes exactly one clock step ([`Writer`]). A removal takes
//! one too, else a set that shrank would look like the set before. An update is the removal of one
//! tag and the add of another in the *same* step.
//!
//! *Without it:* an update in two steps, of which another node holds the first: there the user is
//! gone, and comes back. A page shows a user leave who never left.
//!
//! ## 2. Clock and entries move in one step
//!
//! An answer too large for one message comes in parts. They are kept aside, under the number of the
//! request that they answer and the range that they cover, and applied when all are there, as one
//! [`Delta`].
//!
//! *Without it:* the first part moves the clock, the second is lost. The copy says that it is at c,
//! holds half of c, passes for complete, and hands the half on to others.
//!
//! ## 3. A delta speaks of every tag in its range
//!
//! A delta (a, b] lists the entries with tags in (a, b] that live at b, and says which tags at or
//! below a are gone. A receiver at c drops it if b <= c, asks for what is missing if c < a, and
//! else deletes **every tag in (a, c] that it holds and the delta does not list**, deletes what is
//! gone, adds what is above c, and is at b ([`Replica::apply`]). It looks at what changed and at
//! nothing else.
//!
//! *Without it:* x is added at 5 and removed at 6. The sender nets the two and its delta (4, 6]
//! says nothing of x, which is right for a receiver at 4. One at 5 holds x, moves to 6, and keeps x
//! for ever.
//!
//! Adds need no log: those since a are a range of the entries, which are ordered by clock. Removals
//! leave nothing behind, so they are logged, within a bound. For a receiver from before the log's
//! beginning the delta says which tags at or below a *live* instead, as runs ([`Gone::Except`]),
//! which is short and needs no entries.
//!
//! ## 4. A snapshot is a delta from zero
//!
//! There is no other message with contents, so rule 2 and rule 3 are all there is to applying any.
//! Deltas that arrive while parts of an answer are missing are kept, within a bound, and applied
//! after it. Staged entries are neither shown nor served.
//!
//! *Without it:* parts of two answers, taken at different clocks, put together: a state that never
//! was.
//!
//! Kept deltas are dropped when no node answers. Deltas from before a request are dropped with the
//! answer of the replica itself: the answer has everything that the replica had sent until then.
//!
//! *Without it:* change 80 of a machine comes late, after the machine was set back to clock 50. The
//! gap before it is asked for again and again, a round trip each, until the machine makes a change
//! 79; and then that old change is applied to its new state.
//!
//! ## 5. A replica introduces itself
//!
//! A node begins to hold a replica, and shows one again that it had hidden, on that replica's
//! **own** message, with a number above the last one heard from it. Third nodes supply contents of
//! replicas that the asker holds as up, and nothing else. A comparison between nodes leaves out the
//! replicas that are down.
//!
//! *Without it:* A dies. B forgets it after a while, C a moment later. In between C tells B of A's
//! entries; B takes A for new. Then C forgets, and B teaches C. A is never forgotten by both: a
//! ghost for ever.
//!
//! After a replica was forgotten or left, its incarnation and its last number are remembered once
//! more as long, and nothing at or below them is believed. That it left is told to others as long.
//!
//! *Without it:* a delta that was delayed past the goodbye of its sender introduces it again.
//!
//! A replica is shown once the copy has reached the clock that the replica told when it came, in a
//! message with a number above the last one heard before it was down; then as one net change.
//! *Without it:* it comes back from behind a partition, its old state is shown, with users that
//! left long ago, and then they leave once more.
//!
//! ## 6. A new start is a new incarnation, and the higher one wins
//!
//! A restarted node begins at clock 0. Its tags and those from before must not be comparable by
//! clock alone, so it takes a new incarnation: (wall clock, nonce). Among states of one name the
//! one with the higher (incarnation, clock) is kept: a node is taken for up under no lower
//! incarnation than is known of it, and a copy moves to no lower clock ([`NotApplied::Known`]).
//!
//! Wall clocks run backwards. A node that starts with a lower incarnation than others know of it is
//! answered with the one that refuses it, and goes on **above** that one ([`Incarnation::above`]),
//! with the same entries under new tags. Their `phx_ref`s stay, so no client is told anything:
//! clients know a meta by its reference, not by its tag.
//!
//! *Without it:* the clock of a machine was an hour ahead and is put right; its node is restarted,
//! and everybody takes it for stale for an hour.
//!
//! A node also continues above its own incarnation if it hears that a peer holds more of it than it
//! has done. A peer that hears the node send a lower clock than the peer holds says so.
//!
//! *Without it:* a machine at clock 80 is set back to a snapshot from clock 50, and makes other
//! changes 51 to 80. Those who hold the first 80 drop them all as known.
//!
//! ## 7. Contents merge, judgements do not
//!
//! Contents merge: per name the higher (incarnation, clock) wins, which is commutative, associative
//! and idempotent; so it does not matter in which order, how often or by whom a node is told. That
//! a node is up or down is not contents. It is each node's own view, and is never told to others.
//!
//! *Without it:* B cannot hear A, and says so. C believes it, and hides users whom it can hear
//! well.
//!
//! ## 8. A change is told at once
//!
//! A node broadcasts what it has changed as a delta within `delta_interval`, a few milliseconds, in
//! which changes gather. Nobody answers. Whoever misses one sees at the next, by the range, that
//! something is missing.
//!
//! *Without it:* changes wait for a heartbeat, and a join is seen elsewhere a second later.
//!
//! ## 9. A heartbeat finds whatever is missing
//!
//! Each node broadcasts, once a `broadcast_period`: its own clocks, a shard each; a number over its
//! own replica ([`Replica::check`] of its shards, hashed together); and a number over all that it
//! shows, its own included. A receiver whose clock for it is lower asks for the rest, first of the
//! replica's own node, then of others. One that is at the same clock with another check has a copy
//! that breaks the invariant: it fetches a new one, and shows the old until that is whole. Where
//! the number over all differs, one of the two sends a vector, (replica, clock, check) for each
//! replica that is up there; the other asks for what it lacks, and answers with where it is ahead.
//!
//! Every message of a node has a number, one above the last. One that is not above the last heard
//! is late: its contents still count (rule 3 sees to that), and it says nothing of whether its
//! sender is there.
//!
//! *Without it:* the last delta before a quiet hour is lost, and nobody notices for an hour.
//!
//! ## 10. Up, suspect, down, forgotten; and whose fault a silence is
//!
//! A node that is silent for long is suspect: it is asked, and others are asked to ask it, for what
//! fails may be one link. If nothing helps it is down: its replica is hidden and kept, within a
//! bound. Much later it is forgotten, and only its last number is remembered (rule 5).
//!
//! Before it judges, a node looks whether it was late itself. A heartbeat that goes out late says
//! that the process stood still, and extends every deadline by as much; so does a suspect's
//! deadline that comes late, once.
//!
//! *Without it:* a process is stopped for a minute. It goes on, takes all others for dead, and its
//! clients see everybody leave, although what the others said waits in its sockets.
//!
//! Two live nodes of one name would go above each other (rule 6) for ever. After three turns within
//! a short while a node stays where it is, and both say that there are two.
//!
//! ## 11. Who leaves in order has a grace
//!
//! A node that leaves says so, and for how long what it tracked is to be shown on: until the time
//! is over, or the same key is tracked in the same topic by another node. Each new track ends one
//! entry of the key, the oldest, by one diff of a join and a leave. An update is not a new track,
//! and neither is an entry that is shown again. The node may leave long before it stops, and shows
//! its own as long itself.
//!
//! *Without it:* in a rolling restart everybody is seen to leave and come again. If one track ended
//! all entries of the key, a user with two tabs would have one for a while.
//!
//! ## 13. A diff is net, and a list seals
//!
//! A diff of a topic is its net change since the last diff, by `phx_ref`. But nothing before a list
//! cancels against anything after it, and a leave before a list does not share a diff with a later
//! join.
//!
//! *Without it:* x joins, a client takes a list, x leaves; both changes are gone from the next
//! diff, and x stays on that page for ever.
//!
//! # Costs
//!
//! A change of k entries costs its sender and each receiver work for k entries, whatever the set
//! holds. An entry is held once a node, with its texts shared. Comparing two nodes that agree costs
//! 8 bytes a heartbeat.
//!
//! Nothing here does I/O, reads a clock or draws a random number. Who is up is judged in
//! [`node`](super::node), what is shown is kept in [`shard`](crate::replication::shard).
//!
//! The ideas are those of Phoenix.Tracker, of delta state replicated data types (Almeida, Shoker,
//! Baquero, 2018) and of optimized observed-remove sets (Bieniusa et al., 2012), with each
//! replica's clock standing for the causal context.

mod delta;
mod entry;
mod meta;
mod phx_ref;
mod removals;
mod replica;
mod snapshot;
mod tag;
pub(crate) mod visits;
mod writer;

#[cfg(test)]
mod tests;

pub(crate) use delta::{Delta, DeltaError, Gone, Run};
pub(crate) use entry::{Content, Entry, OwnerId};
pub(crate) use meta::MetaBody;
pub use meta::{Meta, MetaError};
pub use phx_ref::PhxRef;
pub(crate) use phx_ref::PhxRefs;
pub(crate) use replica::{Applied, NotApplied, Replica};
pub(crate) use snapshot::Snapshot;
pub(crate) use tag::Tag;
pub use tag::{Clock, Incarnation, Origin, ReplicaName};
pub(crate) use writer::Writer;
