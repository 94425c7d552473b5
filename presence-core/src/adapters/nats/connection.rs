//! The connection to NATS, which the client itself keeps: it reconnects, and subscribes again.

use std::{
    convert::Infallible,
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use async_nats::{Client, Subscriber, connection::State};
use futures_util::StreamExt;
use tokio::task::{JoinHandle, coop::unconstrained};

use super::OpenedNats;
use crate::{
    adapters::engine::{Arrivals, Connection, EngineNode, Entry, Item, NodeInbox, Outlet, Target},
    pubsub::{EngineState, TrafficClass},
};

/// The time between two looks at the connection. The client reconnects by itself, without a notice.
const STATE_POLL: Duration = Duration::from_millis(50);
/// The most bytes that the client holds before this node waits until they are written. The client
/// sends in order, so a heartbeat would wait behind them.
pub(super) const CLIENT_BYTES: usize = 256 * 1024;

/// A connection to NATS. The client never gives up.
#[derive(Debug)]
pub struct NatsConnection {
    node: NodeInbox,
    client: Client,
    /// The incoming frames that are not delivered yet.
    arrivals: Arrivals,
    /// Reads the direct messages of this node.
    direct: Option<Task>,
    /// Reports whether there is a connection.
    _watch: Task,
    /// The bytes of frames that the client has got since it last wrote all, without those of
    /// [`TrafficClass::Bulk`].
    unwritten: Arc<AtomicUsize>,
}

/// A task that ends when this is dropped. The task of a reader holds its subscription, which ends
/// with it.
#[derive(Debug)]
pub struct Task(JoinHandle<()>);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl NatsConnection {
    pub(super) fn new(opened: OpenedNats, node: NodeInbox) -> Self {
        let OpenedNats {
            client,
            queue_bytes,
        } = opened;
        let watch = tokio::spawn(watch(client.clone(), node.clone()));
        Self {
            arrivals: Arrivals::new(&node, queue_bytes),
            node,
            client,
            direct: None,
            _watch: Task(watch),
            unwritten: Arc::default(),
        }
    }

    async fn read(&self, target: &Target) -> Option<Task> {
        let subject = self.node.node.subjects.of(target);
        match self.client.subscribe(subject).await {
            Ok(subscription) => {
                let reader = read(subscription, self.arrivals.entry());
                Some(Task(tokio::spawn(unconstrained(reader))))
            }
            Err(error) => {
                tracing::error!("NATS does not take a subscription: {error}");
                None
            }
        }
    }
}

impl Connection for NatsConnection {
    type Outlet = NatsOutlet;
    type Subscription = Task;
    type Lost = Infallible;

    fn outlet(&self) -> NatsOutlet {
        NatsOutlet {
            node: Arc::clone(&self.node.node),
            client: self.client.clone(),
            unwritten: Arc::clone(&self.unwritten),
        }
    }

    async fn begin(&mut self) -> Result<(), Infallible> {
        let own = Target::Node(self.node.node.name().into());
        self.direct = self.read(&own).await;
        Ok(())
    }

    // One connection carries both, so the server knows of a subscription before it gets a message
    // that was sent after it.
    async fn subscribe(&mut self, buckets: Vec<u16>) -> Result<Vec<(u16, Task)>, Infallible> {
        let mut readers = Vec::with_capacity(buckets.len());
        for bucket in buckets {
            if let Some(reader) = self.read(&Target::Bucket(bucket)).await {
                readers.push((bucket, reader));
            }
        }
        Ok(readers)
    }

    async fn recover(&mut self, lost: Infallible) {
        match lost {}
    }

    async fn close(&mut self) {
        // Fails only if the client has ended, and then there is nothing to wait for.
        let _ = self.client.flush().await;
    }
}

/// The client of a connection to NATS, for sending.
#[derive(Debug)]
pub struct NatsOutlet {
    node: Arc<EngineNode>,
    client: Client,
    /// As in [`NatsConnection`].
    unwritten: Arc<AtomicUsize>,
}

impl Outlet for NatsOutlet {
    type Lost = Infallible;

    fn send(
        &self,
        class: TrafficClass,
        frames: Vec<Item>,
    ) -> impl Future<Output = Result<(), Infallible>> + Send + 'static {
        let (node, client) = (Arc::clone(&self.node), self.client.clone());
        let unwritten = Arc::clone(&self.unwritten);
        async move {
            let is_bulk = class == TrafficClass::Bulk;
            for item in frames {
                let bytes = item.frame.len();
                publish(&node, &client, item).await;
                if !is_bulk && unwritten.fetch_add(bytes, Relaxed) + bytes >= CLIENT_BYTES {
                    unwritten.store(0, Relaxed);
                    // Fails only if the client has ended.
                    let _ = client.flush().await;
                }
            }
            // Further frames of this class wait until these are written.
            if is_bulk {
                let _ = client.flush().await;
            }
            Ok(())
        }
    }

    // The client's own queue is bounded only in number.
    fn is_away(&self) -> bool {
        self.client.connection_state() != State::Connected
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

/// Reports the state of the connection, for as long as this node runs.
async fn watch(client: Client, node: NodeInbox) {
    loop {
        node.inbox.engine_is(match client.connection_state() {
            State::Pending => EngineState::Connecting,
            State::Connected => EngineState::Connected,
            State::Disconnected => EngineState::Disconnected,
        });
        tokio::time::sleep(STATE_POLL).await;
    }
}

/// Moves messages from the client, whose queue is bounded only in number, into one that is bounded
/// in bytes.
///
/// It ignores tokio's budget: it must be faster than the client, which puts all messages of one
/// read of its socket into its queues at once, and drops those that do not fit without a count.
async fn read(mut subscription: Subscriber, arrivals: Entry) {
    while let Some(message) = subscription.next().await {
        arrivals.push(&message.payload);
    }
}
