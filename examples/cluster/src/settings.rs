//! The settings of a node, from environment variables.

use std::fmt::Display;
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context, bail};
use presence_channels::SecretKeyBase;

/// The settings of a node.
pub(crate) struct Settings {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) node_name: String,
    pub(crate) engine: Engine,
    pub(crate) secret: SecretKeyBase,
    pub(crate) broadcast_period: Duration,
    pub(crate) down_period: Duration,
    pub(crate) drain_spread: Duration,
}

/// The engine that carries messages between the nodes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Engine {
    Zenoh {
        listen: String,
        peers: Vec<String>,
        tls: Option<Tls>,
    },
    Nats(String),
    Redis(String),
}

/// The paths of the files for mutual TLS.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Tls {
    pub(crate) ca: String,
    pub(crate) certificate: String,
    pub(crate) key: String,
}

impl Settings {
    /// Reads the settings. `variable` returns the value of an environment variable.
    pub(crate) fn read(variable: impl Fn(&str) -> Option<String>) -> anyhow::Result<Self> {
        let text = |name: &str, default: &str| variable(name).unwrap_or_else(|| default.to_owned());
        let port = number(&variable, "PORT", 4000_u16)?;
        let secret = match variable("SECRET_KEY_BASE") {
            Some(secret) => SecretKeyBase::new(secret).context("SECRET_KEY_BASE is too short")?,
            None => {
                tracing::warn!(
                    "SECRET_KEY_BASE is not set: a polling client can use only one node"
                );
                SecretKeyBase::generate()
            }
        };
        let engine = match text("ENGINE", "zenoh").as_str() {
            "zenoh" => Engine::Zenoh {
                listen: text("LISTEN", "127.0.0.1:7447"),
                peers: list(&text("PEERS", "")),
                tls: tls(&variable)?,
            },
            "nats" => Engine::Nats(text("NATS_URL", "nats://127.0.0.1:4222")),
            "redis" => Engine::Redis(text("REDIS_URL", "redis://127.0.0.1:6379")),
            other => bail!("ENGINE is `{other}`: it must be zenoh, nats or redis"),
        };
        let period = |name, default| milliseconds(&variable, name, default);
        Ok(Self {
            host: text("HOST", "127.0.0.1"),
            port,
            node_name: text("NODE_NAME", &format!("node-{port}")),
            engine,
            secret,
            broadcast_period: period("BROADCAST_PERIOD_MS", Duration::from_millis(1500))?,
            down_period: period("DOWN_PERIOD_MS", Duration::from_secs(30))?,
            drain_spread: period("DRAIN_SPREAD_MS", Duration::from_secs(5))?,
        })
    }
}

impl Engine {
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Zenoh { .. } => "zenoh",
            Self::Nats(_) => "nats",
            Self::Redis(_) => "redis",
        }
    }
}

/// Reads the paths of the TLS files. Returns `None` if none of the three is set.
///
/// # Errors
///
/// Fails if only some of the three are set.
fn tls(variable: impl Fn(&str) -> Option<String>) -> anyhow::Result<Option<Tls>> {
    match ["TLS_CA", "TLS_CERTIFICATE", "TLS_KEY"].map(variable) {
        [None, None, None] => Ok(None),
        [Some(ca), Some(certificate), Some(key)] => Ok(Some(Tls {
            ca,
            certificate,
            key,
        })),
        _ => bail!("only some of TLS_CA, TLS_CERTIFICATE and TLS_KEY are set: set all or none"),
    }
}

fn list(text: &str) -> Vec<String> {
    let items = text.split(',').map(str::trim);
    items
        .filter(|item| !item.is_empty())
        .map(str::to_owned)
        .collect()
}

fn milliseconds(
    variable: impl Fn(&str) -> Option<String>,
    name: &str,
    default: Duration,
) -> anyhow::Result<Duration> {
    let milliseconds = number(variable, name, default.as_millis() as u64)?;
    Ok(Duration::from_millis(milliseconds))
}

fn number<T: FromStr<Err: Display>>(
    variable: impl Fn(&str) -> Option<String>,
    name: &str,
    default: T,
) -> anyhow::Result<T> {
    let Some(text) = variable(name) else {
        return Ok(default);
    };
    text.parse()
        .map_err(|error| anyhow::anyhow!("{name} is `{text}`: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> anyhow::Result<Settings> {
        let find = |name: &str| variables.iter().find(|(known, _)| *known == name);
        Settings::read(|name| find(name).map(|(_, value)| (*value).to_owned()))
    }

    fn fault(variables: &[(&str, &str)]) -> String {
        format!("{:#}", read(variables).err().expect("an error"))
    }

    #[test]
    fn nothing_set_is_one_node_of_zenoh() {
        let settings = read(&[]).unwrap();
        assert_eq!(settings.node_name, "node-4000");
        let alone = Engine::Zenoh {
            listen: "127.0.0.1:7447".to_owned(),
            peers: Vec::new(),
            tls: None,
        };
        assert_eq!(settings.engine, alone);
    }

    #[test]
    fn peers_are_parted_by_commas() {
        let settings = read(&[("PEERS", "a:1, b:2,")]).unwrap();
        let Engine::Zenoh { peers, .. } = settings.engine else {
            panic!("the default is zenoh");
        };
        assert_eq!(peers, ["a:1", "b:2"]);
    }

    #[test]
    fn an_error_names_its_variable() {
        assert!(fault(&[("PORT", "70000")]).starts_with("PORT is `70000`"));
        assert!(fault(&[("ENGINE", "kafka")]).starts_with("ENGINE is `kafka`"));
        assert!(fault(&[("SECRET_KEY_BASE", "short")]).starts_with("SECRET_KEY_BASE"));
        assert!(fault(&[("TLS_CA", "ca.pem")]).contains("TLS_KEY"));
        assert!(fault(&[("DRAIN_SPREAD_MS", "-1")]).starts_with("DRAIN_SPREAD_MS is `-1`"));
        assert!(fault(&[("DOWN_PERIOD_MS", "1 s")]).starts_with("DOWN_PERIOD_MS is `1 s`"));
    }
}
