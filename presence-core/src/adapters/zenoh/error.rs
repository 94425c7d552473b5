use std::path::PathBuf;

use crate::adapters::NameError;

/// Why zenoh was not started. Nothing is left of the attempt.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ZenohError {
    /// A name that cannot be.
    #[error(transparent)]
    Name(#[from] NameError),
    /// zenoh blocks threads, and a current-thread runtime has none to spare.
    #[error(
        "zenoh needs a multi-threaded tokio runtime: #[tokio::main], or flavor = \"multi_thread\""
    )]
    Runtime,
    /// Not an address.
    #[error("{0:?} is not an address: it is a host and a port, as in 10.0.0.1:7447")]
    Address(String),
    /// It cannot listen: another process has the address, most often.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address.
        address: String,
        /// What the system says.
        source: std::io::Error,
    },
    /// A file of [`ZenohTls`](super::ZenohTls) cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Certificate {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// zenoh's own error.
    #[error("zenoh cannot start: {0}")]
    Open(#[source] zenoh::Error),
}
