//! The engine over [Redis](https://redis.io), or Valkey.

mod connection;
mod options;
mod traffic;

use ::redis::Client;

pub use options::RedisOptions;

use super::engine::{Engine, EngineNode, NameError, Networked, NodeInbox, OptionError};
use connection::{RedisConnection, Sockets};

/// The connection to Redis failed. Nothing was started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RedisError {
    /// A name is not valid.
    #[error(transparent)]
    Name(#[from] NameError),
    /// An option is out of its bounds. The error has its name, its value and its bounds.
    #[error(transparent)]
    InvalidOption(#[from] OptionError),
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
    /// [`RedisError`] if the connection fails, within 10 s, or an option is out of its bounds.
    pub async fn connect(options: RedisOptions) -> Result<Self, RedisError> {
        options.check()?;
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
            limit: max_message_bytes,
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
