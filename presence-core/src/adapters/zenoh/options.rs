//! The options of a zenoh node.

use std::{path::PathBuf, time::Duration};

use serde_json::{Value, json};

use super::{Peers, ZenohError};
use crate::{
    adapters::engine::{CLUSTER, MESSAGE_BYTES, QUEUE_BYTES},
    pubsub::wire,
};

/// The longest that a slow peer may delay the messages of the others, before its own are dropped.
const WAIT_BEFORE_DROP: Duration = Duration::from_millis(50);
/// The same, for the parts of one large message.
const WAIT_BEFORE_DROP_PARTS: Duration = Duration::from_secs(1);
/// The shortest [`ZenohOptions::lease`]. Heartbeats of a shorter one are late on a busy machine.
pub(super) const LEAST_LEASE: Duration = Duration::from_secs(1);
/// The shortest [`ZenohOptions::refresh`].
const LEAST_REFRESH: Duration = Duration::from_millis(100);
/// The first and the longest wait between two attempts to connect to a listed peer.
const RETRY: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(2));

/// The options of [`Zenoh`](super::Zenoh).
#[derive(Clone, Debug)]
pub struct ZenohOptions {
    /// The name of this node, unique in the cluster: 1 to 128 bytes.
    pub node_name: String,
    /// The name of the cluster: 1 to 64 letters, digits, `-` and `_`. All keys begin with it.
    /// Default `presence`.
    pub cluster: String,
    /// The addresses on which this node listens, as `host:port`: `0.0.0.0:7447`. With an empty
    /// list, the node only connects to others.
    pub listen: Vec<String>,
    /// All nodes of the cluster, this node included.
    pub peers: Peers,
    /// The certificates. Without them, nodes use plain TCP, and trust every peer that connects.
    pub tls: Option<ZenohTls>,
    /// The most bytes of messages that may wait to be sent, for each
    /// [class](crate::pubsub::TrafficClass) of them. Default 8 MiB. Further messages are dropped,
    /// and counted in [`EngineStats::dropped`](crate::adapters::EngineStats::dropped).
    pub queue_bytes: usize,
    /// The largest message, in bytes, names included. Default 8 MiB, at most 16.
    pub max_message_bytes: usize,
    /// The time after which a silent link is closed. Default 5 s; zenoh's own default is 10 s. Less
    /// than 1 s is a [`ZenohError::Lease`].
    ///
    /// A process that dies is noticed at once, because its connections close. The lease matters for
    /// machines and networks that vanish: no node connects again before it ends. Each idle link
    /// carries four heartbeats in this time, so half the time costs twice the heartbeats.
    pub lease: Duration,
    /// The most links of this node. Default 1000. A cluster of more nodes than that must raise it.
    pub max_sessions: usize,
    /// The time between two reads of [`peers`](Self::peers). Default 5 s. Less than 100 ms is a
    /// [`ZenohError::Refresh`].
    pub refresh: Duration,
}

impl ZenohOptions {
    /// Returns the default options, for a node of this name that listens on one address.
    #[must_use]
    pub fn new(node_name: impl Into<String>, listen: impl Into<String>, peers: Peers) -> Self {
        Self {
            node_name: node_name.into(),
            cluster: CLUSTER.to_owned(),
            listen: vec![listen.into()],
            peers,
            tls: None,
            queue_bytes: QUEUE_BYTES,
            max_message_bytes: MESSAGE_BYTES,
            lease: Duration::from_secs(5),
            max_sessions: 1000,
            refresh: Duration::from_secs(5),
        }
    }
}

/// The files, in PEM, for links over TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ZenohTls {
    /// The certificate of the authority that signed all nodes' certificates.
    pub ca: PathBuf,
    /// The certificate of this node.
    pub certificate: PathBuf,
    /// The private key of this node.
    pub private_key: PathBuf,
    /// If set, nodes that connect must show a certificate too. Otherwise a stranger can join.
    pub mutual: bool,
    /// If set, a node's certificate must name the host of the connection.
    pub verify_names: bool,
}

impl ZenohTls {
    /// Requires certificates on both ends, and checks their names.
    pub fn mutual(
        ca: impl Into<PathBuf>,
        certificate: impl Into<PathBuf>,
        private_key: impl Into<PathBuf>,
    ) -> Self {
        Self {
            ca: ca.into(),
            certificate: certificate.into(),
            private_key: private_key.into(),
            mutual: true,
            verify_names: true,
        }
    }

    pub(super) fn check(&self) -> Result<(), ZenohError> {
        for path in [&self.ca, &self.certificate, &self.private_key] {
            std::fs::File::open(path).map_err(|source| {
                let path = path.clone();
                ZenohError::Certificate { path, source }
            })?;
        }
        Ok(())
    }
}

/// Checks that links do not break without need, and that the search for peers leaves time for other
/// work.
pub(super) fn check_times(options: &ZenohOptions) -> Result<(), ZenohError> {
    let (lease, refresh) = (options.lease, options.refresh);
    if lease < LEAST_LEASE {
        return Err(ZenohError::Lease(lease));
    }
    if refresh < LEAST_REFRESH {
        return Err(ZenohError::Refresh(refresh));
    }
    Ok(())
}

/// Checks that a text is only an address. zenoh also reads options of its own from such a text,
/// which are rejected.
pub(super) fn check_address(address: &str) -> Result<(), ZenohError> {
    let port = address
        .rsplit_once(':')
        .map(|(_, port)| port.parse::<u16>());
    let plain = !address.contains(['/', '#', '?', ';', '"']);
    match (plain, port) {
        (true, Some(Ok(_))) => Ok(()),
        _ => Err(ZenohError::Address(address.to_owned())),
    }
}

/// Returns zenoh's configuration for connecting to these peers.
pub(super) fn config(options: &ZenohOptions, peers: &[String]) -> Value {
    let protocol = if options.tls.is_some() { "tls" } else { "tcp" };
    let endpoints = |addresses: &[String]| -> Vec<String> {
        addresses
            .iter()
            .map(|address| format!("{protocol}/{address}"))
            .collect()
    };
    let tls = options.tls.as_ref().map_or(Value::Null, |tls| {
        json!({
            "root_ca_certificate": tls.ca,
            "listen_private_key": tls.private_key,
            "listen_certificate": tls.certificate,
            "enable_mtls": tls.mutual,
            "connect_private_key": tls.private_key,
            "connect_certificate": tls.certificate,
            "verify_name_on_connect": tls.verify_names,
            "close_link_on_expiration": true,
        })
    });
    let mut link = json!({
        "tx": {
            "lease": options.lease.as_millis() as u64,
            "keep_alive": 4,
            "queue": { "congestion_control": { "drop": {
                "wait_before_drop": WAIT_BEFORE_DROP.as_micros() as u64,
                "max_wait_before_drop_fragments": WAIT_BEFORE_DROP_PARTS.as_micros() as u64,
            } } },
        },
        "rx": { "max_message_size": wire::MAX_FRAME + 64 * 1024 },
    });
    if !tls.is_null() {
        link["tls"] = tls;
    }
    json!({
        "mode": "peer",
        "listen": { "endpoints": endpoints(&options.listen), "exit_on_failure": true },
        "connect": {
            "endpoints": endpoints(peers),
            "timeout_ms": -1,
            "exit_on_failure": false,
            "retry": {
                "period_init_ms": RETRY.0.as_millis() as u64,
                "period_max_ms": RETRY.1.as_millis() as u64,
                "period_increase_factor": 2,
            },
        },
        // A node does not wait for the others.
        "open": { "return_conditions": { "connect_scouted": false, "declares": false } },
        "scouting": {
            "multicast": { "enabled": false },
            // Nodes do not connect by gossip: that would make second links between nodes, as `Plan`
            // says.
            "gossip": {
                "enabled": true,
                "autoconnect": { "router": [], "peer": [], "client": [] },
            },
        },
        "transport": {
            "unicast": { "max_sessions": options.max_sessions },
            "link": link,
            "shared_memory": { "enabled": false },
        },
    })
}

/// Returns zenoh's configuration for connecting once to this peer, and to no other.
pub(super) fn config_of_attempt(options: &ZenohOptions, peer: &str) -> Value {
    let mut config = config(options, &[peer.to_owned()]);
    config["listen"]["endpoints"] = json!([]);
    config["connect"]["timeout_ms"] = json!(0);
    config["connect"]["exit_on_failure"] = json!(true);
    config
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zenoh_takes_the_configuration() {
        let mut options = ZenohOptions::new("a", "[::1]:7447", Peers::List(Vec::new()));
        let peers = ["10.0.0.1:7447".to_owned(), "b.example:7447".to_owned()];
        let plain = config(&options, &peers);
        assert_eq!(plain["connect"]["endpoints"][1], "tcp/b.example:7447");
        let parsed = zenoh::Config::from_json5(&plain.to_string()).unwrap();
        assert_eq!(
            parsed.get_json("scouting/multicast/enabled").unwrap(),
            "false"
        );
        let gossip: Value =
            serde_json::from_str(&parsed.get_json("scouting/gossip").unwrap()).unwrap();
        assert_eq!(gossip["autoconnect"]["peer"], json!([]), "{gossip}");
        assert_eq!(parsed.get_json("transport/link/tx/lease").unwrap(), "5000");

        options.tls = Some(ZenohTls::mutual("ca.pem", "node.pem", "node.key"));
        let secured = config(&options, &peers);
        assert_eq!(secured["listen"]["endpoints"][0], "tls/[::1]:7447");
        let parsed = zenoh::Config::from_json5(&secured.to_string()).unwrap();
        assert_eq!(
            parsed.get_json("transport/link/tls/enable_mtls").unwrap(),
            "true"
        );
    }

    #[test]
    fn a_lease_and_a_refresh_have_a_least_value() {
        let mut options = ZenohOptions::new("a", "[::1]:7447", Peers::List(Vec::new()));
        for (millis, fits) in [(0, false), (999, false), (1000, true), (10_000, true)] {
            options.lease = Duration::from_millis(millis);
            let checked = check_times(&options);
            assert_eq!(checked.is_ok(), fits, "{checked:?}");
        }
        for (millis, fits) in [(0, false), (99, false), (100, true), (60_000, true)] {
            options.refresh = Duration::from_millis(millis);
            let checked = check_times(&options);
            assert_eq!(checked.is_ok(), fits, "{checked:?}");
        }
    }

    #[test]
    fn addresses_are_a_host_and_a_port() {
        for address in ["0.0.0.0:7447", "[::]:0", "b.example:7447"] {
            assert!(check_address(address).is_ok(), "{address}");
        }
        for address in [
            "",
            "host",
            "host:",
            "tcp/host:1",
            "host:1#iface=x",
            "host:70000",
        ] {
            assert!(check_address(address).is_err(), "{address}");
        }
    }
}
