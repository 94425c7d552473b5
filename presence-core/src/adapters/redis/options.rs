//! The options of a node over Redis.

use ::redis::Client;

use crate::adapters::{
    OptionError,
    engine::{CLUSTER, MESSAGE_BYTES, QUEUE_BYTES, check_message, check_queue},
};

/// The options of [`Redis`](super::Redis).
///
/// A node with an option out of its bounds does not start
/// ([`RedisError::InvalidOption`](super::RedisError::InvalidOption)).
///
/// # Examples
///
/// ```
/// use presence_core::adapters::{RedisOptions, redis_client::Client};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let client = Client::open("redis://10.0.0.5:6379")?;
/// let options = RedisOptions::new("node-a", client)
///     .cluster("chat")
///     .queue_bytes(32 * 1024 * 1024);
/// # let _ = options;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct RedisOptions {
    pub(super) node_name: String,
    pub(super) cluster: String,
    pub(super) client: Client,
    pub(super) queue_bytes: usize,
    pub(super) max_message_bytes: usize,
}

impl RedisOptions {
    /// Returns the default options, for a node of this name: 1 to 128 bytes, unique in the cluster.
    ///
    /// The client names the server. It is of the crate `redis`
    /// ([`redis_client`](crate::adapters::redis_client)):
    /// `Client::open("redis://user:password@host:6379")`, or `Client::build_with_tls`. TLS is a
    /// feature of that crate: depend on it too, with `tokio-rustls-comp` and a crypto provider of
    /// rustls.
    #[must_use]
    pub fn new(node_name: impl Into<String>, client: Client) -> Self {
        Self {
            node_name: node_name.into(),
            cluster: CLUSTER.to_owned(),
            client,
            queue_bytes: QUEUE_BYTES,
            max_message_bytes: MESSAGE_BYTES,
        }
    }

    /// Sets the name of the cluster, which all channels begin with. Default `presence`: 1 to 64
    /// letters, digits, `-` and `_`.
    ///
    /// Set it if one Redis serves several clusters. The number of a database does not separate
    /// them.
    #[must_use]
    pub fn cluster(mut self, name: impl Into<String>) -> Self {
        self.cluster = name.into();
        self
    }

    /// Sets the most bytes of messages that may wait while the server is away, for each
    /// [class](crate::pubsub::TrafficClass) of them. Also sets the most bytes of incoming messages
    /// that may wait, if this node is slower than the others together. Default 8 MiB, at least
    /// 1 KiB. Further messages are dropped, and counted in
    /// [`EngineStats::dropped`](crate::adapters::EngineStats::dropped).
    ///
    /// Raise it for a server that may be away for longer, and a busy app. It is memory that a node
    /// may need for each class.
    #[must_use]
    pub fn queue_bytes(mut self, bytes: usize) -> Self {
        self.queue_bytes = bytes;
        self
    }

    /// Sets the largest message, in bytes, names included. Default 8 MiB, from 4 KiB to 16 MiB.
    ///
    /// A link must carry a message of another node within seven seconds, if it is larger than all
    /// before it: a node that hears nothing for longer connects again. Heartbeats wait behind a
    /// message on its way. So send large data in parts over a slow link.
    ///
    /// Redis itself carries up to 512 MiB. But it disconnects a subscriber if more than
    /// `client-output-buffer-limit pubsub` waits for it, which is 32 MiB unless changed.
    #[must_use]
    pub fn max_message_bytes(mut self, bytes: usize) -> Self {
        self.max_message_bytes = bytes;
        self
    }

    /// Fails if an option is out of its bounds.
    pub(super) fn check(&self) -> Result<(), OptionError> {
        check_queue("RedisOptions::queue_bytes", self.queue_bytes)?;
        check_message("RedisOptions::max_message_bytes", self.max_message_bytes)
    }
}
