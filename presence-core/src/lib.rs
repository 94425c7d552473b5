//! Replicated presence and PubSub: who is online, with no single point of failure, no single
//! source of truth and no operational dependency.
//!
//! This crate knows no HTTP, no WebSocket and no channel protocol; `presence-channels` builds those
//! on it. From the ground up:
//!
//! | module | what it is |
//! | --- | --- |
//! | [`crdt`] | the replicated set: replicas, clocks, entries. Pure data and pure functions |
//! | [`shard`] | one shard's state machine, without I/O: inputs in, effects out |
//! | [`node`] | one node without I/O: its shards, and its judgement of the others |
//! | [`tracker`] | the shards at work on tokio, the owners of presences, reads |
//! | [`pubsub`] | topics, local dispatch, and the [`Adapter`](pubsub::Adapter) trait for a cluster engine |
//! | [`adapters`] | what implements that trait |
//! | [`presence`] | what users see: keys, metas, `fetch`, `handle_metas`, diffs |
//! | [`sim`] | a cluster in one thread on virtual time, to test against netsplits |
//!
//! ```
//! use presence_core::{Owner, Presence, PubSub, Tracker};
//! use serde_json::json;
//!
//! struct Online;
//! impl Presence for Online {
//!     const NAME: &str = "docs.online";
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let pubsub = PubSub::local();
//! let online = Tracker::start(&pubsub, Online);
//!
//! let owner = Owner::new();
//! online.track_as(&owner, "room:lobby", "alice", json!({ "device": "phone" })).await?;
//! assert_eq!(online.count("room:lobby"), 1);
//!
//! drop(owner); // its presences end with it
//! assert_eq!(online.count("room:lobby"), 0);
//! # Ok(())
//! # }
//! ```

pub mod adapters;
pub mod crdt;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod liveness;
pub mod node;
pub mod presence;
pub mod pubsub;
pub mod shard;
pub mod sim;
mod telemetry;
pub mod tracker;
mod wire;

pub use presence::Presence;
pub use pubsub::PubSub;
pub use tracker::{Owner, Tracker};

/// The README's code, compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
