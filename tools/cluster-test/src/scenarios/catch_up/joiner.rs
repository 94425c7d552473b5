//! A node behind a link of its own.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use support::ports::free_port;
use tokio::time::sleep;

use crate::broker::Broker;
use crate::cluster::{Cluster, Setup};
use crate::engine::Engine;
use crate::link::{Link, Quality};
use crate::load::Watcher;
use crate::node::{NodeProcess, Plan};
use crate::view::Replica;

/// The time between two looks at a joiner.
const POLL: Duration = Duration::from_millis(20);

/// A node that joins, its link, and its client.
pub(super) struct Joiner {
    pub(super) node: NodeProcess,
    pub(super) link: Link,
    pub(super) watcher: Watcher,
    /// The address at which other joiners reach it, through its link.
    entrance: Option<SocketAddr>,
}

impl Joiner {
    /// Starts a node whose every connection to the cluster, and to the joiners before it, passes
    /// through its link.
    pub(super) async fn start(
        setup: &Setup,
        cluster: &Cluster,
        earlier: &[Self],
        name: String,
        quality: Quality,
    ) -> Result<Self> {
        let link = Link::start(quality).await?;
        let like = &cluster.nodes[0].plan;
        let mut environment = like.environment.clone();
        let mut entrance = None;
        // A later variable of the same name wins.
        match setup.engine {
            Engine::Zenoh => {
                // No other node lists this node, so this node opens all links.
                let mut peers = Vec::new();
                for node in &cluster.nodes {
                    peers.push(link.way_out(listen_address(node)?)?);
                }
                for joiner in earlier {
                    let theirs = joiner
                        .entrance
                        .context("a joiner over zenoh has an entrance")?;
                    peers.push(link.way_out(theirs)?);
                }
                let own = local(free_port()?);
                entrance = Some(link.way_in(own)?);
                let listed: Vec<_> = peers.iter().map(ToString::to_string).collect();
                environment.push(("PEERS".to_owned(), listed.join(",")));
                environment.push(("LISTEN".to_owned(), own.to_string()));
            }
            engine => {
                let broker = cluster.broker.as_ref().context("the broker runs")?;
                let way = link.way_out(broker.address())?;
                let url = format!("{}://{way}", engine.name());
                environment.push((Broker::variable(broker).to_owned(), url));
            }
        }
        let log = setup.logs.join(format!("{name}.log"));
        // A log of an earlier run.
        let _ = std::fs::remove_file(&log);
        let node = NodeProcess::spawn(Plan {
            address: local(free_port()?),
            program: like.program.clone(),
            environment,
            namespace: None,
            log,
            name: name.clone(),
        })?;
        let watcher = Watcher::start(node.address(), format!("watcher-{name}"));
        Ok(Self {
            node,
            link,
            watcher,
            entrance,
        })
    }

    /// Waits until the node shows exactly these presences of the others. Returns that time, and the
    /// bytes and the messages of the app that had arrived by then. Returns `None` after `limit`.
    pub(super) async fn complete(
        &mut self,
        wanted: &[Replica],
        limit: Duration,
    ) -> Result<Option<Arrived>> {
        let end = Instant::now() + limit;
        loop {
            if let Some(status) = self.node.ended()? {
                bail!(
                    "{} ended ({status}){}",
                    self.node.name(),
                    self.node.log_tail()
                );
            }
            // An error means that the node does not listen yet, or is busy.
            if let Ok(view) = self.node.view().await
                && wanted.iter().all(|replica| view.shows(replica))
            {
                return Ok(Some(self.arrived()));
            }
            if Instant::now() >= end {
                return Ok(None);
            }
            sleep(POLL).await;
        }
    }

    /// Returns what has arrived so far.
    pub(super) fn arrived(&self) -> Arrived {
        Arrived {
            at: Instant::now(),
            bytes: self.link.bytes_down(),
            sent_bytes: self.link.bytes_up(),
            messages: self.watcher.count(),
            // An error means that the node has ended, which is reported elsewhere.
            cpu: self.node.cpu_time().unwrap_or_default(),
        }
    }
}

/// The count of all that had arrived at a node by a time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arrived {
    pub(super) at: Instant,
    pub(super) bytes: u64,
    /// The bytes that the node had sent.
    pub(super) sent_bytes: u64,
    /// The messages of the app.
    pub(super) messages: u64,
    /// The CPU time that the node had used.
    pub(super) cpu: Duration,
}

fn local(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

/// Returns the address at which a node listens for other nodes.
fn listen_address(node: &NodeProcess) -> Result<SocketAddr> {
    let mut variables = node.plan.environment.iter();
    let listen = variables.find(|(name, _)| name == "LISTEN");
    let (_, address) = listen.context("a node over zenoh listens")?;
    address.parse().context("LISTEN is not an address")
}
