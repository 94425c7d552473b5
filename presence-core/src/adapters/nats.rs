//! The engine over [NATS](https://nats.io).

use std::{collections::HashMap, fmt, future::Future, pin::Pin, sync::Arc, time::Duration};

use async_nats::{Client, ConnectOptions, ServerAddr, Subscriber, connection::State};
use futures_util::StreamExt;
use parking_lot::Mutex;
use tokio::{
    runtime::Handle,
    task::{AbortHandle, JoinHandle, JoinSet},
};

use super::engine::{Batch, EngineNode, EngineStats, Item, NameError, QUEUE_BYTES, Target};
use crate::pubsub::{Adapter, AdapterError, Broadcast, EngineState, Inbox, TrafficClass, wire};

/// The longest that a stop waits for the queue to be sent.
const STOP_PATIENCE: Duration = Duration::from_secs(3);
/// The time between two looks at the connection. The client reconnects by itself, without a notice.
const AWAY_POLL: Duration = Duration::from_millis(50);
/// The most frames that the client itself holds before it writes them to its socket.
const CLIENT_CAPACITY: usize = 256;
/// The most bytes that the client holds before this node waits until they are written. The client
/// sends in order, so a heartbeat would wait behind them.
const CLIENT_BYTES: usize = 256 * 1024;

/// The limit of a server on messages unless its `max_payload` is changed, in bytes. A message that
/// waits for a first connection may be as large.
const USUAL_LIMIT: usize = 1024 * 1024;
/// The limit for what is cut to fit before a server is known, in bytes: few servers have less.
const CAUTIOUS_LIMIT: usize = 64 * 1024;

/// The options of [`Nats`].
#[derive(Debug)]
pub struct NatsOptions {
    /// The name of this node, unique in the cluster: 1 to 128 bytes.
    pub node_name: String,
    /// The name of the cluster, if one NATS serves several: 1 to 64 letters, digits, `-` and `_`.
    /// All subjects begin with it. Default `presence`.
    pub cluster: String,
    /// The servers, as `nats://host:4222` or `tls://host:4222`. One server that answers is enough.
    /// When it goes down, the next is tried. The user and password of the first address that has
    /// them, as in `nats://user:password@host:4222`, are used with all servers.
    pub servers: Vec<String>,
    /// The client's options: credentials, certificates, timings. `no_echo` is always set, so that a
    /// node does not get its own messages.
    ///
    /// The default detects within 15 s that a server no longer answers (the client's own default
    /// takes three minutes), and lets the client itself hold at most 256 frames.
    pub connect: ConnectOptions,
    /// The most bytes of messages that may wait while the server is away, for each
    /// [class](TrafficClass) of them. Default 8 MiB. Further messages of that class are dropped,
    /// and counted in [`EngineStats::dropped`].
    pub queue_bytes: usize,
}

impl NatsOptions {
    /// Returns the default options, for a node of this name and one server.
    #[must_use]
    pub fn new(node_name: impl Into<String>, server: impl Into<String>) -> Self {
        Self {
            node_name: node_name.into(),
            cluster: "presence".to_owned(),
            servers: vec![server.into()],
            connect: ConnectOptions::new()
                .ping_interval(Duration::from_secs(5))
                .client_capacity(CLIENT_CAPACITY),
            queue_bytes: QUEUE_BYTES,
        }
    }
}

/// The connection to NATS failed. Nothing was started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NatsError {
    /// A name is not valid.
    #[error(transparent)]
    Name(#[from] NameError),
    /// The text is not an address of a server.
    #[error("{address:?} is not the address of a NATS server: {source}")]
    Address {
        /// The address, without its password.
        address: String,
        /// The error in the address.
        source: std::io::Error,
    },
    /// No server could be reached, or every server rejected this node. A server that rejects a node
    /// closes the connection. If its error is lost with the connection, `source` says only that the
    /// connection broke.
    #[error("cannot connect to NATS at {servers}: {source}")]
    Connect {
        /// The servers that were tried.
        servers: String,
        /// The client's error.
        source: async_nats::ConnectError,
    },
}

/// Carries messages over NATS core: subjects, no JetStream. A message may be as large as the
/// server's `max_payload` (1 MiB unless changed), names included. Before the first connection, with
/// `retry_on_initial_connect`, the limit is taken to be 1 MiB, and a tracker that starts then cuts
/// its messages to 64 KiB for good. A message that turns out to be too large for the server is
/// dropped, counted and logged.
///
/// A node trusts every client that may publish on the cluster's subjects: give each cluster an
/// account or a user of its own. While the server is away, messages wait, up to
/// [`NatsOptions::queue_bytes`]. The node reconnects when the server is back. NATS does not list
/// the nodes, so a direct message to an unknown node is no error, and there are no hints.
///
/// ```no_run
/// use presence_core::{PubSub, adapters::{Nats, NatsOptions}};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let nats = Nats::connect(NatsOptions::new("node-a", "nats://10.0.0.5:4222")).await?;
/// let pubsub = PubSub::with_adapter(nats);
/// # Ok(())
/// # }
/// ```
pub struct Nats {
    node: Arc<EngineNode>,
    client: Client,
    runtime: Handle,
    task: Mutex<Option<JoinHandle<()>>>,
}

impl Nats {
    /// Connects to one of the servers.
    ///
    /// Call it within a tokio runtime. The tasks of the node then run in this runtime.
    ///
    /// # Errors
    /// [`NatsError`] if the connection fails, at once if a server rejects it. The call waits for a
    /// server that is not up yet only if `connect` has `retry_on_initial_connect`.
    pub async fn connect(options: NatsOptions) -> Result<Self, NatsError> {
        let NatsOptions {
            node_name,
            cluster,
            servers,
            connect,
            queue_bytes,
        } = options;
        let node = EngineNode::new(&node_name, &cluster, '.', queue_bytes)?;
        let addresses = servers
            .iter()
            .map(|address| match address.parse::<ServerAddr>() {
                Ok(parsed) => Ok(parsed),
                Err(source) => {
                    let address = without_credentials(address);
                    Err(NatsError::Address { address, source })
                }
            })
            .collect::<Result<Vec<_>, _>>()?;
        // The address as it was written may contain a password.
        let host = |address: &ServerAddr| format!("{}:{}", address.host(), address.port());
        let hosts: Vec<String> = addresses.iter().map(host).collect();
        // The client itself ignores the credentials in an address.
        let credentials = addresses
            .iter()
            .find_map(|address| Some((address.username()?, address.password()?)));
        let connect = match credentials {
            Some((user, password)) => {
                connect.user_and_password(percent_decoded(user), percent_decoded(password))
            }
            None => connect,
        };
        let client = match connect.no_echo().connect(addresses).await {
            Ok(client) => client,
            Err(source) => {
                let servers = hosts.join(", ");
                return Err(NatsError::Connect { servers, source });
            }
        };
        let runtime = Handle::current();
        let task = Mutex::default();
        Ok(Self {
            node,
            client,
            runtime,
            task,
        })
    }

    /// Returns the statistics of the engine.
    #[must_use]
    pub fn stats(&self) -> EngineStats {
        self.node.stats.clone()
    }

    /// Returns the limit of the server, which is known from the first connection on.
    fn known_limit(&self) -> Option<usize> {
        // Until then, the client answers with a limit that is usual, and may be wrong.
        let known = self.client.connection_state() != State::Pending;
        let limit = self.client.max_payload();
        (known && limit > 0).then_some(limit.min(wire::MAX_FRAME))
    }

    /// Returns the limit for a message that is queued now.
    fn limit(&self) -> usize {
        self.known_limit().unwrap_or(USUAL_LIMIT)
    }
}

impl Adapter for Nats {
    fn node_name(&self) -> &str {
        self.node.name()
    }

    fn max_message_bytes(&self) -> Option<usize> {
        // A tracker cuts its messages to the answer for as long as it runs.
        Some(self.known_limit().unwrap_or(CAUTIOUS_LIMIT))
    }

    fn start(&self, inbox: Inbox) {
        let worker = NatsWorker {
            node: self.node.clone(),
            client: self.client.clone(),
            inbox,
            readers: JoinSet::new(),
            buckets: HashMap::new(),
            bulk: JoinSet::new(),
            watch: JoinSet::new(),
            unwritten: 0,
        };
        *self.task.lock() = Some(self.runtime.spawn(worker.run()));
    }

    fn broadcast(&self, message: &Broadcast) -> Result<(), AdapterError> {
        self.broadcast_as(TrafficClass::Live, message)
    }

    fn direct(&self, node: &str, message: &Broadcast) -> Result<(), AdapterError> {
        self.direct_as(TrafficClass::Live, node, message)
    }

    fn broadcast_as(&self, class: TrafficClass, message: &Broadcast) -> Result<(), AdapterError> {
        self.node.broadcast(class, message, self.limit())
    }

    fn direct_as(
        &self,
        class: TrafficClass,
        node: &str,
        message: &Broadcast,
    ) -> Result<(), AdapterError> {
        self.node.direct(class, node, message, self.limit())
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
            if tokio::time::timeout(STOP_PATIENCE, &mut task)
                .await
                .is_err()
            {
                tracing::warn!("NATS is away; what waited for it is lost");
                task.abort();
            }
        })
    }
}

impl Drop for Nats {
    fn drop(&mut self) {
        if let Some(task) = self.task.lock().take() {
            task.abort();
        }
    }
}

impl fmt::Debug for Nats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Nats")
            .field("node_name", &self.node.name())
            .finish_non_exhaustive()
    }
}

/// Returns an address without its credentials, also if the address is malformed.
fn without_credentials(address: &str) -> String {
    let (scheme, rest) = match address.split_once("://") {
        Some((scheme, rest)) => (format!("{scheme}://"), rest),
        None => (String::new(), address),
    };
    let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
    format!("{scheme}{host}")
}

/// Decodes a part of a URL: `%40` stands for `@`.
fn percent_decoded(part: &str) -> String {
    let mut bytes = Vec::with_capacity(part.len());
    let mut rest = part.as_bytes();
    while let [first, after @ ..] = rest {
        let digits = after.get(..2).filter(|_| *first == b'%');
        let digits = digits.and_then(|digits| std::str::from_utf8(digits).ok());
        match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => (bytes.push(byte), rest = &after[2..]),
            None => (bytes.push(*first), rest = after),
        };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The task of a node. It ends when the queue is closed and empty; its readers end with it.
struct NatsWorker {
    node: Arc<EngineNode>,
    client: Client,
    inbox: Inbox,
    /// One task for each subscription. The client itself subscribes again after a reconnect.
    readers: JoinSet<()>,
    buckets: HashMap<u16, AbortHandle>,
    /// Sends frames of [`TrafficClass::Bulk`], if it has a task. Further ones wait until these are
    /// written.
    bulk: JoinSet<()>,
    /// Reports whether there is a connection.
    watch: JoinSet<()>,
    /// The bytes that the client has got since it last wrote all.
    unwritten: usize,
}

impl NatsWorker {
    async fn run(mut self) {
        let node = self.node.clone();
        let watch = watch(self.client.clone(), self.inbox.clone());
        self.watch.spawn(watch);
        if self.read(&Target::Node(node.name().into())).await.is_none() {
            return;
        }
        loop {
            let idle = self.bulk.is_empty();
            tokio::select! {
                () = node.interests.changed() => self.subscribe_as_wanted().await,
                _ = self.bulk.join_next(), if !idle => {}
                batch = next(&node, &self.client, idle) => {
                    let Some(Batch { control, live, bulk }) = batch else { break };
                    self.send(control).await;
                    // One connection carries both, so the server knows of the subscription first.
                    if node.interests.stale() {
                        self.subscribe_as_wanted().await;
                    }
                    self.send(live).await;
                    self.send_bulk(bulk);
                }
            }
        }
        // Fails only if the client has ended, and then there is nothing to wait for.
        let _ = self.client.flush().await;
    }

    async fn send(&mut self, items: Vec<Item>) {
        for item in items {
            self.unwritten += item.frame.len();
            publish(&self.node, &self.client, item).await;
            if self.unwritten >= CLIENT_BYTES {
                self.unwritten = 0;
                // Fails only if the client has ended.
                let _ = self.client.flush().await;
            }
        }
    }

    fn send_bulk(&mut self, bulk: Vec<Item>) {
        if bulk.is_empty() {
            return;
        }
        let (node, client) = (self.node.clone(), self.client.clone());
        self.bulk.spawn(async move {
            for item in bulk {
                publish(&node, &client, item).await;
            }
            let _ = client.flush().await;
        });
    }

    async fn subscribe_as_wanted(&mut self) {
        let wanted = self.node.interests.wanted();
        // Ending a reader drops its subscription, which unsubscribes.
        self.buckets.retain(|bucket, reader| {
            let keep = wanted.contains(bucket);
            if !keep {
                reader.abort();
            }
            keep
        });
        while self.readers.try_join_next().is_some() {}
        for bucket in wanted {
            if !self.buckets.contains_key(&bucket)
                && let Some(reader) = self.read(&Target::Bucket(bucket)).await
            {
                self.buckets.insert(bucket, reader);
            }
        }
    }

    async fn read(&mut self, target: &Target) -> Option<AbortHandle> {
        let subject = self.node.subjects.of(target);
        match self.client.subscribe(subject).await {
            Ok(subscription) => {
                let (node, inbox) = (self.node.clone(), self.inbox.clone());
                Some(self.readers.spawn(receive(subscription, node, inbox)))
            }
            Err(error) => {
                tracing::error!("NATS does not take a subscription: {error}");
                None
            }
        }
    }
}

async fn publish(node: &EngineNode, client: &Client, item: Item) {
    let subject = node.subjects.of(&item.target);
    // The size was checked when the frame was queued. An error means that the limit of the server
    // has shrunk since.
    match client.publish(subject, item.frame).await {
        Ok(()) => node.stats.count_sent(1),
        Err(error) => {
            node.stats.count_dropped();
            tracing::warn!("NATS does not take a message: {error}");
        }
    }
}

/// Returns the next frames, after the server is there: the client's own queue is bounded only in
/// number.
async fn next(node: &EngineNode, client: &Client, with_bulk: bool) -> Option<Batch<Item>> {
    while client.connection_state() != State::Connected {
        tokio::time::sleep(AWAY_POLL).await;
    }
    let takes = |class| with_bulk || class != TrafficClass::Bulk;
    node.outgoing.next(takes).await
}

/// Reports the state of the connection, for as long as this node runs.
async fn watch(client: Client, inbox: Inbox) {
    loop {
        inbox.engine_is(match client.connection_state() {
            State::Pending => EngineState::Connecting,
            State::Connected => EngineState::Connected,
            State::Disconnected => EngineState::Disconnected,
        });
        tokio::time::sleep(AWAY_POLL).await;
    }
}

async fn receive(mut subscription: Subscriber, node: Arc<EngineNode>, inbox: Inbox) {
    while let Some(message) = subscription.next().await {
        node.receive(&message.payload, &inbox);
    }
}

#[cfg(test)]
mod tests;
