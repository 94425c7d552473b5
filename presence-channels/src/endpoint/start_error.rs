//! The reasons for which an endpoint does not start.

use crate::{InvalidOrigin, OptionError};

/// The reason that an endpoint does not start. Of this endpoint nothing runs then.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The program was built so that a panic ends it: a panic in one channel would end all.
    #[error(
        "the program is built with panic = \"abort\", so one channel's panic would end them all; \
         remove that line from its Cargo.toml profile"
    )]
    PanicAborts,
    /// The path of a socket is not valid.
    #[error("{0:?} is not a socket's path; one is \"/socket\" or \"/socket/{{tenant}}\"")]
    InvalidPath(String),
    /// Two sockets at one path.
    #[error("two sockets are mounted at {0:?}")]
    DuplicatePath(String),
    /// A topic pattern with a `*` that is not its end, or an empty one.
    #[error(
        "{pattern:?} (socket at {path:?}) is no topic pattern: a `*` can only be its last character"
    )]
    InvalidPattern {
        /// Where the socket is mounted.
        path: String,
        /// The pattern.
        pattern: String,
    },
    /// A list of origins holds an entry that is not an origin.
    #[error("the origins of the socket at {path:?}: {error}")]
    InvalidOrigin {
        /// Where the socket is mounted.
        path: String,
        /// The error of the entry.
        error: InvalidOrigin,
    },
    /// A socket checks origins by [`Config::host`](crate::Config::host), which is not set.
    #[error("the socket at {0:?} lets pages of `Config::host` in, which is not set")]
    MissingHost(String),
    /// [`Config::host`](crate::Config::host) is not a host.
    #[error(
        "`Config::host` is a host, and a port if need be, as in \"example.com:4000\"; {0:?} is not"
    )]
    InvalidHost(String),
    /// A serializer was added for a version requirement that cannot be parsed.
    #[error(
        "{requirement:?} (socket at {path:?}) is no requirement of a serializer's version; \
         one is \"~> 3.0.0\""
    )]
    InvalidRequirement {
        /// Where the socket is mounted.
        path: String,
        /// The requirement.
        requirement: String,
    },
    /// An option of [`Config`](crate::Config), [`SocketOptions`](crate::SocketOptions),
    /// [`LongpollOptions`](crate::LongpollOptions), [`Limits`](crate::Limits) or
    /// [`Rate`](crate::Rate) has a value that makes no sense, as a limit of 0.
    #[error(transparent)]
    InvalidOption(#[from] OptionError),
    /// Two presences of one name would mix up who is where.
    #[error("two presences are named {0:?}; give one of them another NAME")]
    DuplicatePresence(String),
}
