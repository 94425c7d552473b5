//! The engine over [NATS](https://nats.io).

mod connection;
mod options;

use async_nats::{Client, ServerAddr, connection::State};

pub use options::NatsOptions;

use super::engine::{Engine, EngineNode, NameError, Networked, NodeInbox, OptionError};
use crate::pubsub::wire;
use connection::NatsConnection;

/// The limit of a server on messages unless its `max_payload` is changed, in bytes. A message that
/// waits for a first connection may be as large.
const USUAL_LIMIT: usize = 1024 * 1024;
/// The limit for what is cut to fit before a server is known, in bytes: few servers have less.
const CAUTIOUS_LIMIT: usize = 64 * 1024;

/// The connection to NATS failed. Nothing was started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NatsError {
    /// A name is not valid.
    #[error(transparent)]
    Name(#[from] NameError),
    /// An option is out of its bounds. The error has its name, its value and its bounds.
    #[error(transparent)]
    InvalidOption(#[from] OptionError),
    /// The text is not an address of a server.
    #[error("{address:?} is not the address of a NATS server: {source}")]
    Address {
        /// The address, without its password.
        address: String,
        /// The error in the address.
        source: std::io::Error,
    },
    /// No server could be reached, or every server rejected this node. A server that rejects a node
    /// closes the connection. If its error is lost with the connection, `source` says only that the
    /// connection broke.
    #[error("cannot connect to NATS at {servers}: {source}")]
    Connect {
        /// The servers that were tried.
        servers: String,
        /// The client's error.
        source: async_nats::ConnectError,
    },
}

/// Carries messages over NATS core: subjects, no JetStream. A message may be as large as the
/// server's `max_payload` (1 MiB unless changed), names included, and at most 16 MiB. Before the
/// first connection, with `retry_on_initial_connect`, the limit is taken to be 1 MiB, and a tracker
/// that starts then cuts its messages to 64 KiB for good. If the server then turns out to carry
/// less, the tracker logs a warning: restart the node, or set
/// [`TrackerOptions::chunk_bytes`](crate::tracker::TrackerOptions::chunk_bytes). A message that is
/// too large for the server is dropped, counted and logged.
///
/// A node trusts every client that may publish on the cluster's subjects: give each cluster an
/// account or a user of its own. While the server is away, messages wait, up to
/// [`NatsOptions::queue_bytes`]. The node reconnects when the server is back. NATS does not list
/// the nodes, so a direct message to an unknown node is no error, and there are no hints.
///
/// ```no_run
/// use presence_core::{PubSub, adapters::{Nats, NatsOptions}};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let nats = Nats::connect(NatsOptions::new("node-a", "nats://10.0.0.5:4222")).await?;
/// let pubsub = PubSub::with_adapter(nats);
/// # Ok(())
/// # }
/// ```
pub type Nats = Networked<NatsEngine>;

/// NATS, as the adapter's callers need it.
#[derive(Debug)]
pub struct NatsEngine {
    client: Client,
}

/// The parts that [`Nats::connect`] has opened.
#[derive(Debug)]
pub struct OpenedNats {
    client: Client,
    queue_bytes: usize,
}

impl Networked<NatsEngine> {
    /// Connects to one of the servers.
    ///
    /// Call it within a tokio runtime. The tasks of the node then run in this runtime.
    ///
    /// # Errors
    /// [`NatsError`] if the connection fails, at once if a server rejects it, or if an option is
    /// out of its bounds. The call waits for a server that is not up yet only if
    /// [`connect`](NatsOptions::connect) has `retry_on_initial_connect`.
    pub async fn connect(options: NatsOptions) -> Result<Self, NatsError> {
        options.check()?;
        let NatsOptions {
            node_name,
            cluster,
            servers,
            connect,
            queue_bytes,
        } = options;
        let node = EngineNode::new(&node_name, &cluster, '.', queue_bytes)?;
        let addresses = servers
            .iter()
            .map(|address| match address.parse::<ServerAddr>() {
                Ok(parsed) => Ok(parsed),
                Err(source) => {
                    let address = without_credentials(address);
                    Err(NatsError::Address { address, source })
                }
            })
            .collect::<Result<Vec<_>, _>>()?;
        // The address as it was written may contain a password.
        let host = |address: &ServerAddr| format!("{}:{}", address.host(), address.port());
        let hosts: Vec<String> = addresses.iter().map(host).collect();
        // The client itself ignores the credentials in an address.
        let credentials = addresses
            .iter()
            .find_map(|address| Some((address.username()?, address.password()?)));
        let connect = match credentials {
            Some((user, password)) => {
                connect.user_and_password(percent_decoded(user), percent_decoded(password))
            }
            None => connect,
        };
        let client = match connect.no_echo().connect(addresses).await {
            Ok(client) => client,
            Err(source) => {
                let servers = hosts.join(", ");
                return Err(NatsError::Connect { servers, source });
            }
        };
        let engine = NatsEngine {
            client: client.clone(),
        };
        let opened = OpenedNats {
            client,
            queue_bytes,
        };
        Ok(Self::new(node, engine, opened))
    }
}

impl NatsEngine {
    /// Returns the limit of the server, which is known from the first connection on.
    fn known_limit(&self) -> Option<usize> {
        // Until then, the client answers with a limit that is usual, and may be wrong.
        let known = self.client.connection_state() != State::Pending;
        let limit = self.client.max_payload();
        (known && limit > 0).then_some(limit.min(wire::MAX_FRAME))
    }
}

impl Engine for NatsEngine {
    const NAME: &'static str = "NATS";
    type Opened = OpenedNats;
    type Connection = NatsConnection;

    fn connection(opened: OpenedNats, node: NodeInbox) -> NatsConnection {
        NatsConnection::new(opened, node)
    }

    fn limit(&self) -> usize {
        self.known_limit().unwrap_or(USUAL_LIMIT)
    }

    fn lasting_limit(&self) -> usize {
        self.known_limit().unwrap_or(CAUTIOUS_LIMIT)
    }
}

/// Returns an address without its credentials, also if the address is malformed.
fn without_credentials(address: &str) -> String {
    let (scheme, rest) = match address.split_once("://") {
        Some((scheme, rest)) => (format!("{scheme}://"), rest),
        None => (String::new(), address),
    };
    let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
    format!("{scheme}{host}")
}

/// Decodes a part of a URL: `%40` stands for `@`.
fn percent_decoded(part: &str) -> String {
    let mut bytes = Vec::with_capacity(part.len());
    let mut rest = part.as_bytes();
    while let [first, after @ ..] = rest {
        let digits = after.get(..2).filter(|_| *first == b'%');
        let digits = digits.and_then(|digits| std::str::from_utf8(digits).ok());
        match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => (bytes.push(byte), rest = &after[2..]),
            None => (bytes.push(*first), rest = after),
        };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests;
