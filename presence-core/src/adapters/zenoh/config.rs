//! zenoh's own configuration.

use std::time::Duration;

use serde_json::{Value, json};

use super::ZenohOptions;
use crate::pubsub::wire;

/// The longest that a slow peer may delay the messages of the others, before its own are dropped.
const WAIT_BEFORE_DROP: Duration = Duration::from_millis(50);
/// The same, for the parts of one large message.
const WAIT_BEFORE_DROP_PARTS: Duration = Duration::from_secs(1);
/// The first and the longest wait between two attempts to connect to a listed peer.
const RETRY: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(2));

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
    use crate::adapters::{Peers, ZenohTls};

    #[test]
    fn zenoh_takes_the_configuration() {
        let options = ZenohOptions::new("a", "[::1]:7447", Peers::List(Vec::new()));
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

        let options = options.tls(ZenohTls::new("ca.pem", "node.pem", "node.key"));
        let secured = config(&options, &peers);
        assert_eq!(secured["listen"]["endpoints"][0], "tls/[::1]:7447");
        let parsed = zenoh::Config::from_json5(&secured.to_string()).unwrap();
        assert_eq!(
            parsed.get_json("transport/link/tls/enable_mtls").unwrap(),
            "true"
        );

        let tls = ZenohTls::new("ca.pem", "node.pem", "node.key");
        let options = options.tls(tls.mutual(false).verify_names(false));
        let lax = &config(&options, &peers)["transport"]["link"]["tls"];
        assert_eq!(lax["enable_mtls"], json!(false), "{lax}");
        assert_eq!(lax["verify_name_on_connect"], json!(false), "{lax}");
    }
}
