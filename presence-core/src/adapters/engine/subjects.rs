//! The names of an engine's subjects (NATS), channels (Redis) or keys (zenoh).
//!
//! A topic is any text, and there may be very many topics, so a topic does not become a subject.
//! Topics are spread over a fixed number of buckets, and a node subscribes to the buckets in which
//! it has subscribers. The bucket of a topic, and the form of the subjects, must be the same on all
//! nodes.

use std::sync::Arc;

use xxhash_rust::xxh3::xxh3_64;

use crate::pubsub::wire;

/// The number of buckets.
///
/// With one subscription for all topics, every node would get every message. One subscription for
/// each topic does not scale. Measured in a debug build: zenoh declares 1,024 subscriptions in
/// 0.9 s, and 20,000 not within two minutes. On NATS, 100,000 take 480 MB on the node and 56 MB on
/// the server, and would be sent again after every reconnect. With 1,024 buckets, a node of a
/// hundred topics gets a tenth of the others' messages, and the engine's memory is bounded.
pub(super) const BUCKETS: u16 = 1024;

/// Returns the bucket of `topic`.
pub(super) fn bucket_of(topic: &str) -> u16 {
    (xxh3_64(topic.as_bytes()) % u64::from(BUCKETS)) as u16
}

/// The target of a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::adapters) enum Target {
    /// The nodes that have subscribers in this bucket.
    Bucket(u16),
    /// The node of this name.
    Node(Arc<str>),
}

/// The name of a node or a cluster is not valid.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    /// The node's name is empty or too long.
    #[error(
        "a node's name is of 1 to {} bytes, and this one of {bytes}",
        wire::MAX_NODE_NAME
    )]
    Node {
        /// The length of the name, in bytes.
        bytes: usize,
    },
    /// The cluster's name becomes a part of the engine's subjects.
    #[error("a cluster's name is of 1 to 64 letters of a-z, A-Z, 0-9, - and _, unlike {0:?}")]
    Cluster(String),
}

pub(super) fn check_node_name(name: &str) -> Result<(), NameError> {
    match name.is_empty() || wire::check_node_name(name).is_err() {
        true => Err(NameError::Node { bytes: name.len() }),
        false => Ok(()),
    }
}

/// The subjects of one cluster.
#[derive(Debug)]
pub(in crate::adapters) struct Subjects {
    cluster: String,
    separator: char,
}

impl Subjects {
    pub(super) fn new(cluster: &str, separator: char) -> Result<Self, NameError> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        if !(1..=64).contains(&cluster.len()) || !cluster.bytes().all(allowed) {
            return Err(NameError::Cluster(cluster.to_owned()));
        }
        let cluster = cluster.to_owned();
        Ok(Self { cluster, separator })
    }

    /// Returns the subject of a target.
    pub(in crate::adapters) fn of(&self, target: &Target) -> String {
        match target {
            Target::Bucket(bucket) => self.join("b", &format!("{bucket:03x}")),
            Target::Node(name) => self.join("n", &hex(name)),
        }
    }

    fn join(&self, kind: &str, rest: &str) -> String {
        let (cluster, separator) = (&self.cluster, self.separator);
        format!("{cluster}{separator}{kind}{separator}{rest}")
    }

    /// Returns the key by which a live node shows its name and its start.
    #[cfg(feature = "zenoh")]
    pub(in crate::adapters) fn alive(&self, node: &str, start: u64) -> String {
        let separator = self.separator;
        self.join("alive", &format!("{}{separator}{start:016x}", hex(node)))
    }

    /// Returns a key expression that matches [`alive`](Self::alive) of every node.
    #[cfg(feature = "zenoh")]
    pub(in crate::adapters) fn all_alive(&self) -> String {
        self.join("alive", &format!("*{}*", self.separator))
    }

    /// Reads a key of [`alive`](Self::alive). Returns `None` for any other key.
    #[cfg(feature = "zenoh")]
    pub(in crate::adapters) fn read_alive(&self, subject: &str) -> Option<(String, u64)> {
        let rest = subject.strip_prefix(&self.join("alive", ""))?;
        let (node, start) = rest.split_once(self.separator)?;
        Some((unhex(node)?, u64::from_str_radix(start, 16).ok()?))
    }
}

/// Returns a node's name in characters that every engine allows.
fn hex(name: &str) -> String {
    use std::fmt::Write;
    name.bytes().fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(feature = "zenoh")]
fn unhex(text: &str) -> Option<String> {
    let digits = text.as_bytes();
    if !digits.len().is_multiple_of(2) || digits.len() > 2 * wire::MAX_NODE_NAME {
        return None;
    }
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    let bytes = digits.chunks(2).map(byte).collect::<Option<Vec<u8>>>()?;
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    // If these names change, nodes of two versions do not get each other's messages.
    #[test]
    fn subjects_are_written_as_ever() {
        let subjects = Subjects::new("presence", '.').unwrap();
        let bucket = Target::Bucket(bucket_of("room:lobby"));
        assert_eq!(subjects.of(&bucket), "presence.b.399");
        assert_eq!(subjects.of(&Target::Bucket(7)), "presence.b.007");
        let node = Target::Node("a@1.*".into());
        assert_eq!(subjects.of(&node), "presence.n.6140312e2a");
    }

    #[cfg(feature = "zenoh")]
    #[test]
    fn a_living_node_is_recognised() {
        let subjects = Subjects::new("presence", '/').unwrap();
        let shown = subjects.alive("é/*", 255);
        assert_eq!(shown, "presence/alive/c3a92f2a/00000000000000ff");
        assert_eq!(subjects.read_alive(&shown), Some(("é/*".to_owned(), 255)));
        for other in [
            "presence/alive/",
            "presence/alive/zz/1",
            "presence/alive/6/1",
            "x/alive/61/1",
        ] {
            assert_eq!(subjects.read_alive(other), None, "{other}");
        }
    }

    #[test]
    fn names_are_checked() {
        for cluster in ["", "a.b", "a/b", "é", &"x".repeat(65)] {
            let error = Subjects::new(cluster, '.').unwrap_err();
            assert_eq!(error, NameError::Cluster(cluster.to_owned()));
        }
        assert!(check_node_name(&"n".repeat(128)).is_ok());
        assert_eq!(check_node_name(""), Err(NameError::Node { bytes: 0 }));
        assert_eq!(
            check_node_name(&"n".repeat(129)).unwrap_err().to_string(),
            "a node's name is of 1 to 128 bytes, and this one of 129"
        );
    }
}
