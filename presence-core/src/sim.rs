//! A cluster in one thread, on virtual time, with a network that loses, delays, doubles, reorders
//! and parts.
//!
//! The nodes of the cluster run the code that a [`Tracker`](crate::Tracker) runs on tokio. That
//! code does no I/O and reads no clock, so an hour passes in a moment, and the same seed gives the
//! same run.
//!
//! # Test your own presence against a netsplit
//!
//! A [`Cluster`] is driven step by step. While it runs, every promise of the replicated set is
//! checked ([`Rule`] lists them), and what a machine lists comes in the form that your
//! [`Presence::fetch`](crate::Presence::fetch) takes:
//!
//! ```
//! use presence_core::Presence;
//! use presence_core::presence::Presences;
//! use presence_core::sim::{Cluster, Setup};
//! use serde_json::json;
//! use std::time::Duration;
//!
//! /// Shows the number of a user's devices.
//! struct Online;
//!
//! impl Presence for Online {
//!     const NAME: &str = "docs.online";
//!
//!     async fn fetch(&self, _topic: &str, mut presences: Presences) -> Presences {
//!         for (_, entry) in &mut presences {
//!             let devices = entry.metas().len();
//!             entry.insert("devices", devices).expect("a number is JSON");
//!         }
//!         presences
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mut cluster = Cluster::new(&Setup::new(1, 3));
//! cluster.track(0, 1, "room:1", "alice", &json!({ "device": "phone" }))?;
//! cluster.track(1, 1, "room:1", "alice", &json!({ "device": "laptop" }))?;
//! cluster.run_for(Duration::from_secs(1))?;
//!
//! // Machine 2 loses sight of the others, for longer than they are waited for.
//! cluster.part(&[2]);
//! cluster.run_for(Duration::from_secs(60))?;
//! assert_eq!(cluster.count(2, "room:1"), 0);
//! cluster.untrack(1, 1, "room:1", "alice")?;
//!
//! // Two heartbeats after it is healed, all agree.
//! cluster.converge()?;
//! let list = cluster.list(2, "room:1");
//! let shown = Online.fetch("room:1", list).await;
//! assert_eq!(serde_json::to_value(&shown)?["alice"]["devices"], 1);
//! # Ok(())
//! # }
//! ```
//!
//! # Scripts and seeds
//!
//! [`generate`] makes a [`Script`] of a seed, [`run`] runs it and checks at its end that the
//! cluster heals, [`shrink`] cuts one that breaks a promise down to a few lines. A script is text
//! ([`Operation`] has every line), so it can stand in a test, and its run repeats exactly:
//!
//! ```
//! use presence_core::sim::{Script, run};
//!
//! let script: Script = "
//!     nodes 3
//!     track n0 o0 t0 k0
//!     wait 100
//!     leave n0 5000
//!     track n1 o0 t0 k0    # the same user, elsewhere: the grace ends
//!     part n0 n1
//!     wait 2000
//! ".parse()?;
//! assert_eq!(run(&script).violation, None);
//! # Ok::<(), presence_core::sim::ParseError>(())
//! ```
//!
//! [`Coverage`] counts the events of a run. Without it, a clean run could be one without events.

pub(crate) mod client;
mod clock;
mod cluster;
mod coverage;
mod event;
mod generator;
mod ledger;
mod lost;
mod machine;
mod network;
mod operation;
mod run;
mod script;
mod setup;
mod shrink;
mod violation;
mod witness;

#[cfg(test)]
mod tests;

pub use cluster::Cluster;
pub use coverage::Coverage;
pub use generator::{generate, generate_large};
pub use network::{Bandwidth, Bursts, LinkReport, Traffic, Weather};
pub use operation::{Operation, ParseError, ScriptPresence};
pub use run::{Outcome, run, run_watched};
pub use script::Script;
pub use setup::Setup;
pub use shrink::shrink;
pub use violation::{Rule, Violation};
