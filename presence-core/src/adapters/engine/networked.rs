//! The adapter over an engine on a network, and what an engine adds to it.

use std::{fmt, future::Future, pin::Pin, sync::Arc, time::Duration};

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::{runtime::Handle, sync::watch, task::JoinHandle, time::timeout};

use super::{EngineNode, EngineStats, Item, worker::Worker};
use crate::pubsub::{Adapter, AdapterError, Broadcast, Inbox, TrafficClass};

/// The longest that a stop waits for the queue to be sent, and for the connection to close.
const STOP_PATIENCE: Duration = Duration::from_secs(3);

/// The adapter over an engine on a network. `Zenoh`, `Nats` and `Redis` are its instances, and no
/// others can be made: [`Adapter`] is the trait for an engine of your own.
///
/// Messages wait in bounded queues, one for each class of traffic, and a task of the node sends
/// them. A node subscribes to what its subscribers want before it sends what they sent after they
/// subscribed. A dropped adapter ends like a [stopped](Adapter::stop) one, in the background.
pub struct Networked<E: Engine> {
    node: Arc<EngineNode>,
    pub(in crate::adapters) engine: E,
    runtime: Handle,
    /// The parts that were opened, until the worker has them.
    opened: Mutex<Option<E::Opened>>,
    work: Mutex<Work>,
}

/// The task of a node, from its start to its end.
#[derive(Debug, Default)]
enum Work {
    #[default]
    NotStarted,
    Running(JoinHandle<()>),
    /// A task waits for the end, also if no caller does. It drops the sender then.
    Ending(watch::Receiver<()>),
}

/// The part that differs from engine to engine, for the callers of an adapter.
pub trait Engine: Send + Sync + Sized + 'static {
    /// The engine's name, for logs.
    const NAME: &'static str;

    /// The parts that an engine opens before it is started.
    type Opened: Send + 'static;

    /// The engine's half of the worker.
    type Connection: Connection;

    /// Makes the connection of a node that starts. Called on the runtime.
    fn connection(opened: Self::Opened, node: NodeInbox) -> Self::Connection;

    /// Returns the limit for a message that is queued now, in bytes, names included.
    fn limit(&self) -> usize;

    /// Returns the limit for what is cut to fit for as long as the node runs.
    fn lasting_limit(&self) -> usize {
        self.limit()
    }

    /// Returns `false` if there is no node of this name.
    fn may_reach(&self, node: &str) -> bool {
        let _ = node;
        true
    }
}

/// The part that differs from engine to engine, for the task of a node.
///
/// Futures of [`begin`](Self::begin), [`subscribe`](Self::subscribe) and
/// [`unsubscribe`](Self::unsubscribe) are awaited to their end. Meanwhile, what was handed to
/// [`Outlet::send`] before goes on, and the outlet is given further frames.
pub trait Connection: Send + 'static {
    /// The sending half.
    type Outlet: Outlet<Lost = Self::Lost>;

    /// A subscription to a bucket. Dropping it ends it, at the latest when the connection is lost.
    type Subscription: Send + 'static;

    /// The reason why the connection is of no more use.
    type Lost: Send + 'static;

    /// Returns the most batches of a class that may be under way at once. Those of one class begin
    /// in their order.
    fn most_batches(class: TrafficClass) -> usize {
        let _ = class;
        1
    }

    /// Returns the bytes of a class under way from which on no further batch begins. So the last
    /// batch may exceed it, and a batch of any size begins when nothing is under way.
    fn most_bytes(class: TrafficClass) -> usize {
        let _ = class;
        usize::MAX
    }

    /// Returns the sending half, which is used until the connection is lost. Called before
    /// [`begin`](Self::begin).
    fn outlet(&self) -> Self::Outlet;

    /// Subscribes to the direct messages of this node, and does what else a new connection needs.
    /// Called first, and after each [`recover`](Self::recover).
    fn begin(&mut self) -> impl Future<Output = Result<(), Self::Lost>> + Send;

    /// Subscribes to buckets. Those that the engine does not take are missing in the result, and
    /// are tried again when the wanted buckets change.
    fn subscribe(
        &mut self,
        buckets: Vec<u16>,
    ) -> impl Future<Output = Result<Vec<(u16, Self::Subscription)>, Self::Lost>> + Send;

    /// Ends subscriptions.
    fn unsubscribe(
        &mut self,
        ended: Vec<(u16, Self::Subscription)>,
    ) -> impl Future<Output = Result<(), Self::Lost>> + Send {
        drop(ended);
        std::future::ready(Ok(()))
    }

    /// Handles that this node is subscribed to all that it wants, after [`begin`](Self::begin).
    fn began(&mut self) {}

    /// Does the engine's own work until the connection is lost.
    ///
    /// This method must be cancel safe.
    fn lost(&mut self) -> impl Future<Output = Self::Lost> + Send {
        std::future::pending()
    }

    /// Connects again. All subscriptions have been dropped.
    fn recover(&mut self, lost: Self::Lost) -> impl Future<Output = ()> + Send;

    /// Leaves the cluster, after all frames have been sent and all subscriptions dropped.
    fn close(&mut self) -> impl Future<Output = ()> + Send;
}

/// The half of a connection that sends. It works while the other half subscribes.
pub trait Outlet: Send + Sync + 'static {
    /// As [`Connection::Lost`].
    type Lost: Send + 'static;

    /// Sends frames of one class in their order, and counts them in the node's statistics, also if
    /// the future is dropped because the connection is lost.
    fn send(
        &self,
        class: TrafficClass,
        frames: Vec<Item>,
    ) -> impl Future<Output = Result<(), Self::Lost>> + Send + 'static;

    /// Returns whether frames should wait in the queue now, because the engine's own is not bounded
    /// well enough.
    fn is_away(&self) -> bool {
        false
    }
}

/// A node, and the way of incoming frames into it. A clone is cheap.
#[derive(Clone, Debug)]
pub struct NodeInbox {
    pub(in crate::adapters) node: Arc<EngineNode>,
    pub(in crate::adapters) inbox: Inbox,
}

impl NodeInbox {
    /// Delivers a frame that the engine received, or drops and counts it.
    pub(in crate::adapters) fn receive(&self, frame: &Bytes) {
        self.node.receive(frame, &self.inbox);
    }
}

impl<E: Engine> Networked<E> {
    /// Makes the adapter of a node that has opened its engine. Call it within the runtime on which
    /// the node's tasks shall run.
    pub(in crate::adapters) fn new(node: Arc<EngineNode>, engine: E, opened: E::Opened) -> Self {
        Self {
            node,
            engine,
            runtime: Handle::current(),
            opened: Mutex::new(Some(opened)),
            work: Mutex::default(),
        }
    }

    /// Begins to end the node's task. Returns a receiver that is closed at the end, or `None` if
    /// the node was never started.
    fn begin_end(&self) -> Option<watch::Receiver<()>> {
        self.node.outgoing.close();
        let mut work = self.work.lock();
        *work = match std::mem::take(&mut *work) {
            Work::Running(task) => {
                let (has_ended, ended) = watch::channel(());
                self.runtime.spawn(async move {
                    end(task, E::NAME).await;
                    drop(has_ended);
                });
                Work::Ending(ended)
            }
            other => other,
        };
        match &*work {
            Work::Ending(ended) => Some(ended.clone()),
            Work::NotStarted | Work::Running(_) => None,
        }
    }

    /// Returns the statistics of the engine.
    #[must_use]
    pub fn stats(&self) -> EngineStats {
        self.node.stats.clone()
    }
}

impl<E: Engine> Adapter for Networked<E> {
    fn node_name(&self) -> &str {
        self.node.name()
    }

    fn max_message_bytes(&self) -> Option<usize> {
        Some(self.engine.lasting_limit())
    }

    fn start(&self, inbox: Inbox) {
        let opened = self.opened.lock().take();
        let opened = opened.expect("an adapter is started once");
        let node = NodeInbox {
            node: Arc::clone(&self.node),
            inbox,
        };
        let worker = async move {
            let outgoing = Arc::clone(&node.node);
            Worker::new(outgoing, E::connection(opened, node))
                .run()
                .await;
        };
        *self.work.lock() = Work::Running(self.runtime.spawn(worker));
    }

    fn broadcast(&self, message: &Broadcast) -> Result<(), AdapterError> {
        self.broadcast_as(TrafficClass::Live, message)
    }

    fn direct(&self, node: &str, message: &Broadcast) -> Result<(), AdapterError> {
        self.direct_as(TrafficClass::Live, node, message)
    }

    fn broadcast_as(&self, class: TrafficClass, message: &Broadcast) -> Result<(), AdapterError> {
        self.node.broadcast(class, message, self.engine.limit())
    }

    fn direct_as(
        &self,
        class: TrafficClass,
        node: &str,
        message: &Broadcast,
    ) -> Result<(), AdapterError> {
        match self.engine.may_reach(node) {
            true => self.node.direct(class, node, message, self.engine.limit()),
            false => Err(AdapterError::UnknownNode(node.to_owned())),
        }
    }

    fn subscribed(&self, topic: &str) {
        self.node.subscribed(topic);
    }

    fn unsubscribed(&self, topic: &str) {
        self.node.unsubscribed(topic);
    }

    fn stop(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        let ended = self.begin_end();
        Box::pin(async move {
            if let Some(mut ended) = ended {
                // Nothing is ever sent: an error means that the sender has been dropped.
                while ended.changed().await.is_ok() {}
            }
        })
    }
}

/// Waits until the worker has sent all and closed its connection, but not for ever.
async fn end(mut task: JoinHandle<()>, engine: &'static str) {
    if timeout(STOP_PATIENCE, &mut task).await.is_err() {
        tracing::warn!("{engine} does not stop in time; what waited for it is lost");
        task.abort();
    }
}

impl<E: Engine> Drop for Networked<E> {
    fn drop(&mut self) {
        self.begin_end();
    }
}

impl<E: Engine> fmt::Debug for Networked<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Networked")
            .field("engine", &E::NAME)
            .field("node_name", &self.node.name())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
