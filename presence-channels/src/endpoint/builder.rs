//! An endpoint before it starts.

#[cfg(test)]
mod tests;

use std::{collections::HashSet, sync::Arc};

use presence_core::{Presence, PubSub, Tracker};
use tokio::runtime::Handle;

use super::{StartError, mounts::MountTable, watch};
use crate::{
    Config, Endpoint, SocketOptions, UserSocket,
    node::{Node, Supervised},
    option_error::OptionError,
    socket::{Mount, Routes, UserRates},
    telemetry::MountMeters,
    transport::websocket::OpensWebSockets,
};

/// Collects what an endpoint runs. Made by [`Endpoint::builder`].
#[must_use = "nothing runs before `start`"]
pub struct EndpointBuilder {
    pubsub: PubSub,
    supervised: Vec<Box<dyn Supervised>>,
    mounts: Vec<Arc<dyn OpensWebSockets>>,
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
    ///
    /// # Examples
    /// ```
    /// # use presence_channels::{ConnectError, ConnectInfo, Params, Routes};
    /// use presence_channels::{
    ///     Config, Endpoint, Presence, PubSub, SocketOptions, Tracker, UserSocket,
    /// };
    /// use std::time::Duration;
    ///
    /// # struct Online;
    /// # impl Presence for Online { const NAME: &str = "docs.online"; }
    /// struct AppState {
    ///     online: Tracker<Online>,
    /// }
    ///
    /// # struct Client;
    /// # impl UserSocket for Client {
    /// #     type State = AppState;
    /// #     async fn connect(
    /// #         _: &Params,
    /// #         _: &ConnectInfo,
    /// #         _: &AppState,
    /// #     ) -> Result<Self, ConnectError> {
    /// #         Ok(Client)
    /// #     }
    /// #     fn channels(_: &mut Routes<Self>) {}
    /// # }
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), presence_channels::StartError> {
    /// let pubsub = PubSub::local();
    /// let online = Tracker::start(&pubsub, Online);
    /// let options = SocketOptions::default().timeout(Duration::from_secs(45));
    /// let endpoint = Endpoint::builder(pubsub)
    ///     .supervise(&online)
    ///     .socket_with::<Client>("/socket", AppState { online }, options)
    ///     .start(Config::default())
    ///     .await?;
    /// # endpoint.stop().await;
    /// # Ok(())
    /// # }
    /// ```
    pub fn supervise<P: Presence>(mut self, presence: &Tracker<P>) -> Self {
        self.supervised.push(Box::new(presence.clone()));
        self
    }

    /// Mounts the socket `S` at `path`, with default options. `state` is what its channels share.
    pub fn socket<S: UserSocket>(self, path: &str, state: S::State) -> Self {
        self.socket_with::<S>(path, state, SocketOptions::default())
    }

    /// Mounts the socket `S` at `path`, with options. A segment of the path may be a parameter, as
    /// in `/socket/{tenant}`. Its value reaches [`connect`](UserSocket::connect) among the
    /// [`Params`](crate::Params), and replaces one of the same name in the query.
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
            user_rates: UserRates::default(),
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
        let mounts = MountTable::start(self.mounts, secret, &self.pubsub, &runtime);
        let (mounts, node) = (Arc::new(mounts), Node::start(config, self.pubsub, runtime));
        let node = Arc::new(node);
        watch::start(&node, &mounts);
        Ok(Endpoint::new(node, mounts, self.supervised))
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
        config.check()?;
        let mut paths = HashSet::new();
        for mount in &self.mounts {
            let path = mount.path();
            let Some(route) = route_of(path) else {
                return Err(StartError::InvalidPath(path.to_owned()));
            };
            if !paths.insert(route) {
                return Err(StartError::DuplicatePath(path.to_owned()));
            }
            let of_socket = |error: OptionError| error.of_socket(path);
            mount.options().check().map_err(of_socket)?;
            mount.check_rates().map_err(of_socket)?;
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

/// Returns a path with the names of its parameters left out: two mounts that differ in them alone
/// are the same route. Returns `None` if the path is not a mount's.
fn route_of(path: &str) -> Option<String> {
    let segments = path.strip_prefix('/')?.split('/').map(|segment| {
        let name = segment
            .strip_prefix('{')
            .and_then(|segment| segment.strip_suffix('}'));
        let is_text = |text: &str| !text.is_empty() && !text.contains(['{', '}', '*']);
        match name {
            Some(name) => is_text(name).then_some("{}"),
            None => is_text(segment).then_some(segment),
        }
    });
    let segments: Option<Vec<_>> = segments.collect();
    Some(segments?.join("/"))
}

impl std::fmt::Debug for EndpointBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let paths: Vec<_> = self.mounts.iter().map(|mount| mount.path()).collect();
        f.debug_struct("EndpointBuilder")
            .field("sockets", &paths)
            .finish_non_exhaustive()
    }
}
