//! The engine without a broker: [zenoh](https://zenoh.io), with every node a peer of every other.

mod error;
mod living;
mod lookout;
mod options;
mod peers;
mod unlinked;
mod worker;

use std::{fmt, future::Future, pin::Pin, sync::Arc, time::Duration};

use parking_lot::Mutex;
use tokio::{
    runtime::{Handle, RuntimeFlavor},
    task::JoinHandle,
};

pub use error::ZenohError;
pub use options::{ZenohOptions, ZenohTls};
pub use peers::Peers;

use super::engine::{EngineNode, EngineStats};
use crate::pubsub::{Adapter, AdapterError, Broadcast, Inbox, TrafficClass, wire};
use living::Living;
use lookout::Lookout;
use peers::Plan;
use worker::ZenohWorker;

/// The longest that a stop waits for the queue to be sent, and for the session to close.
const STOP_PATIENCE: Duration = Duration::from_secs(3);

/// Carries messages from node to node over [zenoh](https://zenoh.io), without a broker.
///
/// Every node links to every other by TCP, or by TLS with [`ZenohOptions::tls`]; there is no
/// discovery by multicast. A node trusts every peer that can connect, so use a private network or
/// mutual certificates. A lost link is tried again every two seconds, and messages to that node
/// are lost meanwhile. A peer that does not read for 50 ms while others do loses messages, so that
/// it does not delay the others.
///
/// zenoh shows which nodes are alive. So there are [hints](crate::PubSub::peer_hints), and a direct
/// message to a node that is not there is an [`AdapterError::UnknownNode`].
///
/// ```no_run
/// use presence_core::{PubSub, adapters::{Peers, Zenoh, ZenohOptions}};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let peers = Peers::Dns("chat-nodes.internal:7447".to_owned());
/// let zenoh = Zenoh::connect(ZenohOptions::new("node-a", "0.0.0.0:7447", peers)).await?;
/// let pubsub = PubSub::with_adapter(zenoh);
/// # Ok(())
/// # }
/// ```
pub struct Zenoh {
    node: Arc<EngineNode>,
    living: Arc<Living>,
    limit: usize,
    runtime: Handle,
    /// The parts of the worker, until it is started.
    ready: Mutex<Option<OpenedZenoh>>,
    task: Mutex<Option<JoinHandle<()>>>,
}

struct OpenedZenoh {
    options: ZenohOptions,
    session: zenoh::Session,
    plan: Plan,
    lookout: Lookout,
}

impl Zenoh {
    /// Listens, and begins to connect to the other nodes, without waiting for them.
    ///
    /// Call it within a multi-threaded tokio runtime. The task of the node then runs in this
    /// runtime.
    ///
    /// # Errors
    /// [`ZenohError`] if an address is in use, a file is missing, or a name is not valid. Nodes
    /// that cannot be reached are no error, nor is a list of peers that cannot be read within 5 s:
    /// both are tried again.
    pub async fn connect(options: ZenohOptions) -> Result<Self, ZenohError> {
        let runtime = Handle::current();
        // zenoh panics on a current-thread runtime.
        if runtime.runtime_flavor() == RuntimeFlavor::CurrentThread {
            return Err(ZenohError::Runtime);
        }
        let node = EngineNode::new(
            &options.node_name,
            &options.cluster,
            '/',
            options.queue_bytes,
        )?;
        if let Some(tls) = &options.tls {
            tls.check()?;
        }
        check_listen(&options.listen).await?;
        let lookout = Lookout::start(&options).await;
        let plan = Plan::new(lookout.listed().clone(), &options.listen, false).await;
        let session = open(&options, &plan).await?;
        Ok(Self {
            node,
            living: Arc::default(),
            limit: options.max_message_bytes.min(wire::MAX_FRAME),
            runtime,
            ready: Mutex::new(Some(OpenedZenoh {
                options,
                session,
                plan,
                lookout,
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

/// Binds the addresses once. zenoh reports an address in use only as text, without an error kind.
async fn check_listen(addresses: &[String]) -> Result<(), ZenohError> {
    for address in addresses {
        options::check_address(address)?;
        let error = |source| {
            let address = address.clone();
            ZenohError::Listen { address, source }
        };
        for socket in tokio::net::lookup_host(address).await.map_err(error)? {
            std::net::TcpListener::bind(socket).map_err(error)?;
        }
    }
    Ok(())
}

async fn open(options: &ZenohOptions, plan: &Plan) -> Result<zenoh::Session, ZenohError> {
    let config = options::config(options, &plan.dial()).to_string();
    let config = zenoh::Config::from_json5(&config).map_err(ZenohError::Open)?;
    zenoh::open(config).await.map_err(ZenohError::Open)
}

impl Adapter for Zenoh {
    fn node_name(&self) -> &str {
        self.node.name()
    }

    fn max_message_bytes(&self) -> Option<usize> {
        Some(self.limit)
    }

    fn start(&self, inbox: Inbox) {
        let ready = self
            .ready
            .lock()
            .take()
            .expect("an adapter is started once");
        let worker = ZenohWorker::new(self.node.clone(), self.living.clone(), inbox, ready);
        *self.task.lock() = Some(self.runtime.spawn(worker.run()));
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
        match self.living.contains(node) {
            true => self.node.direct(class, node, message, self.limit),
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
        self.node.outgoing.close();
        let task = self.task.lock().take();
        Box::pin(async move {
            if let Some(mut task) = task
                && tokio::time::timeout(STOP_PATIENCE, &mut task)
                    .await
                    .is_err()
            {
                tracing::warn!("zenoh does not stop; its links are cut");
                task.abort();
            }
        })
    }
}

impl Drop for Zenoh {
    fn drop(&mut self) {
        // The worker ends when there is nothing more to send, and closes the session in order.
        self.node.outgoing.close();
    }
}

impl fmt::Debug for Zenoh {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Zenoh")
            .field("node_name", &self.node.name())
            .finish_non_exhaustive()
    }
}
