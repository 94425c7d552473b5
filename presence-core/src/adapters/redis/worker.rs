//! What a Redis node does all the time: it listens, it sends, and it connects again.

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
use futures_util::StreamExt;
use parking_lot::Mutex;
use tokio::{
    task::{JoinSet, coop::unconstrained, yield_now},
    time::{Instant, MissedTickBehavior, interval, sleep, timeout},
};

use crate::{
    adapters::engine::{EngineNode, Item, Queue, Target},
    pubsub::Inbox,
};

/// How long a connection, and an answer, may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often a node sends itself a message, to see that it would hear one.
const PROBE: Duration = Duration::from_secs(5);
/// Without any message for this long, its own probes included, the connection is given up.
const DEAF: Duration = Duration::from_secs(12);
/// The first and the longest wait between two attempts to connect.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(2));

/// What is logged when more came in than may wait.
const IN_FULL: &str =
    "this node does not keep up with what the others send; messages of theirs are dropped";

/// One to publish, one to listen: a connection that listens can do nothing else.
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
        // Only this tells whether the server lets it in: without a password, connecting says
        // nothing.
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

pub(super) struct RedisWorker {
    node: Arc<EngineNode>,
    client: Client,
    inbox: Inbox,
    /// What came in and is not delivered yet.
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
        // Ended with this future.
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
            // It is never closed, so there always is a next.
            for frame in self.incoming.next().await.unwrap_or_default() {
                self.node.receive(&frame, &self.inbox);
            }
            // This task also sends.
            yield_now().await;
        }
    }

    /// Subscribes and sends, in turns, so that what is sent is sent by a node that hears what it
    /// should.
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
        subscribed.sink.subscribe(self.own_channel()).await?;
        subscribed.update(&self.node).await?;
        loop {
            tokio::select! {
                () = interests.changed() => subscribed.update(&self.node).await?,
                batch = outgoing.next() => {
                    let batch = batch.ok_or(Lost::Stopped)?;
                    if interests.stale() {
                        subscribed.update(&self.node).await?;
                    }
                    self.send(&batch, publish.clone()).await?;
                }
            }
        }
    }

    /// A batch a round trip, so that order is kept and little is lost with a connection.
    async fn send(&self, batch: &[Item], mut publish: MultiplexedConnection) -> Result<(), Lost> {
        let mut pipe = ::redis::pipe();
        for Item { target, frame } in batch {
            pipe.publish(self.node.subjects.of(target), &**frame)
                .ignore();
        }
        let stats = &self.node.stats;
        match pipe.query_async::<()>(&mut publish).await {
            Ok(()) => stats.count_sent(batch.len()),
            Err(error) => {
                batch.iter().for_each(|_| stats.count_dropped());
                return Err(error.into());
            }
        }
        Ok(())
    }

    /// A connection whose other end vanished without a word looks like a quiet one. A message to
    /// oneself goes over both connections, and through the server.
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

/// Takes messages off the client, which holds as many as come, into a queue that is bounded.
///
/// A task of its own that waits for nothing else, and is not held to tokio's budget: it must be
/// faster than the client, which puts all that one read of its socket brings into its channel at
/// once.
async fn read(mut stream: PubSubStream, incoming: Arc<Queue<Bytes>>, heard: Arc<Mutex<Instant>>) {
    while let Some(message) = stream.next().await {
        *heard.lock() = Instant::now();
        // An empty one is a probe.
        if !message.get_payload_bytes().is_empty() {
            incoming.push(Bytes::copy_from_slice(message.get_payload_bytes()));
        }
    }
}

/// What the listening connection is subscribed to.
struct Subscribed {
    sink: PubSubSink,
    buckets: BTreeSet<u16>,
}

impl Subscribed {
    /// Subscribes to what has become wanted, and no longer to what has ceased to be.
    async fn update(&mut self, node: &EngineNode) -> Result<(), Lost> {
        let wanted = node.interests.wanted();
        let channels = |buckets: btree_set::Difference<'_, u16>| -> Vec<String> {
            let targets = buckets.map(|bucket| node.subjects.of(&Target::Bucket(*bucket)));
            targets.collect()
        };
        let more = channels(wanted.difference(&self.buckets));
        let less = channels(self.buckets.difference(&wanted));
        // Without a channel, Redis would take the one for an error and the other for all channels.
        if !more.is_empty() {
            self.sink.subscribe(more).await?;
        }
        if !less.is_empty() {
            self.sink.unsubscribe(less).await?;
        }
        self.buckets = wanted;
        Ok(())
    }
}

/// What a loop that only ends in an error returns.
type Never = std::convert::Infallible;
