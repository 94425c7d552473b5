//! The targets, a file each.

mod longpoll;
mod node;
mod peers;
mod tokens;
mod v1;
mod v2_binary;
mod v2_text;

use crate::Target;

/// All targets. A new one goes into a file beside the others, here, and into `corpus/`.
pub const TARGETS: [Target; 7] = [
    v1::TARGET,
    v2_text::TARGET,
    v2_binary::TARGET,
    longpoll::TARGET,
    peers::TARGET,
    node::TARGET,
    tokens::TARGET,
];
