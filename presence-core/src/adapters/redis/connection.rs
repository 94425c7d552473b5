//! The connection to Redis: it probes that messages arrive, and connects again.

use std::{fmt, future::Future, pin::pin, sync::Arc, time::Duration};

use ::redis::{
    AsyncConnectionConfig, Client,
    aio::{MultiplexedConnection, PubSubSink, PubSubStream},
};
use futures_util::StreamExt;
use tokio::{
    task::{JoinSet, coop::unconstrained},
    time::{Instant, MissedTickBehavior, interval, sleep, sleep_until, timeout},
};

use super::{
    OpenedRedis,
    traffic::{PATIENCE, Traffic},
};
use crate::{
    adapters::engine::{Arrivals, Connection, EngineNode, Entry, Item, NodeInbox, Outlet, Target},
    pubsub::{EngineState, TrafficClass},
};

/// The most pipelines of a class whose answers are awaited at once: the next need not wait for the
/// answer to the last, which takes a round trip.
const PIPELINES: usize = 16;
/// The bytes of a class whose answers are awaited from which on no further pipeline begins. One
/// socket carries all classes, so a heartbeat waits for the bytes on their way.
const PIPELINE_BYTES: usize = 512 * 1024;
/// The time between two messages of a node to itself, which check that messages arrive.
const PROBE: Duration = Duration::from_secs(5);
/// The longest that an answer to a subscription may take while messages arrive: it waits behind
/// them.
const LAST_ANSWER: Duration = Duration::from_secs(60);
/// The first and the longest wait between two attempts to connect.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(2));

/// The bytes that a frame counts beyond its own, for its command.
const FRAME_OVERHEAD: usize = 64;

/// Two sockets, one to publish and one to subscribe: Redis allows nothing else on a connection that
/// subscribes.
pub(super) struct Sockets {
    publish: MultiplexedConnection,
    sink: PubSubSink,
    /// The incoming messages, until a task reads them.
    stream: Option<PubSubStream>,
    traffic: Arc<Traffic>,
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
            traffic: Traffic::new(),
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
            Self::Late => f.write_str("no answer to a subscription"),
            Self::Deaf => f.write_str("the server takes messages, and none arrives"),
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

    fn most_bytes(_class: TrafficClass) -> usize {
        PIPELINE_BYTES
    }

    fn outlet(&self) -> RedisOutlet {
        RedisOutlet {
            node: Arc::clone(&self.node.node),
            publish: self.sockets.publish.clone(),
            traffic: Arc::clone(&self.sockets.traffic),
        }
    }

    async fn begin(&mut self) -> Result<(), Lost> {
        let traffic = Arc::clone(&self.sockets.traffic);
        if let Some(stream) = self.sockets.stream.take() {
            let reader = read(stream, self.arrivals.entry(), Arc::clone(&traffic));
            self.watchers.spawn(unconstrained(reader));
        }
        let own = self.own_channel();
        let answer = self.sockets.sink.subscribe(own.clone());
        answered(&traffic, &mut self.watchers, answer).await?;
        let publish = self.sockets.publish.clone();
        self.watchers.spawn(probe(own, publish, traffic));
        Ok(())
    }

    fn began(&mut self) {
        self.node.inbox.engine_is(EngineState::Connected);
    }

    // Without a channel, SUBSCRIBE is an error for Redis, and UNSUBSCRIBE means all channels.
    async fn subscribe(&mut self, buckets: Vec<u16>) -> Result<Vec<(u16, ())>, Lost> {
        let channels = self.channels(buckets.iter().copied());
        let Sockets { sink, traffic, .. } = &mut self.sockets;
        answered(traffic, &mut self.watchers, sink.subscribe(channels)).await?;
        Ok(buckets.into_iter().map(|bucket| (bucket, ())).collect())
    }

    async fn unsubscribe(&mut self, ended: Vec<(u16, ())>) -> Result<(), Lost> {
        let channels = self.channels(ended.into_iter().map(|(bucket, ())| bucket));
        let Sockets { sink, traffic, .. } = &mut self.sockets;
        answered(traffic, &mut self.watchers, sink.unsubscribe(channels)).await
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
    traffic: Arc<Traffic>,
}

impl Outlet for RedisOutlet {
    type Lost = Lost;

    fn send(
        &self,
        _class: TrafficClass,
        frames: Vec<Item>,
    ) -> impl Future<Output = Result<(), Lost>> + Send + 'static {
        let length = |item: &Item| item.frame.len() + FRAME_OVERHEAD;
        let bytes = frames.iter().map(length).sum();
        let largest = frames.iter().map(length).max().unwrap_or(0);
        let stats = &self.node.stats;
        let publication = self.traffic.publish(stats, frames.len(), bytes, largest);
        let node = Arc::clone(&self.node);
        let mut publish = self.publish.clone();
        publish.set_response_timeout(self.traffic.answer_patience());
        // One round trip. That keeps the order, and loses little with a connection.
        async move {
            let mut pipe = ::redis::pipe();
            for Item { target, frame } in &frames {
                pipe.publish(node.subjects.of(target), &**frame).ignore();
            }
            pipe.query_async::<()>(&mut publish).await?;
            publication.answered();
            Ok(())
        }
    }
}

/// Sends this node a message, which passes both sockets and the server. Without it, a connection
/// whose peer vanished would look like a quiet one.
async fn probe(
    own_channel: String,
    mut publish: MultiplexedConnection,
    traffic: Arc<Traffic>,
) -> Lost {
    let mut ticks = interval(PROBE);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // The time at which the server took the first probe of a silence.
    let mut silent_since: Option<Instant> = None;
    loop {
        ticks.tick().await;
        silent_since = silent_since.filter(|since| traffic.heard() < *since);
        if silent_since.is_some_and(|since| since.elapsed() > traffic.silence_patience()) {
            return Lost::Deaf;
        }
        let asked = Instant::now();
        let probe = ::redis::cmd("PUBLISH").arg(&own_channel).arg("").to_owned();
        publish.set_response_timeout(traffic.answer_patience());
        if let Err(error) = probe.query_async::<()>(&mut publish).await {
            return error.into();
        }
        if silent_since.is_none() && traffic.heard() < asked {
            silent_since = Some(Instant::now());
        }
    }
}

/// Moves messages from the client, whose queue is unbounded, into a bounded queue.
///
/// A task of its own, which waits for nothing else and ignores tokio's budget: it must be faster
/// than the client, which puts all messages of one read of its socket into its channel at once.
async fn read(mut stream: PubSubStream, arrivals: Entry, traffic: Arc<Traffic>) -> Lost {
    while let Some(message) = stream.next().await {
        let frame = message.get_payload_bytes();
        traffic.hear(frame.len());
        // An empty message is a probe.
        if !frame.is_empty() {
            arrivals.push(frame);
        }
    }
    Lost::Closed
}

/// Waits for the answer to a subscription, which the client itself would await for ever. Messages
/// of this node wait meanwhile, so a server that is silent counts as lost. The watchers may find
/// that earlier.
async fn answered(
    traffic: &Traffic,
    watchers: &mut JoinSet<Lost>,
    answer: impl Future<Output = Result<(), ::redis::RedisError>>,
) -> Result<(), Lost> {
    let mut answer = pin!(answer);
    let asked = Instant::now();
    let last = asked + LAST_ANSWER.max(traffic.silence_patience());
    loop {
        let heard = traffic.heard().max(asked);
        let end = last.min(heard + traffic.silence_patience());
        tokio::select! {
            biased;
            answer = &mut answer => return Ok(answer?),
            Some(Ok(lost)) = watchers.join_next() => return Err(lost),
            () = sleep_until(end) => {}
        }
        if traffic.heard() <= heard || end == last {
            return Err(Lost::Late);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_answer_may_be_late_while_messages_arrive() {
        let (traffic, mut watchers) = (Traffic::new(), JoinSet::new());
        let begun = Instant::now();
        let never = answered(&traffic, &mut watchers, pending()).await;
        assert!(matches!(never, Err(Lost::Late)));
        assert!(begun.elapsed() < 2 * PATIENCE, "{:?}", begun.elapsed());

        let hearing = Arc::clone(&traffic);
        let hears = tokio::spawn(async move {
            loop {
                hearing.hear(0);
                sleep(PATIENCE / 2).await;
            }
        });
        let late = async {
            sleep(LAST_ANSWER / 2).await;
            Ok(())
        };
        assert!(answered(&traffic, &mut watchers, late).await.is_ok());
        let begun = Instant::now();
        let never = answered(&traffic, &mut watchers, pending()).await;
        assert!(matches!(never, Err(Lost::Late)));
        assert_eq!(begun.elapsed(), LAST_ANSWER);

        watchers.spawn(async {
            sleep(PATIENCE).await;
            Lost::Deaf
        });
        let lost = answered(&traffic, &mut watchers, pending()).await;
        assert!(matches!(lost, Err(Lost::Deaf)));
        hears.abort();
    }
}
