//! The messages between nodes, encoded.
//!
//! # The format, version 2
//!
//! A byte with the version, then [`Header`] and [`Body`] in
//! [postcard](https://postcard.jamesmunns.com/wire-format): integers are variable-length, texts and
//! lists begin with their length, an enum with the number of its variant.
//!
//! **What may change.** A newer version may add variants to `Body`, and may append to the end of a
//! message; nothing else. A reader takes messages of its own version and of the one before and
//! after, ignores what follows what it knows, and drops variants that it does not know. So nodes of
//! neighbouring versions replicate, and a cluster can be upgraded node by node. A message of any
//! other version is refused, and so is one of a cluster with another number of shards: the topics
//! of such a node lie elsewhere.
//!
//! **Versions.** Version 1 has the variants of `Body` up to `Vouch`. Version 2 adds `Pull` and
//! `Cancel`. A node of version 1 is asked with `Request`, and its requests are answered at once and
//! whole. Version 2 also appends to a delta or a part the places of the rows whose owners'
//! connections were lost, if there are any. A node of version 1 does not read them, and takes such
//! a row for one that was tracked at once again with its old reference: it shows no change.
//!
//! **Numbers that nodes must agree on.** They are as much a part of the format as the bytes, and
//! are pinned by tests as those are. All are XXH3 with 64 bits, of seed 0 where none is named;
//! numbers go in as 8 bytes, the lowest first.
//!
//! - A topic is in the shard `xxh3_64(topic) % pool_size`.
//! - What a replica holds: the xor over its entries of `xxh3_64(phx_ref)`, seeded with the clock of
//!   the entry's tag ([`Replica::check`](crate::replication::set::Replica::check)).
//! - What a shard shows: the xor over its replicas, its own among them, of `xxh3_64` of started_ms,
//!   nonce, clock and check, and then the name.
//! - A heartbeat's `check` and `digest`: `xxh3_64` of the first of these of the sender's own
//!   replica, or of the second, of all shards in order.
//!
//! **Bounds.** A message is at most [`MAX_BYTES`] long, and every length in it is bounded by what
//! is left of it. A decoded message takes a small multiple of its length in memory. A node's
//! name has 1 to [`MAX_NAME_BYTES`] bytes and its start is before [`STARTED_END`], wherever a
//! message speaks of it; a message with another one is dropped as a whole.

mod body;
mod decode;
mod encode;

#[cfg(test)]
mod tests;

pub(crate) use body::{
    Body, Cell, DeltaMessage, EntryRow, GoneRow, Header, Heartbeat, Left, PartMessage, Pull,
    Refusal, Request, Row, Vector,
};
pub(crate) use decode::{Malformed, decode, sender};
pub(crate) use encode::{body_of_delta, body_of_part, encode};

/// The version that is written here.
pub(crate) const VERSION: u8 = 2;

/// The first version whose nodes know [`Body::Pull`] and [`Body::Cancel`].
pub(crate) const PULL_SINCE: u8 = 2;

/// The longest message, in bytes. An entry with the largest meta fits in.
pub(crate) const MAX_BYTES: usize = 512 * 1024;

/// The longest name of a node, in bytes.
pub(crate) const MAX_NAME_BYTES: usize = 255;

/// No node was started at or after this, in milliseconds of Unix time: 36 million years from now.
pub(crate) const STARTED_END: u64 = 1 << 60;

/// Describes a message in words, for a log of a simulation.
#[cfg(any(test, feature = "sim"))]
pub(crate) fn describe(message: &[u8]) -> String {
    match decode(message) {
        Ok((header, body)) => format!("{} #{}: {body:?}", header.sender.name, header.number),
        Err(malformed) => malformed.to_string(),
    }
}
