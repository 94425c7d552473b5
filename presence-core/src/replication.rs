//! The replicated set without I/O: what every node holds of the others, and how it stays the same.
//!
//! Nothing here does I/O, reads a clock or draws a random number. All three are handed in, by
//! [`tracker`](crate::tracker) on a real node and by `sim` in tests. From the ground up:
//!
//! | module | contents |
//! | --- | --- |
//! | [`set`] | replicas, their clocks and entries, and the deltas between two clocks |
//! | [`shard`] | one shard: its topics, its copies of other nodes' replicas, and its answers |
//! | [`membership`] | one node's judgement of who is there: up, suspect, down, gone |
//! | [`message`] | the messages between nodes, and their bytes |
//! | [`options`] | the options of a node, and their bounds |
//! | [`node`] | one node: shards, membership, and the messages that it receives and sends |

pub(crate) mod membership;
pub(crate) mod message;
pub(crate) mod node;
pub(crate) mod options;
pub(crate) mod set;
pub(crate) mod shard;
