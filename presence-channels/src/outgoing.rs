//! The way out to a client: the queue of its frames, its connection, and the flushers that write
//! for all clients of a node.

mod backlog;
mod broadcast_frames;
pub(crate) mod close_code;
mod flushers;
#[cfg(all(test, shuttle))]
mod model;
mod outbox;
pub(crate) mod sending;
mod served_stream;
mod stream;
mod sync;
mod waiters;

pub(crate) use broadcast_frames::BroadcastFrames;
pub(crate) use flushers::{Flushers, turn};
pub(crate) use outbox::{Amount, Outbox, OutboxPhase, Room, Sink, UnhandledBroadcast};
pub(crate) use served_stream::{ServedStream, Stall};
pub(crate) use stream::Stream;
