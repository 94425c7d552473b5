//! The engines that carry messages between nodes: implementations of
//! [`Adapter`](crate::pubsub::Adapter).
//!
//! | engine | feature | for |
//! | --- | --- | --- |
//! | [`Local`] | | one node |
//! | [`MemoryCluster`] | | several nodes in one process, for tests |
#![cfg_attr(
    feature = "zenoh",
    doc = "| [`Zenoh`] | `zenoh` | a cluster without a broker: nodes connect to each other |"
)]
#![cfg_attr(feature = "nats", doc = "| [`Nats`] | `nats` | those who run NATS |")]
#![cfg_attr(
    feature = "redis",
    doc = "| [`Redis`] | `redis` | those who run Redis, or Valkey |"
)]

mod delivery;
#[cfg(any(feature = "nats", feature = "redis", feature = "zenoh"))]
mod engine;
mod local;
mod memory;
#[cfg(feature = "nats")]
mod nats;
#[cfg(feature = "redis")]
mod redis;
#[cfg(feature = "zenoh")]
mod zenoh;

pub use crate::weather::{Bandwidth, Weather};
/// The client of NATS, in the version that [`Nats`] uses.
#[cfg(feature = "nats")]
pub use ::async_nats as nats_client;
/// The client of Redis, in the version that [`Redis`] uses.
#[cfg(feature = "redis")]
pub use ::redis as redis_client;
/// zenoh, in the version that [`Zenoh`] uses.
#[cfg(feature = "zenoh")]
pub use ::zenoh as zenoh_client;
#[cfg(any(feature = "nats", feature = "redis", feature = "zenoh"))]
pub use engine::{EngineStats, NameError, Networked, OptionError};
pub use local::Local;
pub use memory::{Memory, MemoryCluster};
#[cfg(feature = "nats")]
pub use nats::{Nats, NatsError, NatsOptions};
#[cfg(feature = "redis")]
pub use redis::{Redis, RedisError, RedisOptions};
#[cfg(feature = "zenoh")]
pub use zenoh::{Peers, Zenoh, ZenohError, ZenohOptions, ZenohTls};
