//! An endpoint before it starts.

#[cfg(test)]
mod tests;

use std::{collections::HashSet, sync::Arc};

use parking_lot::Mutex;
use presence_core::{Presence, PubSub, Tracker};
use tokio::runtime::Handle;

use super::{
    Admissions, Config, Connections, Endpoint, EndpointInner, MountPoint, Salts, Supervised, watch,
};
use crate::{
    InvalidOrigin, SocketOptions, UserSocket,
    socket::{Mount, Mounted, Routes},
    telemetry::MountMeters,
    transport::{Flushers, longpoll::Longpoll},
};

/// Collects what an endpoint runs. Made by [`Endpoint::builder`].
#[must_use = "nothing runs before `start`"]
pub struct EndpointBuilder {
    pubsub: PubSub,
    supervised: Vec<Box<dyn Supervised>>,
    mounts: Vec<Arc<dyn Mounted>>,
}

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
    #[error("a socket's path starts with `/` and does not end with it; {0:?} does not")]
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
    /// A socket checks origins by [`Config::host`], which is not set.
    #[error("the socket at {0:?} lets pages of `Config::host` in, which is not set")]
    MissingHost(String),
    /// [`Config::host`] is not a host.
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
    /// Two presences of one name would mix up who is where.
    #[error("two presences are named {0:?}; give one of them another NAME")]
    DuplicatePresence(String),
}

impl EndpointBuilder {
    pub(super) fn new(pubsub: PubSub) -> Self {
        Self {
            pubsub,
            supervised: Vec::new(),
            mounts: Vec::new(),
        }
    }

    /// Stops `presence` with the endpoint: after the sockets, whose channels track in it, and in
    /// reverse order of the calls.
    pub fn supervise<P: Presence>(mut self, presence: &Tracker<P>) -> Self {
        self.supervised.push(Box::new(presence.clone()));
        self
    }

    /// Mounts the socket `S` at `path`, with default options. `state` is what its channels share.
    pub fn socket<S: UserSocket>(self, path: &str, state: S::State) -> Self {
        self.socket_with::<S>(path, state, SocketOptions::default())
    }

    /// Mounts the socket `S` at `path`.
    pub fn socket_with<S: UserSocket>(
        mut self,
        path: &str,
        state: S::State,
        options: SocketOptions,
    ) -> Self {
        let mount = Mount::<S> {
            path: path.to_owned(),
            state,
            routes: Routes::collect(path),
            origins: options.check_origin.policy(),
            options,
            meters: MountMeters::new(path),
        };
        self.mounts.push(Arc::new(mount));
        self
    }

    /// Starts the endpoint on the current tokio runtime.
    ///
    /// # Errors
    /// A [`StartError`] if what was collected does not fit together.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub async fn start(self, config: Config) -> Result<Endpoint, StartError> {
        self.check(&config)?;
        let runtime = Handle::current();
        let secret = config.secret_key_base.as_ref();
        let mounts = self.mounts.into_iter().map(|mount| {
            let (path, options) = (mount.path(), mount.options());
            let longpoll = Longpoll::start(path, options, secret, &self.pubsub, &runtime);
            MountPoint { mount, longpoll }
        });
        let (max_unflushed, max_queued) = (config.max_unflushed_bytes, config.max_queued_bytes);
        let inner = Arc::new(EndpointInner {
            mounts: mounts.collect(),
            config,
            pubsub: self.pubsub,
            supervised: Mutex::new(self.supervised),
            connections: Connections::default(),
            admissions: Admissions::default(),
            flushers: Flushers::start(&runtime, max_unflushed, max_queued),
            salts: Salts::default(),
            runtime,
        });
        watch::start(&inner);
        Ok(Endpoint { inner })
    }

    fn check(&self, config: &Config) -> Result<(), StartError> {
        if cfg!(panic = "abort") {
            return Err(StartError::PanicAborts);
        }
        if let Some(host) = &config.host
            && host.parse::<http::uri::Authority>().is_err()
        {
            return Err(StartError::InvalidHost(host.clone()));
        }
        let mut paths = HashSet::new();
        for mount in &self.mounts {
            let path = mount.path();
            if !path.starts_with('/') || path.ends_with('/') || path.contains(['{', '}', '*']) {
                return Err(StartError::InvalidPath(path.to_owned()));
            }
            if !paths.insert(path) {
                return Err(StartError::DuplicatePath(path.to_owned()));
            }
            if let Some(pattern) = mount.invalid_pattern() {
                let (path, pattern) = (path.to_owned(), pattern.to_owned());
                return Err(StartError::InvalidPattern { path, pattern });
            }
            match mount.origins() {
                Err(error) => {
                    let (path, error) = (path.to_owned(), error.clone());
                    return Err(StartError::InvalidOrigin { path, error });
                }
                Ok(origins) if origins.needs_configured_host() && config.host.is_none() => {
                    return Err(StartError::MissingHost(path.to_owned()));
                }
                Ok(_) => {}
            }
            if let Some(requirement) = mount.invalid_requirement() {
                let (path, requirement) = (path.to_owned(), requirement.to_owned());
                return Err(StartError::InvalidRequirement { path, requirement });
            }
        }
        let mut names = HashSet::new();
        match self
            .supervised
            .iter()
            .find(|supervised| !names.insert(supervised.name()))
        {
            Some(twice) => Err(StartError::DuplicatePresence(twice.name().to_owned())),
            None => Ok(()),
        }
    }
}

impl std::fmt::Debug for EndpointBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let paths: Vec<_> = self.mounts.iter().map(|mount| mount.path()).collect();
        f.debug_struct("EndpointBuilder")
            .field("sockets", &paths)
            .finish_non_exhaustive()
    }
}
