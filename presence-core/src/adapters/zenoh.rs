//! The engine without a broker: [zenoh](https://zenoh.io), with every node a peer of every other.

mod config;
mod connection;
mod error;
mod living;
mod lookout;
mod options;
mod peers;
mod tls;
mod unlinked;

use std::sync::Arc;

use tokio::runtime::{Handle, RuntimeFlavor};

pub use error::ZenohError;
pub use options::ZenohOptions;
pub use peers::Peers;
pub use tls::ZenohTls;

use super::engine::{Engine, EngineNode, Networked, NodeInbox};
use connection::ZenohConnection;
use living::Living;
use lookout::Lookout;
use peers::Plan;

/// Carries messages from node to node over [zenoh](https://zenoh.io), without a broker.
///
/// Every node links to every other by TCP, or by TLS with [`ZenohOptions::tls`]; there is no
/// discovery by multicast. A node trusts every peer that can connect, so use a private network or
/// mutual certificates. A lost link is tried again every two seconds, and messages to that node
/// are lost meanwhile. If a node subscribes while it links, it may miss messages of some
/// milliseconds after the first ones: zenoh sends all messages over a new link, until it knows what
/// the other node wants. A node should get clients once its engine is
/// [connected](crate::PubSub::is_connected). A peer that does not read for 50 ms while others do
/// loses messages, so that it does not delay the others.
///
/// zenoh shows which nodes are alive. So there are [hints](crate::PubSub::peer_hints), and a direct
/// message to a node that is not there is an
/// [`UnknownNode`](crate::pubsub::AdapterError::UnknownNode).
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
pub type Zenoh = Networked<ZenohEngine>;

/// zenoh, as the adapter's callers need it.
#[derive(Debug)]
pub struct ZenohEngine {
    living: Arc<Living>,
    limit: usize,
}

/// The parts that [`Zenoh::connect`] has opened.
pub struct OpenedZenoh {
    options: ZenohOptions,
    session: zenoh::Session,
    plan: Plan,
    lookout: Lookout,
    living: Arc<Living>,
}

impl Networked<ZenohEngine> {
    /// Listens, and begins to connect to the other nodes, without waiting for them.
    ///
    /// Call it within a multi-threaded tokio runtime. The task of the node then runs in this
    /// runtime.
    ///
    /// # Errors
    /// [`ZenohError`] if an address is in use, a file is missing, a name is not valid, or an option
    /// is out of its bounds. Nodes that cannot be reached are no error, nor is a list of
    /// peers that cannot be read within 5 s: both are tried again.
    pub async fn connect(options: ZenohOptions) -> Result<Self, ZenohError> {
        // zenoh panics on a current-thread runtime.
        if Handle::current().runtime_flavor() == RuntimeFlavor::CurrentThread {
            return Err(ZenohError::Runtime);
        }
        options.check()?;
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
        let living = Arc::<Living>::default();
        let engine = ZenohEngine {
            living: Arc::clone(&living),
            limit: options.max_message_bytes,
        };
        let opened = OpenedZenoh {
            options,
            session,
            plan,
            lookout,
            living,
        };
        Ok(Self::new(node, engine, opened))
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
    let config = config::config(options, &plan.dial()).to_string();
    let config = zenoh::Config::from_json5(&config).map_err(ZenohError::Open)?;
    zenoh::open(config).await.map_err(ZenohError::Open)
}

impl Engine for ZenohEngine {
    const NAME: &'static str = "zenoh";
    type Opened = OpenedZenoh;
    type Connection = ZenohConnection;

    fn connection(opened: OpenedZenoh, node: NodeInbox) -> ZenohConnection {
        ZenohConnection::new(opened, node)
    }

    fn limit(&self) -> usize {
        self.limit
    }

    fn may_reach(&self, node: &str) -> bool {
        self.living.contains(node)
    }
}
