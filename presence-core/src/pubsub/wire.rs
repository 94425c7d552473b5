//! The form of a message between two nodes, whatever engine carries it.
//!
//! A frame begins with two bytes, [`MAGIC`] and the version. Then comes the [`SendingNode`]. This
//! part is the same in every version, so a node can name the sender of a frame that it cannot read.
//! The rest is version 1: the kind, the topic, the event and the payload. Numbers and lengths are
//! [postcard](https://postcard.jamesmunns.com/wire-format)'s.
//!
//! A newer version may append to the end, and add kinds and sorts of payload; nothing else. A node
//! reads frames of its own version and of the versions before and after it. It ignores what a newer
//! version appends, and drops frames of a kind that it does not know. So a cluster can be upgraded
//! node by node, one version at a time.
//!
//! Decoding copies names, but not the payload, and reserves no memory by a length that a frame
//! claims. It rejects what a correct node never sends: a payload that is marked as JSON and is not
//! [strict JSON](crate::strict_json) would otherwise be pasted into the frames of every client.

#[cfg(test)]
mod tests;

use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{Broadcast, Payload};
use crate::strict_json;

/// The first byte of every frame.
pub const MAGIC: u8 = b'p';
/// The version that is written, and the only one so far. The versions next to it are read too.
pub const VERSION: u8 = 1;
/// The longest name of a node, in bytes of UTF-8.
pub const MAX_NODE_NAME: usize = 128;
/// The longest topic, and the longest event, in bytes of UTF-8.
pub const MAX_NAME: usize = 65_535;
/// The longest frame, in bytes. An engine may carry less.
pub const MAX_FRAME: usize = 16 * 1024 * 1024;

/// The node that sent a frame.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SendingNode<'a> {
    /// The node's name.
    pub node: &'a str,
    /// A number that the node draws when it starts. It tells the node's own frames, which some
    /// engines hand back, from the frames of another node of the same name.
    pub start: u64,
}

/// The kind of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    /// A message for all nodes.
    Broadcast,
    /// A message for the node that gets it.
    Direct,
}

/// A decoded frame between nodes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeFrame {
    /// The kind: broadcast or direct.
    pub kind: Kind,
    /// The message. Its payload is a part of the bytes that were decoded.
    pub message: Broadcast,
}

/// The part of a frame of version 1 after the sender.
#[derive(Serialize, Deserialize)]
struct BodyV1<'a> {
    kind: Kind,
    topic: &'a str,
    event: &'a str,
    #[serde(borrow)]
    payload: PayloadV1<'a>,
}

#[derive(Serialize, Deserialize)]
enum PayloadV1<'a> {
    Json(&'a [u8]),
    Binary(&'a [u8]),
}

/// A message is too long for a frame. Nothing was encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the {part} is {bytes} bytes long, over the limit of {limit}")]
pub struct TooLong {
    /// The name of the part that is too long.
    pub part: &'static str,
    /// The length of the part.
    pub bytes: usize,
    /// The longest that the part may be.
    pub limit: usize,
}

/// A frame cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WireError {
    /// The bytes do not begin like a frame.
    #[error("not a frame of this protocol")]
    Foreign,
    /// The frame has a version that this node cannot read.
    #[error("node {node:?} sends version {version}, and this node reads versions {low} to {high}", low = VERSION - 1, high = VERSION + 1)]
    Version {
        /// The version.
        version: u8,
        /// The name of the node that sent the frame.
        node: String,
    },
    /// The frame is of a newer version that can be read, and contains what that version added.
    #[error(
        "node {node:?} sends what version {version} added and this node does not know: {source}"
    )]
    Newer {
        /// The version.
        version: u8,
        /// The name of the node that sent the frame.
        node: String,
        /// The error at which reading ended.
        source: postcard::Error,
    },
    /// The frame is cut short, or its lengths are wrong.
    #[error("malformed: {0}")]
    Malformed(#[from] postcard::Error),
    /// Bytes follow after the end of the frame.
    #[error("{0} bytes follow the end")]
    Trailing(usize),
    /// A part is longer than any node sends.
    #[error(transparent)]
    TooLong(#[from] TooLong),
    /// The payload is marked as JSON, and is not JSON that every strict parser reads (see
    /// [`strict_json`]).
    #[error("the payload is not JSON")]
    NotJson,
}

/// Checks the length of a node's name, which every frame of the node contains.
///
/// # Errors
/// [`TooLong`] if the name is over [`MAX_NODE_NAME`].
pub fn check_node_name(name: &str) -> Result<(), TooLong> {
    check("node's name", name.len(), MAX_NODE_NAME)
}

/// Encodes `message` as a frame of the current version.
///
/// # Errors
/// [`TooLong`] if a part, or the frame, is over its limit.
pub fn encode(sender: &SendingNode<'_>, kind: Kind, message: &Broadcast) -> Result<Bytes, TooLong> {
    check_node_name(sender.node)?;
    check("topic", message.topic.len(), MAX_NAME)?;
    check("event", message.event.len(), MAX_NAME)?;
    let payload = match &message.payload {
        Payload::Json(text) => PayloadV1::Json(text),
        Payload::Binary(bytes) => PayloadV1::Binary(bytes),
    };
    let body = BodyV1 {
        kind,
        topic: &message.topic,
        event: &message.event,
        payload,
    };
    // The lengths, the kinds and the start take 30 bytes at most.
    let names = sender.node.len() + message.topic.len() + message.event.len();
    let mut frame = Vec::with_capacity(32 + names + message.payload.bytes().len());
    frame.extend([MAGIC, VERSION]);
    let frame = postcard::to_extend(sender, frame)
        .and_then(|frame| postcard::to_extend(&body, frame))
        .expect("strings, bytes and numbers can be encoded, and a Vec grows");
    check("message", frame.len(), MAX_FRAME)?;
    Ok(frame.into())
}

/// Decodes `frame` into its sender, which every version has, and the rest.
///
/// # Errors
/// [`WireError`] if the frame cannot be read. The caller drops it.
pub fn decode(frame: &Bytes) -> Result<(SendingNode<'_>, NodeFrame), WireError> {
    check("message", frame.len(), MAX_FRAME)?;
    let (version, rest) = match &**frame {
        [MAGIC, version, rest @ ..] => (*version, rest),
        _ => return Err(WireError::Foreign),
    };
    let (sender, rest): (SendingNode<'_>, _) = postcard::take_from_bytes(rest)?;
    check_node_name(sender.node)?;
    let node = || sender.node.to_owned();
    if version.abs_diff(VERSION) > 1 {
        let node = node();
        return Err(WireError::Version { version, node });
    }
    let newer = version > VERSION;
    let (body, rest): (BodyV1<'_>, _) =
        postcard::take_from_bytes(rest).map_err(|source| match newer {
            true => WireError::Newer {
                version,
                node: node(),
                source,
            },
            false => WireError::Malformed(source),
        })?;
    if !rest.is_empty() && !newer {
        return Err(WireError::Trailing(rest.len()));
    }
    check("topic", body.topic.len(), MAX_NAME)?;
    check("event", body.event.len(), MAX_NAME)?;
    let payload = match body.payload {
        PayloadV1::Json(text) => {
            let checked = std::str::from_utf8(text).map_err(|_| WireError::NotJson)?;
            strict_json::check(checked).map_err(|_| WireError::NotJson)?;
            Payload::Json(frame.slice_ref(text))
        }
        PayloadV1::Binary(bytes) => Payload::Binary(frame.slice_ref(bytes)),
    };
    let message = Broadcast {
        topic: Arc::from(body.topic),
        event: Arc::from(body.event),
        payload,
    };
    let kind = body.kind;
    Ok((sender, NodeFrame { kind, message }))
}

fn check(part: &'static str, bytes: usize, limit: usize) -> Result<(), TooLong> {
    match bytes > limit {
        true => Err(TooLong { part, bytes, limit }),
        false => Ok(()),
    }
}
