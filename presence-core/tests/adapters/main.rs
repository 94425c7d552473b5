//! The tests of all engines, against the real servers.
//!
//! The tests of NATS and Redis start servers of their own (Debian's `nats-server` and
//! `redis-server`), so they are ignored unless asked for: `cargo xtask test --only engines`
//! installs the servers and asks.

#[cfg(any(feature = "nats", feature = "redis"))]
mod broker;
mod memory;
#[cfg(feature = "nats")]
mod nats;
#[cfg(feature = "redis")]
mod redis;
mod suite;
#[cfg(feature = "zenoh")]
mod zenoh;
