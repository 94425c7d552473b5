//! The engine over [Redis](https://redis.io), or Valkey.

mod worker;

use std::{fmt, future::Future, pin::Pin, sync::Arc, time::Duration};

use ::redis::Client;
use parking_lot::Mutex;
use tokio::{runtime::Handle, task::JoinHandle, time::timeout};

use super::engine::{EngineNode, EngineStats, NameError, QUEUE_BYTES};
use worker::{Connections, RedisWorker};

use crate::pubsub::{Adapter, AdapterError, Broadcast, Inbox, TrafficClass, wire};

/// The longest that a stop waits for the queue to be sent.
const STOP_PATIENCE: Duration = Duration::from_secs(3);

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
    /// [class](TrafficClass) of them. Also the most bytes of incoming messages that may wait, if
    /// this node is slower than the others together. Default 8 MiB. Further messages are dropped,
    /// and counted in [`EngineStats::dropped`].
    pub queue_bytes: usize,
    /// The largest message, in bytes, names included. Default 8 MiB, at most 16.
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
            cluster: "presence".to_owned(),
            client,
            queue_bytes: QUEUE_BYTES,
            max_message_bytes: 8 * 1024 * 1024,
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
/// reconnects when the server is back; messages on their way when the connection broke are lost.
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
pub struct Redis {
    node: Arc<EngineNode>,
    limit: usize,
    runtime: Handle,
    /// The connections made by [`connect`](Self::connect), until the task has them.
    ready: Mutex<Option<ConnectedRedis>>,
    task: Mutex<Option<JoinHandle<()>>>,
}

struct ConnectedRedis {
    client: Client,
    connections: Connections,
    queue_bytes: usize,
}

impl Redis {
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
        let connections = Connections::open(&client).await.map_err(|source| {
            let server = client.get_connection_info().addr().to_string();
            RedisError::Connect { server, source }
        })?;
        Ok(Self {
            node,
            limit: max_message_bytes.min(wire::MAX_FRAME),
            runtime: Handle::current(),
            ready: Mutex::new(Some(ConnectedRedis {
                client,
                connections,
                queue_bytes,
            })),
            task: Mutex::default(),
        })
    }

    /// Returns the statistics of the engine.
    #[must_use]
    pub fn stats(&self) -> EngineStats {
        self.node.stats.clone()
    }
}

impl Adapter for Redis {
    fn node_name(&self) -> &str {
        self.node.name()
    }

    fn max_message_bytes(&self) -> Option<usize> {
        Some(self.limit)
    }

    fn start(&self, inbox: Inbox) {
        let ready = self.ready.lock().take();
        let ConnectedRedis {
            client,
            connections,
            queue_bytes,
        } = ready.expect("an adapter is started once");
        let worker = RedisWorker::new(self.node.clone(), client, inbox, queue_bytes);
        *self.task.lock() = Some(self.runtime.spawn(worker.run(connections)));
    }

    fn broadcast(&self, message: &Broadcast) -> Result<(), AdapterError> {
        self.broadcast_as(TrafficClass::Live, message)
    }

    fn direct(&self, node: &str, message: &Broadcast) -> Result<(), AdapterError> {
        self.direct_as(TrafficClass::Live, node, message)
    }

    fn broadcast_as(&self, class: TrafficClass, message: &Broadcast) -> Result<(), AdapterError> {
        self.node.broadcast(class, message, self.limit)
    }

    fn direct_as(
        &self,
        class: TrafficClass,
        node: &str,
        message: &Broadcast,
    ) -> Result<(), AdapterError> {
        self.node.direct(class, node, message, self.limit)
    }

    fn subscribed(&self, topic: &str) {
        self.node.subscribed(topic);
    }

    fn unsubscribed(&self, topic: &str) {
        self.node.unsubscribed(topic);
    }

    fn stop(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        self.node.outgoing.close();
        let task = self.task.lock().take();
        Box::pin(async move {
            let Some(mut task) = task else { return };
            if timeout(STOP_PATIENCE, &mut task).await.is_err() {
                tracing::warn!("Redis is away; what waited for it is lost");
                task.abort();
            }
        })
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        if let Some(task) = self.task.lock().take() {
            task.abort();
        }
    }
}

impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redis")
            .field("node_name", &self.node.name())
            .finish_non_exhaustive()
    }
}
