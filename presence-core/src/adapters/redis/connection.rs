//! The connection to Redis: it probes that messages arrive, and connects again.

use std::{fmt, future::Future, sync::Arc, time::Duration};

use ::redis::{
    AsyncConnectionConfig, Client,
    aio::{MultiplexedConnection, PubSubSink, PubSubStream},
};
use futures_util::StreamExt;
use parking_lot::Mutex;
use tokio::{
    task::{JoinSet, coop::unconstrained},
    time::{Instant, MissedTickBehavior, interval, sleep, timeout},
};

use super::OpenedRedis;
use crate::{
    adapters::engine::{Arrivals, Connection, EngineNode, Entry, Item, NodeInbox, Outlet, Target},
    pubsub::{EngineState, TrafficClass},
};

/// The longest that a connection, or an answer, may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// The most pipelines of a class whose answers are awaited at once: the next need not wait for the
/// answer to the last, which takes a round trip.
const PIPELINES: usize = 16;
/// The time between two messages of a node to itself, which check that messages arrive.
const PROBE: Duration = Duration::from_secs(5);
/// The time without any message, own probes included, after which the connection is closed.
const DEAF: Duration = Duration::from_secs(12);
/// The first and the longest wait between two attempts to connect.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(2));

/// Two sockets, one to publish and one to subscribe: Redis allows nothing else on a connection that
/// subscribes.
pub(super) struct Sockets {
    publish: MultiplexedConnection,
    sink: PubSubSink,
    /// The incoming messages, until a task reads them.
    stream: Option<PubSubStream>,
}

impl Sockets {
    pub(super) async fn open(client: &Client) -> Result<Self, ::redis::RedisError> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(PATIENCE))
            .set_response_timeout(Some(PATIENCE));
        let publish = client
            .get_multiplexed_async_connection_with_config(&config)
            .await?;
        // Only a command shows whether the server accepts the node: without a password, connecting
        // always succeeds.
        let mut asking = publish.clone();
        ::redis::cmd("PING").query_async::<()>(&mut asking).await?;
        let late = |_| std::io::Error::from(std::io::ErrorKind::TimedOut);
        let listen = timeout(PATIENCE, client.get_async_pubsub())
            .await
            .map_err(late)??;
        let (sink, stream) = listen.split();
        Ok(Self {
            publish,
            sink,
            stream: Some(stream),
        })
    }
}

/// The end of a connection.
pub enum Lost {
    /// Redis, or the network, failed.
    Failed(::redis::RedisError),
    Closed,
    Deaf,
    /// The server did not answer a subscription.
    Late,
}

impl From<::redis::RedisError> for Lost {
    fn from(error: ::redis::RedisError) -> Self {
        Self::Failed(error)
    }
}

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(error) => error.fmt(f),
            Self::Closed => f.write_str("the connection was closed"),
            Self::Late => write!(
                f,
                "no answer to a subscription within {} s",
                PATIENCE.as_secs()
            ),
            Self::Deaf => write!(f, "nothing was heard for {} s", DEAF.as_secs()),
        }
    }
}

/// A connection to Redis.
pub struct RedisConnection {
    node: NodeInbox,
    client: Client,
    sockets: Sockets,
    /// The incoming frames that are not delivered yet.
    arrivals: Arrivals,
    /// The reader and the probe of the sockets. Either ends when the connection is lost.
    watchers: JoinSet<Lost>,
}

impl RedisConnection {
    pub(super) fn new(opened: OpenedRedis, node: NodeInbox) -> Self {
        let OpenedRedis {
            client,
            sockets,
            queue_bytes,
        } = opened;
        Self {
            arrivals: Arrivals::new(&node, queue_bytes),
            node,
            client,
            sockets,
            watchers: JoinSet::new(),
        }
    }

    fn own_channel(&self) -> String {
        let target = Target::Node(self.node.node.name().into());
        self.node.node.subjects.of(&target)
    }

    fn channels(&self, buckets: impl Iterator<Item = u16>) -> Vec<String> {
        let targets = buckets.map(|bucket| self.node.node.subjects.of(&Target::Bucket(bucket)));
        targets.collect()
    }

    async fn reconnect(&self) -> Sockets {
        let mut wait = BACKOFF.0;
        loop {
            sleep(wait).await;
            match Sockets::open(&self.client).await {
                Ok(sockets) => return sockets,
                Err(error) => tracing::debug!("cannot connect to Redis: {error}"),
            }
            wait = (wait * 2).min(BACKOFF.1);
        }
    }
}

impl Connection for RedisConnection {
    type Outlet = RedisOutlet;
    type Subscription = ();
    type Lost = Lost;

    fn most_batches(class: TrafficClass) -> usize {
        match class {
            TrafficClass::Control | TrafficClass::Live => PIPELINES,
            // Further frames would be in the way of the other classes.
            TrafficClass::Bulk => 1,
        }
    }

    fn outlet(&self) -> RedisOutlet {
        RedisOutlet {
            node: Arc::clone(&self.node.node),
            publish: self.sockets.publish.clone(),
        }
    }

    async fn begin(&mut self) -> Result<(), Lost> {
        let heard = Arc::new(Mutex::new(Instant::now()));
        if let Some(stream) = self.sockets.stream.take() {
            let reader = read(stream, self.arrivals.entry(), Arc::clone(&heard));
            self.watchers.spawn(unconstrained(reader));
        }
        let own = self.own_channel();
        answered(self.sockets.sink.subscribe(own.clone())).await?;
        let publish = self.sockets.publish.clone();
        self.watchers.spawn(probe(own, publish, heard));
        Ok(())
    }

    fn began(&mut self) {
        self.node.inbox.engine_is(EngineState::Connected);
    }

    // Without a channel, SUBSCRIBE is an error for Redis, and UNSUBSCRIBE means all channels.
    async fn subscribe(&mut self, buckets: Vec<u16>) -> Result<Vec<(u16, ())>, Lost> {
        let channels = self.channels(buckets.iter().copied());
        answered(self.sockets.sink.subscribe(channels)).await?;
        Ok(buckets.into_iter().map(|bucket| (bucket, ())).collect())
    }

    async fn unsubscribe(&mut self, ended: Vec<(u16, ())>) -> Result<(), Lost> {
        let channels = self.channels(ended.into_iter().map(|(bucket, ())| bucket));
        answered(self.sockets.sink.unsubscribe(channels)).await
    }

    async fn lost(&mut self) -> Lost {
        match self.watchers.join_next().await {
            Some(Ok(lost)) => lost,
            // A panic, or the end of the runtime.
            Some(Err(_)) => Lost::Closed,
            None => std::future::pending().await,
        }
    }

    async fn recover(&mut self, lost: Lost) {
        self.watchers = JoinSet::new();
        tracing::warn!("lost Redis: {lost}; connecting again");
        self.node.inbox.engine_is(EngineState::Disconnected);
        self.sockets = self.reconnect().await;
        tracing::info!("connected to Redis again");
    }

    async fn close(&mut self) {}
}

/// The socket on which a connection to Redis publishes.
pub struct RedisOutlet {
    node: Arc<EngineNode>,
    publish: MultiplexedConnection,
}

impl Outlet for RedisOutlet {
    type Lost = Lost;

    fn send(
        &self,
        _class: TrafficClass,
        frames: Vec<Item>,
    ) -> impl Future<Output = Result<(), Lost>> + Send + 'static {
        send(Arc::clone(&self.node), frames, self.publish.clone())
    }
}

/// Sends this node a message, which passes both sockets and the server. Without it, a connection
/// whose peer vanished would look like a quiet one.
async fn probe(
    own_channel: String,
    mut publish: MultiplexedConnection,
    heard: Arc<Mutex<Instant>>,
) -> Lost {
    let mut ticks = interval(PROBE);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if heard.lock().elapsed() > DEAF {
            return Lost::Deaf;
        }
        let probe = ::redis::cmd("PUBLISH").arg(&own_channel).arg("").to_owned();
        if let Err(error) = probe.query_async::<()>(&mut publish).await {
            return error.into();
        }
    }
}

/// Sends frames in one round trip. That keeps the order, and loses little with a connection.
async fn send(
    node: Arc<EngineNode>,
    items: Vec<Item>,
    mut publish: MultiplexedConnection,
) -> Result<(), Lost> {
    let mut pipe = ::redis::pipe();
    for Item { target, frame } in &items {
        pipe.publish(node.subjects.of(target), &**frame).ignore();
    }
    match pipe.query_async::<()>(&mut publish).await {
        Ok(()) => node.stats.count_sent(items.len()),
        Err(error) => {
            items.iter().for_each(|_| node.stats.count_dropped());
            return Err(error.into());
        }
    }
    Ok(())
}

/// Moves messages from the client, whose queue is unbounded, into a bounded queue.
///
/// A task of its own, which waits for nothing else and ignores tokio's budget: it must be faster
/// than the client, which puts all messages of one read of its socket into its channel at once.
async fn read(mut stream: PubSubStream, arrivals: Entry, heard: Arc<Mutex<Instant>>) -> Lost {
    while let Some(message) = stream.next().await {
        *heard.lock() = Instant::now();
        // An empty message is a probe.
        if !message.get_payload_bytes().is_empty() {
            arrivals.push(message.get_payload_bytes());
        }
    }
    Lost::Closed
}

/// Waits for the answer to a subscription, which the client itself would await for ever. Messages
/// of this node wait meanwhile, so a server that does not answer counts as lost.
async fn answered(
    answer: impl Future<Output = Result<(), ::redis::RedisError>>,
) -> Result<(), Lost> {
    Ok(timeout(PATIENCE, answer).await.map_err(|_| Lost::Late)??)
}
