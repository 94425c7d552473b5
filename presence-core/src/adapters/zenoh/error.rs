use std::{path::PathBuf, time::Duration};

use crate::adapters::NameError;

/// zenoh was not started. No part of it runs.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ZenohError {
    /// A name is not valid.
    #[error(transparent)]
    Name(#[from] NameError),
    /// The runtime is a current-thread runtime, whose only thread zenoh would block.
    #[error(
        "zenoh needs a multi-threaded tokio runtime: #[tokio::main], or flavor = \"multi_thread\""
    )]
    Runtime,
    /// The text is not an address.
    #[error("{0:?} is not an address: it is a host and a port, as in 10.0.0.1:7447")]
    Address(String),
    /// [`ZenohOptions::lease`](super::ZenohOptions::lease) is too short.
    #[error("a lease of {0:?} is too short: it is at least 1 s")]
    Lease(Duration),
    /// [`ZenohOptions::refresh`](super::ZenohOptions::refresh) is too short.
    #[error("a refresh of {0:?} is too short: it is at least 100 ms")]
    Refresh(Duration),
    /// The node cannot listen, most often because another process has the address.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address.
        address: String,
        /// The system's error.
        source: std::io::Error,
    },
    /// A file of [`ZenohTls`](super::ZenohTls) cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Certificate {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
    /// zenoh's own error.
    #[error("zenoh cannot start: {0}")]
    Open(#[source] zenoh::Error),
}
