//! The options of a zenoh node.

use std::time::Duration;

use super::{Peers, ZenohError, ZenohTls};
use crate::adapters::{
    OptionError,
    engine::{CLUSTER, MESSAGE_BYTES, QUEUE_BYTES, at_least, check_message, check_queue, within},
};

/// The shortest lease. Heartbeats of a shorter one are late on a busy machine.
const LEAST_LEASE: Duration = Duration::from_secs(1);
/// The shortest time between two reads of the list of peers. It leaves time for other work.
const LEAST_REFRESH: Duration = Duration::from_millis(100);
/// The longest of both.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The options of [`Zenoh`](super::Zenoh).
///
/// A node with an option out of its bounds does not start
/// ([`ZenohError::InvalidOption`]).
///
/// # Examples
///
/// ```
/// use presence_core::adapters::{Peers, ZenohOptions, ZenohTls};
/// use std::time::Duration;
///
/// let peers = Peers::List(vec!["a.example:7447".to_owned(), "b.example:7447".to_owned()]);
/// let options = ZenohOptions::new("node-a", "0.0.0.0:7447", peers)
///     .tls(ZenohTls::new("ca.pem", "node.pem", "node.key"))
///     .lease(Duration::from_secs(10));
/// # let _ = options;
/// ```
#[derive(Clone, Debug)]
pub struct ZenohOptions {
    pub(super) node_name: String,
    pub(super) cluster: String,
    pub(super) listen: Vec<String>,
    pub(super) peers: Peers,
    pub(super) tls: Option<ZenohTls>,
    pub(super) queue_bytes: usize,
    pub(super) max_message_bytes: usize,
    pub(super) lease: Duration,
    pub(super) max_sessions: usize,
    pub(super) refresh: Duration,
}

impl ZenohOptions {
    /// Returns the default options, for a node of this name that listens on one address, as in
    /// [`listen`](Self::listen).
    ///
    /// The name is 1 to 128 bytes, and unique in the cluster. `peers` are all nodes of the cluster,
    /// this node included.
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

    /// Sets the name of the cluster, which all keys begin with. Default `presence`: 1 to 64
    /// letters, digits, `-` and `_`.
    ///
    /// Set it if nodes of two clusters can reach each other.
    #[must_use]
    pub fn cluster(mut self, name: impl Into<String>) -> Self {
        self.cluster = name.into();
        self
    }

    /// Sets the addresses on which this node listens, as `host:port`, such as `0.0.0.0:7447`, in
    /// place of the one of [`new`](Self::new). With an empty list, the node only connects to
    /// others.
    #[must_use]
    pub fn listen(mut self, addresses: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.listen = addresses.into_iter().map(Into::into).collect();
        self
    }

    /// Sets the certificates for links over TLS. With `None`, the default, nodes use plain TCP, and
    /// trust every peer that connects.
    ///
    /// Set it unless the network between the nodes is private. Nodes link only where all have TLS,
    /// or none has.
    #[must_use]
    pub fn tls(mut self, tls: impl Into<Option<ZenohTls>>) -> Self {
        self.tls = tls.into();
        self
    }

    /// Sets the most bytes of messages that may wait to be sent, for each
    /// [class](crate::pubsub::TrafficClass) of them. Default 8 MiB, at least 1 KiB. Further
    /// messages are dropped, and counted in
    /// [`EngineStats::dropped`](crate::adapters::EngineStats::dropped).
    ///
    /// Raise it for bursts of large messages. It is memory that a node may need for each class.
    #[must_use]
    pub fn queue_bytes(mut self, bytes: usize) -> Self {
        self.queue_bytes = bytes;
        self
    }

    /// Sets the largest message, in bytes, names included. Default 8 MiB, from 4 KiB to 16 MiB.
    ///
    /// A large message delays those behind it on each link. Lower the limit to learn of messages
    /// that the app should send in parts.
    #[must_use]
    pub fn max_message_bytes(mut self, bytes: usize) -> Self {
        self.max_message_bytes = bytes;
        self
    }

    /// Sets the time after which a silent link is closed. Default 5 s (zenoh's own default is
    /// 10 s), from 1 s to one day.
    ///
    /// A process that dies is noticed at once, because its connections close. The lease matters for
    /// machines and networks that vanish: no node connects again before it ends. Each idle link
    /// carries four heartbeats in this time, so half the time costs twice the heartbeats.
    #[must_use]
    pub fn lease(mut self, lease: Duration) -> Self {
        self.lease = lease;
        self
    }

    /// Sets the most links of this node. Default 1,000, at least 1. A cluster of more nodes than
    /// that must raise it.
    #[must_use]
    pub fn max_sessions(mut self, links: usize) -> Self {
        self.max_sessions = links;
        self
    }

    /// Sets the time between two reads of the list of [peers](Peers). Default 5 s, from 100 ms to
    /// one day.
    ///
    /// Lower it to find new nodes sooner. Raise it if the reads burden the source of the list.
    #[must_use]
    pub fn refresh(mut self, period: Duration) -> Self {
        self.refresh = period;
        self
    }

    /// Fails if an option is out of its bounds.
    pub(super) fn check(&self) -> Result<(), OptionError> {
        check_queue("ZenohOptions::queue_bytes", self.queue_bytes)?;
        check_message("ZenohOptions::max_message_bytes", self.max_message_bytes)?;
        within("ZenohOptions::lease", self.lease, LEAST_LEASE..=DAY)?;
        within("ZenohOptions::refresh", self.refresh, LEAST_REFRESH..=DAY)?;
        at_least("ZenohOptions::max_sessions", self.max_sessions, 1)
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(change: impl FnOnce(ZenohOptions) -> ZenohOptions) -> Option<OptionError> {
        let options = ZenohOptions::new("a", "[::1]:7447", Peers::List(Vec::new()));
        change(options).check().err()
    }

    #[test]
    fn every_number_has_bounds() {
        const MS: Duration = Duration::from_millis(1);
        const NS: Duration = Duration::from_nanos(1);
        for (millis, fits) in [(0, false), (999, false), (1000, true), (10_000, true)] {
            let error = refused(|options| options.lease(millis * MS));
            assert_eq!(error.is_none(), fits, "{error:?}");
        }
        for (millis, fits) in [(0, false), (99, false), (100, true), (60_000, true)] {
            let error = refused(|options| options.refresh(millis * MS));
            assert_eq!(error.is_none(), fits, "{error:?}");
        }
        for (period, fits) in [(DAY, true), (DAY + NS, false), (Duration::MAX, false)] {
            let lease = refused(|options| options.lease(period));
            let refresh = refused(|options| options.refresh(period));
            assert_eq!((lease.is_none(), refresh.is_none()), (fits, fits));
        }
        const MIB_16: usize = 16 * 1024 * 1024;
        for (bytes, fits) in [
            (4095, false),
            (4096, true),
            (MIB_16, true),
            (MIB_16 + 1, false),
        ] {
            let error = refused(|options| options.max_message_bytes(bytes));
            assert_eq!(error.is_none(), fits, "{error:?}");
        }
        for (bytes, fits) in [(0, false), (1023, false), (1024, true), (usize::MAX, true)] {
            let error = refused(|options| options.queue_bytes(bytes));
            assert_eq!(error.is_none(), fits, "{error:?}");
        }
        let error = refused(|options| options.max_sessions(0)).unwrap();
        assert_eq!(
            (error.option(), error.value(), error.bounds()),
            ("ZenohOptions::max_sessions", "0", "at least 1")
        );
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
