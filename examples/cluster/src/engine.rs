//! What carries messages between the nodes.

use anyhow::{Context, bail};
use presence_channels::{
    PubSub,
    adapters::{
        EngineStats, Nats, NatsOptions, Peers, Redis, RedisOptions, Zenoh, ZenohOptions,
        redis_client::Client,
    },
};

/// A connected engine, and its figures for the node page.
pub(crate) struct Engine {
    pub(crate) name: &'static str,
    pub(crate) pubsub: PubSub,
    pub(crate) stats: EngineStats,
}

/// This node's part of the cluster.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Settings {
    pub(crate) node_name: String,
    pub(crate) engine: EngineSettings,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum EngineSettings {
    Zenoh { listen: String, peers: Vec<String> },
    Nats { url: String },
    Redis { url: String },
}

impl Settings {
    /// Reads environment variables, by `variable`.
    pub(crate) fn read(
        port: &str,
        variable: impl Fn(&str) -> Option<String>,
    ) -> anyhow::Result<Self> {
        let or = |name: &str, default: &str| variable(name).unwrap_or(default.to_owned());
        let peers = or("PEERS", "");
        let peers = peers
            .split(',')
            .map(str::trim)
            .filter(|peer| !peer.is_empty());
        let engine = match &*or("ENGINE", "zenoh") {
            "zenoh" => EngineSettings::Zenoh {
                listen: or("LISTEN", "127.0.0.1:7447"),
                peers: peers.map(str::to_owned).collect(),
            },
            "nats" => EngineSettings::Nats {
                url: or("NATS_URL", "nats://127.0.0.1:4222"),
            },
            "redis" => EngineSettings::Redis {
                url: or("REDIS_URL", "redis://127.0.0.1:6379"),
            },
            other => bail!("ENGINE is {other:?}, and must be zenoh, nats or redis"),
        };
        Ok(Self {
            node_name: or("NODE_NAME", &format!("node-{port}")),
            engine,
        })
    }

    pub(crate) async fn connect(&self) -> anyhow::Result<Engine> {
        let node_name = self.node_name.clone();
        let engine = match &self.engine {
            EngineSettings::Zenoh { listen, peers } => {
                let peers = Peers::List(peers.clone());
                let zenoh = Zenoh::connect(ZenohOptions::new(node_name, listen, peers)).await?;
                Engine {
                    name: "zenoh",
                    stats: zenoh.stats(),
                    pubsub: PubSub::with_adapter(zenoh),
                }
            }
            EngineSettings::Nats { url } => {
                let nats = Nats::connect(NatsOptions::new(node_name, url)).await?;
                Engine {
                    name: "nats",
                    stats: nats.stats(),
                    pubsub: PubSub::with_adapter(nats),
                }
            }
            EngineSettings::Redis { url } => {
                let client = Client::open(&**url).context("REDIS_URL is no address of a server")?;
                let redis = Redis::connect(RedisOptions::new(node_name, client)).await?;
                Engine {
                    name: "redis",
                    stats: redis.stats(),
                    pubsub: PubSub::with_adapter(redis),
                }
            }
        };
        Ok(engine)
    }
}
