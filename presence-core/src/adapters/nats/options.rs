//! The options of a node over NATS.

use std::time::Duration;

use async_nats::ConnectOptions;

use crate::adapters::{
    OptionError,
    engine::{CLUSTER, QUEUE_BYTES, check_queue},
};

/// The most frames that the client itself holds before it writes them to its socket.
const CLIENT_CAPACITY: usize = 256;
/// The time between two pings of the client. It takes a server for dead that left two of them
/// unanswered.
const PING: Duration = Duration::from_secs(5);

/// The options of [`Nats`](super::Nats).
///
/// A node with an option out of its bounds does not start
/// ([`NatsError::InvalidOption`](super::NatsError::InvalidOption)). A message may be as large as
/// the server allows, so there is no option for that.
///
/// # Examples
///
/// ```
/// use presence_core::adapters::NatsOptions;
///
/// let options = NatsOptions::new("node-a", "nats://10.0.0.5:4222")
///     .servers(["nats://10.0.0.5:4222", "nats://10.0.0.6:4222"])
///     .connect(NatsOptions::default_connect().require_tls(true))
///     .cluster("chat");
/// # let _ = options;
/// ```
#[derive(Debug)]
pub struct NatsOptions {
    pub(super) node_name: String,
    pub(super) cluster: String,
    pub(super) servers: Vec<String>,
    pub(super) connect: ConnectOptions,
    pub(super) queue_bytes: usize,
}

impl NatsOptions {
    /// Returns the default options, for a node of this name and one server.
    ///
    /// The name is 1 to 128 bytes, and unique in the cluster. The server is as in
    /// [`servers`](Self::servers).
    #[must_use]
    pub fn new(node_name: impl Into<String>, server: impl Into<String>) -> Self {
        Self {
            node_name: node_name.into(),
            cluster: CLUSTER.to_owned(),
            servers: vec![server.into()],
            connect: Self::default_connect(),
            queue_bytes: QUEUE_BYTES,
        }
    }

    /// Returns the client's options that a node has by default, to be changed for
    /// [`connect`](Self::connect).
    ///
    /// They detect within 15 s that a server no longer answers (the client's own default takes
    /// three minutes), and let the client itself hold at most 256 outgoing frames.
    #[must_use]
    pub fn default_connect() -> ConnectOptions {
        ConnectOptions::new()
            .ping_interval(PING)
            .client_capacity(CLIENT_CAPACITY)
    }

    /// Sets the name of the cluster, which all subjects begin with. Default `presence`: 1 to 64
    /// letters, digits, `-` and `_`.
    ///
    /// Set it if one NATS serves several clusters.
    #[must_use]
    pub fn cluster(mut self, name: impl Into<String>) -> Self {
        self.cluster = name.into();
        self
    }

    /// Sets the servers, as `nats://host:4222` or `tls://host:4222`, in place of the one of
    /// [`new`](Self::new). At least one. One server that answers is enough. When it goes down, the
    /// next is tried.
    ///
    /// The user and password of the first address that has them, as in
    /// `nats://user:password@host:4222`, are used with all servers.
    #[must_use]
    pub fn servers(mut self, addresses: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.servers = addresses.into_iter().map(Into::into).collect();
        self
    }

    /// Sets the client's options: credentials, certificates, timings. Default:
    /// [`default_connect`](Self::default_connect). `no_echo` is always set, so that a node does not
    /// get its own messages.
    ///
    /// Begin with `default_connect`, and change what you need. Leave `subscription_capacity` as it
    /// is: the client drops what exceeds it without a count, and this node moves messages on at
    /// once, into a queue of [`queue_bytes`](Self::queue_bytes).
    #[must_use]
    pub fn connect(mut self, options: ConnectOptions) -> Self {
        self.connect = options;
        self
    }

    /// Sets the most bytes of messages that may wait while the server is away, for each
    /// [class](crate::pubsub::TrafficClass) of them. Also sets the most bytes of incoming messages
    /// that may wait, if this node is slower than the others together. Default 8 MiB, at least
    /// 1 KiB. Further messages are dropped, and counted in
    /// [`EngineStats::dropped`](crate::adapters::EngineStats::dropped).
    ///
    /// Raise it for a server that may be away for longer, and a busy app. It is memory that a node
    /// may need for each class.
    #[must_use]
    pub fn queue_bytes(mut self, bytes: usize) -> Self {
        self.queue_bytes = bytes;
        self
    }

    /// Fails if an option is out of its bounds.
    pub(super) fn check(&self) -> Result<(), OptionError> {
        // Without a server, a client that retries its first connection would never pause.
        if self.servers.is_empty() {
            let bounds = "a list of at least one address".to_owned();
            return Err(OptionError::new(
                "NatsOptions::servers",
                &self.servers,
                bounds,
            ));
        }
        check_queue("NatsOptions::queue_bytes", self.queue_bytes)
    }
}
