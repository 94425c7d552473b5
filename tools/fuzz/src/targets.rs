//! The targets, one file each.

mod longpoll;
mod node;
mod peers;
mod tokens;
mod v1;
mod v2_binary;
mod v2_text;

use crate::Target;

/// All targets. A new target needs a file beside the others, a line here, and a folder in
/// `corpus/`.
pub const TARGETS: [Target; 7] = [
    v1::TARGET,
    v2_text::TARGET,
    v2_binary::TARGET,
    longpoll::TARGET,
    peers::TARGET,
    node::TARGET,
    tokens::TARGET,
];
