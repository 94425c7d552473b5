//! The engine over [Redis](https://redis.io), or Valkey.

mod connection;
mod traffic;

use ::redis::Client;

use super::engine::{
    CLUSTER, Engine, EngineNode, MESSAGE_BYTES, NameError, Networked, NodeInbox, QUEUE_BYTES,
};
use crate::pubsub::wire;
use connection::{RedisConnection, Sockets};

/// The options of [`Redis`].
#[derive(Clone, Debug)]
pub struct RedisOptions {
    /// The name of this node, unique in the cluster: 1 to 128 bytes.
    pub node_name: String,
    /// The name of the cluster, if one Redis serves several: 1 to 64 letters, digits, `-` and `_`.
    /// All channels begin with it. The number of a database does not separate clusters. Default
    /// `presence`.
    pub cluster: String,
    /// The server, of the crate `redis` ([`redis_client`](super::redis_client)):
    /// `Client::open("redis://user:password@host:6379")`, or `Client::build_with_tls`.
    ///
    /// TLS is a feature of that crate: depend on it too, with `tokio-rustls-comp` and a crypto
    /// provider of rustls.
    pub client: Client,
    /// The most bytes of messages that may wait while the server is away, for each
    /// [class](crate::pubsub::TrafficClass) of them. Also the most bytes of incoming messages that
    /// may wait, if this node is slower than the others together. Default 8 MiB. Further messages
    /// are dropped, and counted in [`EngineStats::dropped`](super::EngineStats::dropped).
    pub queue_bytes: usize,
    /// The largest message, in bytes, names included. Default 8 MiB, at most 16.
    ///
    /// A link must carry a message of another node within seven seconds, if it is larger than all
    /// before it: a node that hears nothing for longer connects again. Heartbeats wait behind a
    /// message on its way. So send large data in parts over a slow link.
    ///
    /// Redis itself carries up to 512 MiB. But it disconnects a subscriber if more than
    /// `client-output-buffer-limit pubsub` waits for it, which is 32 MiB unless changed.
    pub max_message_bytes: usize,
}

impl RedisOptions {
    /// Returns the default options, for a node of this name.
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
}

/// The connection to Redis failed. Nothing was started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RedisError {
    /// A name is not valid.
    #[error(transparent)]
    Name(#[from] NameError),
    /// The server cannot be reached, or rejected this node.
    #[error("cannot connect to Redis at {server}: {source}")]
    Connect {
        /// The address of the server.
        server: String,
        /// The client's error.
        source: ::redis::RedisError,
    },
}

/// Carries messages over Redis' pub/sub.
///
/// A node trusts every client that may publish on the cluster's channels: restrict them with ACLs.
/// While the server is away, messages wait, up to [`RedisOptions::queue_bytes`]. The node
/// reconnects when the server is back; messages on their way when the connection broke are lost,
/// and counted. At most about 1 MiB is on its way at once, or one larger message. A link that
/// carries less than 1 Mbit/s counts as broken.
/// Redis does not list the nodes, so a direct message to an unknown node is no error, and there are
/// no hints.
///
/// Each node keeps two connections: one to subscribe, one to publish.
///
/// ```no_run
/// use presence_core::{PubSub, adapters::{Redis, RedisOptions, redis_client::Client}};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let client = Client::open("redis://10.0.0.5:6379")?;
/// let redis = Redis::connect(RedisOptions::new("node-a", client)).await?;
/// let pubsub = PubSub::with_adapter(redis);
/// # Ok(())
/// # }
/// ```
pub type Redis = Networked<RedisEngine>;

/// Redis, as the adapter's callers need it.
#[derive(Debug)]
pub struct RedisEngine {
    limit: usize,
}

/// The parts that [`Redis::connect`] has opened.
pub struct OpenedRedis {
    client: Client,
    sockets: Sockets,
    queue_bytes: usize,
}

impl Networked<RedisEngine> {
    /// Connects to the server.
    ///
    /// Call it within a tokio runtime. The task of the node then runs in this runtime.
    ///
    /// # Errors
    /// [`RedisError`] if the connection fails, within 10 s.
    pub async fn connect(options: RedisOptions) -> Result<Self, RedisError> {
        let RedisOptions {
            node_name,
            cluster,
            client,
            queue_bytes,
            max_message_bytes,
        } = options;
        let node = EngineNode::new(&node_name, &cluster, ':', queue_bytes)?;
        let sockets = Sockets::open(&client).await.map_err(|source| {
            let server = client.get_connection_info().addr().to_string();
            RedisError::Connect { server, source }
        })?;
        let engine = RedisEngine {
            limit: max_message_bytes.min(wire::MAX_FRAME),
        };
        let opened = OpenedRedis {
            client,
            sockets,
            queue_bytes,
        };
        Ok(Self::new(node, engine, opened))
    }
}

impl Engine for RedisEngine {
    const NAME: &'static str = "Redis";
    type Opened = OpenedRedis;
    type Connection = RedisConnection;

    fn connection(opened: OpenedRedis, node: NodeInbox) -> RedisConnection {
        RedisConnection::new(opened, node)
    }

    fn limit(&self) -> usize {
        self.limit
    }
}
