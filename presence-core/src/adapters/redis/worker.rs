//! The task of a Redis node: it subscribes, sends, and reconnects.

use std::{
    collections::{BTreeSet, btree_set},
    fmt,
    sync::Arc,
    time::Duration,
};

use ::redis::{
    AsyncConnectionConfig, Client,
    aio::{MultiplexedConnection, PubSubSink, PubSubStream},
};
use bytes::Bytes;
use futures_util::{StreamExt, stream::FuturesOrdered};
use parking_lot::Mutex;
use tokio::{
    task::{JoinSet, coop::unconstrained, yield_now},
    time::{Instant, MissedTickBehavior, interval, sleep, timeout},
};

use crate::{
    adapters::engine::{EngineNode, Item, Queue, Target},
    pubsub::{EngineState, Inbox, TrafficClass},
};

/// The longest that a connection, or an answer, may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// The most pipelines of the app's messages whose answers are awaited at once.
const PIPELINES: usize = 16;
/// The time between two messages of a node to itself, which check that messages arrive.
const PROBE: Duration = Duration::from_secs(5);
/// The time without any message, own probes included, after which the connection is closed.
const DEAF: Duration = Duration::from_secs(12);
/// The first and the longest wait between two attempts to connect.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(2));

/// The log line for a full incoming queue.
const IN_FULL: &str =
    "this node does not keep up with what the others send; messages of theirs are dropped";

/// Two connections, one to publish and one to subscribe: Redis allows nothing else on a connection
/// that subscribes.
pub(super) struct Connections {
    publish: MultiplexedConnection,
    sink: PubSubSink,
    stream: PubSubStream,
}

impl Connections {
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
            stream,
        })
    }
}

/// The end of a connection.
enum Lost {
    /// The queue is closed and empty: the node stops.
    Stopped,
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
            Self::Stopped => f.write_str("stopped"),
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

pub(super) struct RedisWorker {
    node: Arc<EngineNode>,
    client: Client,
    inbox: Inbox,
    /// The incoming frames that are not delivered yet.
    incoming: Arc<Queue<Bytes>>,
}

impl RedisWorker {
    pub(super) fn new(
        node: Arc<EngineNode>,
        client: Client,
        inbox: Inbox,
        queue_bytes: usize,
    ) -> Self {
        let incoming = Queue::new(queue_bytes, node.stats.clone(), IN_FULL);
        Self {
            incoming: Arc::new(incoming),
            node,
            client,
            inbox,
        }
    }

    pub(super) async fn run(self, mut connections: Connections) {
        loop {
            match self.serve(connections).await {
                Lost::Stopped => return,
                lost => tracing::warn!("lost Redis: {lost}; connecting again"),
            }
            self.inbox.engine_is(EngineState::Disconnected);
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
        let heard = Arc::new(Mutex::new(Instant::now()));
        // The reader ends with this future.
        let mut reader = JoinSet::new();
        reader.spawn(unconstrained(read(
            stream,
            self.incoming.clone(),
            heard.clone(),
        )));
        let result = tokio::select! {
            _ = reader.join_next() => Err(Lost::Closed),
            result = self.deliver() => result,
            result = self.work(sink, publish.clone()) => result,
            result = self.probe(publish, &heard) => result,
        };
        let Err(lost) = result;
        lost
    }

    async fn deliver(&self) -> Result<Never, Lost> {
        loop {
            // The queue is never closed, so there always is a next batch.
            let Some(batch) = self.incoming.next(|_| true).await else {
                continue;
            };
            for frame in batch.live {
                self.node.receive(&frame, &self.inbox);
            }
            // Lets the other half of this task send.
            yield_now().await;
        }
    }

    /// Subscribes and sends by turns, so that a node subscribes to its wanted channels before it
    /// sends.
    async fn work(&self, sink: PubSubSink, publish: MultiplexedConnection) -> Result<Never, Lost> {
        let EngineNode {
            interests,
            outgoing,
            ..
        } = &*self.node;
        let mut subscribed = Subscribed {
            sink,
            buckets: BTreeSet::new(),
        };
        answered(subscribed.sink.subscribe(self.own_channel())).await?;
        subscribed.update(&self.node).await?;
        self.inbox.engine_is(EngineState::Connected);
        // Pipelines under way: the next need not wait for the answer to the last, which takes a
        // round trip. Those of `Live` enter the connection in their order.
        let (mut control, mut bulk) = (JoinSet::new(), JoinSet::new());
        let mut live = FuturesOrdered::new();
        loop {
            let idle = bulk.is_empty();
            tokio::select! {
                () = interests.changed() => subscribed.update(&self.node).await?,
                Some(sent) = control.join_next() => sent.unwrap_or(Err(Lost::Closed))?,
                Some(sent) = bulk.join_next() => sent.unwrap_or(Err(Lost::Closed))?,
                Some(sent) = live.next(), if !live.is_empty() => sent?,
                batch = outgoing.next(|class| idle || class != TrafficClass::Bulk),
                    if live.len() < PIPELINES =>
                {
                    let Some(batch) = batch else {
                        // The queue is closed and empty: only answers are missing.
                        for mut sent in [control, bulk] {
                            while sent.join_next().await.is_some() {}
                        }
                        while live.next().await.is_some() {}
                        return Err(Lost::Stopped);
                    };
                    // Heartbeats do not wait for the server's answer to a subscription.
                    if !batch.control.is_empty() {
                        control.spawn(send(self.node.clone(), batch.control, publish.clone()));
                    }
                    if interests.stale() {
                        subscribed.update(&self.node).await?;
                    }
                    if !batch.bulk.is_empty() {
                        bulk.spawn(send(self.node.clone(), batch.bulk, publish.clone()));
                    }
                    if !batch.live.is_empty() {
                        live.push_back(send(self.node.clone(), batch.live, publish.clone()));
                    }
                }
            }
        }
    }

    /// Sends this node a message, which passes both connections and the server. Without it, a
    /// connection whose peer vanished would look like a quiet one.
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

/// Sends frames in one round trip. That keeps the order, and loses little with a connection.
async fn send(
    node: Arc<EngineNode>,
    items: Vec<Item>,
    mut publish: MultiplexedConnection,
) -> Result<(), Lost> {
    if items.is_empty() {
        return Ok(());
    }
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
async fn read(mut stream: PubSubStream, incoming: Arc<Queue<Bytes>>, heard: Arc<Mutex<Instant>>) {
    while let Some(message) = stream.next().await {
        *heard.lock() = Instant::now();
        // An empty message is a probe.
        if !message.get_payload_bytes().is_empty() {
            incoming.push(
                TrafficClass::Live,
                Bytes::copy_from_slice(message.get_payload_bytes()),
            );
        }
    }
}

/// The channels that the subscribing connection is subscribed to.
struct Subscribed {
    sink: PubSubSink,
    buckets: BTreeSet<u16>,
}

impl Subscribed {
    /// Subscribes to the buckets that became wanted, and unsubscribes from the others.
    async fn update(&mut self, node: &EngineNode) -> Result<(), Lost> {
        let wanted = node.interests.wanted();
        let channels = |buckets: btree_set::Difference<'_, u16>| -> Vec<String> {
            let targets = buckets.map(|bucket| node.subjects.of(&Target::Bucket(*bucket)));
            targets.collect()
        };
        let more = channels(wanted.difference(&self.buckets));
        let less = channels(self.buckets.difference(&wanted));
        // Without a channel, SUBSCRIBE is an error for Redis, and UNSUBSCRIBE means all channels.
        if !more.is_empty() {
            answered(self.sink.subscribe(more)).await?;
        }
        if !less.is_empty() {
            answered(self.sink.unsubscribe(less)).await?;
        }
        self.buckets = wanted;
        Ok(())
    }
}

/// Waits for the answer to a subscription, which the client itself would await for ever. Messages
/// of this node wait meanwhile, so a server that does not answer counts as lost.
async fn answered(
    answer: impl Future<Output = Result<(), ::redis::RedisError>>,
) -> Result<(), Lost> {
    Ok(timeout(PATIENCE, answer).await.map_err(|_| Lost::Late)??)
}

/// The result of a loop that ends only in an error.
type Never = std::convert::Infallible;
