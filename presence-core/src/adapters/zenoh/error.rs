use std::path::PathBuf;

use crate::adapters::{NameError, OptionError};

/// zenoh was not started. No part of it runs.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ZenohError {
    /// A name is not valid.
    #[error(transparent)]
    Name(#[from] NameError),
    /// An option is out of its bounds. The error has its name, its value and its bounds.
    #[error(transparent)]
    InvalidOption(#[from] OptionError),
    /// The runtime is a current-thread runtime, whose only thread zenoh would block.
    #[error(
        "zenoh needs a multi-threaded tokio runtime: #[tokio::main], or flavor = \"multi_thread\""
    )]
    Runtime,
    /// The text is not an address.
    #[error("{0:?} is not an address: it is a host and a port, as in 10.0.0.1:7447")]
    Address(String),
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
