//! The replicated set, as data: who says a presence exists, since when, and what it carries.
//!
//! # The invariant
//!
//! **What a node holds of (replica, incarnation) at clock c is exactly what that replica held at c.**
//! A replica's clock and its entries therefore move in one step, always: [`Replica`] has no way to
//! change one without the other.
//!
//! # The rules that keep it
//!
//! 1. **One writer a replica.** A presence is tracked on the node whose socket it belongs to, and only
//!    that node adds, updates or removes it. So there is nothing to resolve between writers.
//! 2. **Every change is one clock step.** An add takes the next clock as its [`Tag`]. A removal takes a
//!    step too, else a set that shrank would look like the set before. An update is the removal of one
//!    tag and the add of another in the *same* step: split in two, another node could hold the state
//!    between them, in which the user is gone.
//! 3. **Entries are ordered by clock.** What was added since clock a is then a range
//!    ([`Replica::since`]) and costs what it returns, not what the set holds.
//! 4. **A new start is a new [`Incarnation`].** A restarted node begins at clock 0 again. Its old tags
//!    and its new ones must not be comparable by clock alone.
//! 5. **`phx_ref` is not the tag.** Clients know a meta by its [`PhxRef`]. A node that goes on under a
//!    higher incarnation gives its entries new tags and keeps their refs, so that no client sees a change.
//!
//! Nothing here does I/O, reads a clock or draws a random number.

mod delta;
mod entry;
mod meta;
mod phx_ref;
mod removals;
mod replica;
mod tag;
mod writer;

pub use delta::{Delta, DeltaError, Gone, Run};
pub use entry::{Content, Entry, OwnerId};
pub use meta::{Meta, MetaBody, MetaError};
pub use phx_ref::{PhxRef, PhxRefs};
pub use replica::{Applied, NotApplied, Replica};
pub use tag::{Clock, Incarnation, Origin, ReplicaName, Tag};
pub use writer::Writer;
