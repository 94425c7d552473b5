//! Several nodes, and the broker or the network between them.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use support::ports::free_port;

use crate::bounded::until;
use crate::broker::Broker;
use crate::engine::Engine;
use crate::member::{Home, Member};
use crate::namespaces::Network;
use crate::node::{NodeProcess, Plan};
use crate::view::{KeyCounts, disagreement};

/// The secret that the nodes of a test share.
const SECRET: &str = "a secret for tests, which everybody may know, of 64 bytes or more.";
/// The ports of nodes in namespaces of their own, for clients and for other nodes.
const HTTP_PORT: u16 = 4000;
const NODE_PORT: u16 = 7447;

/// The most nodes of a test. Each is named by a letter.
pub(crate) const NODES_MAX: usize = 26;

/// The program and the engine of the nodes.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    /// The executable of `examples/cluster`.
    pub(crate) program: PathBuf,
    /// The folder for the nodes' logs.
    pub(crate) logs: PathBuf,
    pub(crate) engine: Engine,
}

/// The nodes of a test, usually three.
pub(crate) struct Cluster {
    pub(crate) nodes: Vec<NodeProcess>,
    pub(crate) broker: Option<Broker>,
    pub(crate) network: Option<Network>,
}

/// Short periods, for tests that wait for a silent node to go down.
pub(crate) const BROADCAST_PERIOD: Duration = Duration::from_millis(200);
pub(crate) const DOWN_PERIOD: Duration = Duration::from_secs(3);

/// The heartbeat's period by default.
pub(crate) const DEFAULT_BROADCAST_PERIOD: Duration = Duration::from_millis(1500);

/// Returns the environment of nodes with the short periods.
pub(crate) fn short_periods() -> Vec<(String, String)> {
    [
        ("BROADCAST_PERIOD_MS", BROADCAST_PERIOD),
        ("DOWN_PERIOD_MS", DOWN_PERIOD),
    ]
    .map(|(name, period)| (name.to_owned(), period.as_millis().to_string()))
    .into()
}

impl Cluster {
    /// Starts nodes on this machine, named a, b, c, and waits until they see each other.
    pub(crate) async fn start(
        setup: &Setup,
        nodes: usize,
        environment: Vec<(String, String)>,
    ) -> Result<Self> {
        let ip = IpAddr::from(Ipv4Addr::LOCALHOST);
        let clients = (0..nodes)
            .map(|_| Ok((ip, free_port()?).into()))
            .collect::<Result<Vec<_>>>()?;
        let links = match setup.engine {
            Engine::Zenoh => (0..nodes)
                .map(|_| Ok((ip, free_port()?).into()))
                .collect::<Result<Vec<_>>>()?,
            _ => Vec::new(),
        };
        Self::run(setup, &clients, &links, environment, None).await
    }

    /// As [`start`](Self::start), but each node is on its own host of `network`.
    pub(crate) async fn start_on(
        setup: &Setup,
        network: Network,
        environment: Vec<(String, String)>,
    ) -> Result<Self> {
        let hosts = 0..network.hosts.len();
        let with = |port| {
            let address = |host| SocketAddr::new(network.address(host), port);
            hosts.clone().map(address).collect::<Vec<_>>()
        };
        let (clients, links) = (with(HTTP_PORT), with(NODE_PORT));
        Self::run(setup, &clients, &links, environment, Some(network)).await
    }

    async fn run(
        setup: &Setup,
        clients: &[SocketAddr],
        links: &[SocketAddr],
        environment: Vec<(String, String)>,
        network: Option<Network>,
    ) -> Result<Self> {
        fs::create_dir_all(&setup.logs)
            .with_context(|| format!("cannot create {}", setup.logs.display()))?;
        let broker = match setup.engine {
            Engine::Zenoh => None,
            engine => Some(Broker::start(engine).await?),
        };
        let mut all = vec![
            ("ENGINE".to_owned(), setup.engine.name().to_owned()),
            ("SECRET_KEY_BASE".to_owned(), SECRET.to_owned()),
        ];
        all.extend(broker.as_ref().map(Broker::environment));
        let listed: Vec<_> = links.iter().map(ToString::to_string).collect();
        all.push(("PEERS".to_owned(), listed.join(",")));
        let mut nodes = Vec::new();
        for (number, address) in clients.iter().enumerate() {
            let name = char::from(b'a' + number as u8).to_string();
            let log = setup.logs.join(format!("{name}.log"));
            // A log of an earlier run.
            let _ = fs::remove_file(&log);
            let mut own = all.clone();
            if let Some(link) = links.get(number) {
                own.push(("LISTEN".to_owned(), link.to_string()));
            }
            own.extend(environment.iter().cloned());
            nodes.push(NodeProcess::spawn(Plan {
                name,
                address: *address,
                program: setup.program.clone(),
                environment: own,
                namespace: network
                    .as_ref()
                    .map(|network| network.hosts[number].clone()),
                log,
            })?);
        }
        let mut cluster = Self {
            nodes,
            broker,
            network,
        };
        for node in &mut cluster.nodes {
            node.ready().await?;
        }
        let (nobody, limit) = (KeyCounts::new(), Duration::from_secs(30));
        cluster.agree(&nobody, limit).await?;
        Ok(cluster)
    }

    pub(crate) fn home(&self, node: usize) -> Home {
        Home::Node(self.nodes[node].address())
    }

    pub(crate) fn addresses(&self) -> Vec<SocketAddr> {
        self.nodes.iter().map(NodeProcess::address).collect()
    }

    /// Returns the network of a cluster from [`start_on`](Self::start_on).
    pub(crate) fn network(&self) -> &Network {
        self.network.as_ref().expect("it was started on one")
    }

    /// Waits until all running nodes hold the same of each other, and count what is true. Returns
    /// the time that it took.
    pub(crate) async fn agree(&self, truth: &KeyCounts, limit: Duration) -> Result<Duration> {
        let since = Instant::now();
        let mut last = String::new();
        let agreed = until(limit, "the nodes to agree", async || {
            let mut views = Vec::new();
            for node in self.nodes.iter().filter(|node| node.is_running()) {
                match node.view().await {
                    Ok(view) => views.push(view),
                    Err(error) => {
                        last = format!("{error:#}");
                        return Ok(false);
                    }
                }
            }
            let differ = disagreement(&views, truth);
            last = differ.clone().unwrap_or_default();
            Ok(differ.is_none())
        });
        if let Err(error) = agreed.await {
            bail!("{error}; the last difference: {last}");
        }
        Ok(since.elapsed())
    }

    /// Fails if a node has panicked.
    pub(crate) fn nobody_panicked(&self) -> Result<()> {
        for node in &self.nodes {
            if node.log().contains("panicked") {
                bail!("{} panicked{}", node.name(), node.log_tail());
            }
        }
        Ok(())
    }
}

/// Returns the number of keys that these members make in each topic.
pub(crate) fn counts<'a>(members: impl IntoIterator<Item = &'a Member>) -> KeyCounts {
    let mut keys = std::collections::BTreeMap::<_, std::collections::BTreeSet<_>>::new();
    for member in members {
        keys.entry(member.topic.clone())
            .or_default()
            .insert(&member.key);
    }
    keys.into_iter()
        .map(|(topic, keys)| (topic, keys.len()))
        .collect()
}
