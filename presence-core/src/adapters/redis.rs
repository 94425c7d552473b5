//! The engine for those who run [Redis](https://redis.io), or Valkey.

use std::{collections::HashSet, fmt, future::Future, pin::Pin, sync::Arc, time::Duration};

use ::redis::{
    AsyncConnectionConfig, Client,
    aio::{MultiplexedConnection, PubSubSink, PubSubStream},
};
use bytes::Bytes;
use futures_util::StreamExt;
use parking_lot::Mutex;
use tokio::{
    runtime::Handle,
    task::JoinHandle,
    time::{Instant, MissedTickBehavior, interval, sleep, timeout},
};

use super::engine::{EngineStats, Item, NameError, Node, QUEUE_BYTES, Target};
use crate::pubsub::{Adapter, AdapterError, Inbox, Message, wire};

/// How long a connection, and an answer, may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long a stop waits for what is still queued.
const STOP_PATIENCE: Duration = Duration::from_secs(3);
/// How often a node sends itself a message, to see that it would hear one.
const PROBE: Duration = Duration::from_secs(5);
/// Without any message for this long, its own probes included, the connection is given up.
const DEAF: Duration = Duration::from_secs(12);
/// The first and the longest wait between two attempts to connect.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(2));

/// Options of [`Redis`].
#[derive(Clone, Debug)]
pub struct RedisOptions {
    /// This node's name, unique in the cluster: 1 to 128 bytes.
    pub node_name: String,
    /// Which nodes belong together, where one Redis serves several clusters: 1 to 64 letters, digits, `-` and
    /// `_`. Channels begin with it; the number of a database does not part them. Default `presence`.
    pub cluster: String,
    /// The server, of the crate `redis` ([`redis_client`](super::redis_client)):
    /// `Client::open("redis://user:password@host:6379")`, or `Client::build_with_tls`.
    ///
    /// TLS is a feature of that crate: depend on it too, with `tokio-rustls-comp` and a crypto
    /// provider of rustls.
    pub client: Client,
    /// How many bytes of messages may wait while the server is away. Default 8 MiB. What comes on
    /// top is dropped, and counted in [`EngineStats::dropped`].
    pub queue_bytes: usize,
    /// The largest message, in bytes, names included. Default 8 MiB, at most 16.
    ///
    /// Redis itself carries up to 512 MiB, but cuts off a subscriber for whom more than
    /// `client-output-buffer-limit pubsub` waits, which is 32 MiB unless changed.
    pub max_message_bytes: usize,
}

impl RedisOptions {
    /// Options with the defaults, for a node of this name.
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

/// Why there is no connection to Redis. Nothing was started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RedisError {
    /// A name that cannot be.
    #[error(transparent)]
    Name(#[from] NameError),
    /// The server cannot be reached, or does not let this node in.
    #[error("cannot connect to Redis at {server}: {source}")]
    Connect {
        /// Its address.
        server: String,
        /// What the client says.
        source: ::redis::RedisError,
    },
}

/// Carries messages over Redis' pub/sub.
///
/// Whoever may publish on the cluster's channels is believed: restrict them with ACLs. While the server is
/// away, messages wait up to [`RedisOptions::queue_bytes`]; when it is back, the node is too, and
/// what was on its way when the connection broke is lost. Redis tells nobody which nodes there are,
/// so a direct message to an unknown node is no error, and there are no hints.
///
/// Each node keeps two connections: one that listens, one that publishes.
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
    node: Arc<Node>,
    limit: usize,
    runtime: Handle,
    /// The connections made by [`connect`](Self::connect), until the task has them.
    ready: Mutex<Option<(Client, Connections)>>,
    task: Mutex<Option<JoinHandle<()>>>,
}

impl Redis {
    /// Connects to the server.
    ///
    /// To be called within a tokio runtime, in which its task then runs.
    ///
    /// # Errors
    /// [`RedisError`], within 10 s.
    pub async fn connect(options: RedisOptions) -> Result<Self, RedisError> {
        let RedisOptions {
            node_name,
            cluster,
            client,
            queue_bytes,
            max_message_bytes,
        } = options;
        let node = Node::new(&node_name, &cluster, ':', queue_bytes)?;
        let connections = Connections::open(&client).await.map_err(|source| {
            let server = client.get_connection_info().addr().to_string();
            RedisError::Connect { server, source }
        })?;
        Ok(Self {
            node,
            limit: max_message_bytes.min(wire::MAX_FRAME),
            runtime: Handle::current(),
            ready: Mutex::new(Some((client, connections))),
            task: Mutex::default(),
        })
    }

    /// The engine's figures.
    #[must_use]
    pub fn stats(&self) -> EngineStats {
        self.node.stats.clone()
    }
}

impl Adapter for Redis {
    fn node_name(&self) -> &str {
        self.node.name()
    }

    fn start(&self, inbox: Inbox) {
        let ready = self.ready.lock().take();
        let (client, connections) = ready.expect("an adapter is started once");
        let node = self.node.clone();
        let worker = Worker {
            node,
            client,
            inbox,
        };
        *self.task.lock() = Some(self.runtime.spawn(worker.run(connections)));
    }

    fn broadcast(&self, message: &Message) -> Result<(), AdapterError> {
        self.node.broadcast(message, self.limit)
    }

    fn direct(&self, node: &str, message: &Message) -> Result<(), AdapterError> {
        self.node.direct(node, message, self.limit)
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

/// One to publish, one to listen: a connection that listens can do nothing else.
struct Connections {
    publish: MultiplexedConnection,
    sink: PubSubSink,
    stream: PubSubStream,
}

impl Connections {
    async fn open(client: &Client) -> Result<Self, ::redis::RedisError> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(PATIENCE))
            .set_response_timeout(Some(PATIENCE));
        let publish = client
            .get_multiplexed_async_connection_with_config(&config)
            .await?;
        let late = |_| std::io::Error::from(std::io::ErrorKind::TimedOut);
        let listen = timeout(PATIENCE, client.get_async_pubsub())
            .await
            .map_err(late)??;
        let (sink, stream) = listen.split();
        Ok(Self {
            publish,
            sink,
            stream,
        })
    }
}

/// Why a connection is over.
enum Lost {
    /// The queue is closed and empty: the node stops.
    Stopped,
    /// Redis, or the way there, failed.
    Failed(::redis::RedisError),
    Closed,
    Deaf,
}

impl From<::redis::RedisError> for Lost {
    fn from(error: ::redis::RedisError) -> Self {
        Self::Failed(error)
    }
}

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stopped => f.write_str("stopped"),
            Self::Failed(error) => error.fmt(f),
            Self::Closed => f.write_str("the connection was closed"),
            Self::Deaf => write!(f, "nothing was heard for {} s", DEAF.as_secs()),
        }
    }
}

struct Worker {
    node: Arc<Node>,
    client: Client,
    inbox: Inbox,
}

impl Worker {
    async fn run(self, mut connections: Connections) {
        loop {
            match self.serve(connections).await {
                Lost::Stopped => return,
                lost => tracing::warn!("lost Redis: {lost}; connecting again"),
            }
            connections = self.reconnect().await;
            tracing::info!("connected to Redis again");
        }
    }

    async fn reconnect(&self) -> Connections {
        let mut wait = BACKOFF.0;
        loop {
            sleep(wait).await;
            match Connections::open(&self.client).await {
                Ok(connections) => return connections,
                Err(error) => tracing::debug!("cannot connect to Redis: {error}"),
            }
            wait = (wait * 2).min(BACKOFF.1);
        }
    }

    /// Uses the connections until one of them fails, or the node stops.
    async fn serve(&self, connections: Connections) -> Lost {
        let Connections {
            publish,
            sink,
            stream,
        } = connections;
        let heard = Mutex::new(Instant::now());
        let result = tokio::select! {
            result = self.listen(stream, &heard) => result,
            result = self.keep_subscribed(sink) => result,
            result = self.send(publish.clone()) => result,
            result = self.probe(publish, &heard) => result,
        };
        let Err(lost) = result;
        lost
    }

    async fn listen(
        &self,
        mut stream: PubSubStream,
        heard: &Mutex<Instant>,
    ) -> Result<Never, Lost> {
        while let Some(message) = stream.next().await {
            *heard.lock() = Instant::now();
            // An empty one is a probe.
            if !message.get_payload_bytes().is_empty() {
                let frame = Bytes::copy_from_slice(message.get_payload_bytes());
                self.node.receive(&frame, &self.inbox);
            }
        }
        Err(Lost::Closed)
    }

    async fn keep_subscribed(&self, mut sink: PubSubSink) -> Result<Never, Lost> {
        let Node {
            subjects,
            interests,
            ..
        } = &*self.node;
        sink.subscribe(self.own_channel()).await?;
        let mut buckets: HashSet<u16> = HashSet::new();
        loop {
            let wanted: HashSet<u16> = interests.wanted().into_iter().collect();
            let channels = |buckets: std::collections::hash_set::Difference<'_, u16, _>| {
                let targets = buckets.map(|bucket| subjects.of(&Target::Bucket(*bucket)));
                targets.collect::<Vec<_>>()
            };
            let (more, less) = (
                channels(wanted.difference(&buckets)),
                channels(buckets.difference(&wanted)),
            );
            // Without an argument, Redis would take the one for an error and the other for "from all".
            if !more.is_empty() {
                sink.subscribe(more).await?;
            }
            if !less.is_empty() {
                sink.unsubscribe(less).await?;
            }
            buckets = wanted;
            interests.changed().await;
        }
    }

    /// A batch a round trip, so that order is kept and little is lost with a connection.
    async fn send(&self, mut publish: MultiplexedConnection) -> Result<Never, Lost> {
        while let Some(batch) = self.node.outgoing.next().await {
            let mut pipe = ::redis::pipe();
            for Item { target, frame } in &batch {
                let channel = self.node.subjects.of(target);
                pipe.publish(channel, &**frame).ignore();
            }
            if let Err(error) = pipe.query_async::<()>(&mut publish).await {
                batch.iter().for_each(|_| self.node.stats.count_dropped());
                return Err(error.into());
            }
            self.node.stats.count_sent(batch.len());
        }
        Err(Lost::Stopped)
    }

    /// A connection whose other end vanished without a word looks like a quiet one. A message to oneself
    /// goes over both connections, and through the server.
    async fn probe(
        &self,
        mut publish: MultiplexedConnection,
        heard: &Mutex<Instant>,
    ) -> Result<Never, Lost> {
        let mut ticks = interval(PROBE);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            if heard.lock().elapsed() > DEAF {
                return Err(Lost::Deaf);
            }
            let probe = ::redis::cmd("PUBLISH")
                .arg(self.own_channel())
                .arg("")
                .to_owned();
            probe.query_async::<()>(&mut publish).await?;
        }
    }

    fn own_channel(&self) -> String {
        let target = Target::Node(self.node.name().into());
        self.node.subjects.of(&target)
    }
}

/// What a loop that only ends in an error returns.
type Never = std::convert::Infallible;
