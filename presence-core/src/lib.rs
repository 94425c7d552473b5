//! Replicated presence and PubSub: who is online, with no single point of failure, no single
//! source of truth and no operational dependency.
//!
//! This crate knows no HTTP, no WebSocket and no channel protocol; `presence-channels` builds those
//! on it.
//!
//! | module | contents |
//! | --- | --- |
//! | [`presence`] | the [`Presence`] trait, and what it handles: keys, metas and diffs |
//! | [`tracker`] | the [`Tracker`], its options, and the [`Owner`]s of presences |
//! | [`pubsub`] | topics, subscribers, and the [`Adapter`](pubsub::Adapter) trait for a cluster engine |
//! | [`strict_json`] | the check that every client can read a JSON text |
//! | [`adapters`] | the adapters for one node, for tests, and for zenoh, NATS and Redis |
//! | `sim` | with the feature `sim`: a cluster in one thread on virtual time, to test against netsplits |
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

#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod adapters;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod log_limit;
pub mod presence;
pub mod pubsub;
mod replication;
#[cfg(any(test, feature = "sim"))]
pub mod sim;
pub mod strict_json;
mod sync;
mod telemetry;
pub mod tracker;
mod weather;

pub use presence::Presence;
pub use pubsub::PubSub;
pub use tracker::{Owner, Tracker};

/// The README's code, compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
