//! Engines that carry messages between nodes: implementations of
//! [`Adapter`](crate::pubsub::Adapter).

mod local;
mod memory;

pub use local::Local;
pub use memory::{Memory, MemoryCluster};
