use std::{io, sync::Arc};

use presence_channels::{Config, Endpoint, PubSub, SocketOptions, StartError, Tracker, serve};
use tokio::net::TcpListener;

use crate::{Probe, UserSocket};

/// The presence of the lobbies.
#[derive(Debug)]
pub struct Presence;

impl presence_channels::Presence for Presence {
    const NAME: &str = "sample.presence";
}

/// The state that sockets and channels share.
#[derive(Clone, Debug)]
pub struct AppState {
    pub(crate) presence: Tracker<Presence>,
    pub(crate) probe: Arc<Probe>,
}

/// A running app.
pub struct SampleApp {
    /// The app's endpoint.
    pub endpoint: Endpoint,
    /// The presence of the lobbies.
    pub presence: Tracker<Presence>,
    /// The probe of the channels.
    pub probe: Arc<Probe>,
}

impl SampleApp {
    /// Begins an app on one node, with the default configuration.
    #[must_use]
    pub fn builder() -> SampleAppBuilder {
        SampleAppBuilder {
            pubsub: PubSub::local(),
            config: Config::default(),
            mounts: Vec::new(),
        }
    }

    /// Serves the app's sockets on `listener` until the process ends.
    pub fn serve(&self, listener: TcpListener) -> impl Future<Output = io::Result<()>> + use<> {
        serve(listener, self.endpoint.router(), &self.endpoint).into_future()
    }
}

/// A [`SampleApp`] that is not started yet.
#[derive(Debug)]
pub struct SampleAppBuilder {
    pubsub: PubSub,
    config: Config,
    mounts: Vec<(String, SocketOptions)>,
}

impl SampleAppBuilder {
    /// Replaces the PubSub of a single node.
    #[must_use]
    pub fn pubsub(mut self, pubsub: PubSub) -> Self {
        self.pubsub = pubsub;
        self
    }

    /// Replaces the endpoint's configuration.
    #[must_use]
    pub fn config(mut self, config: Config) -> Self {
        self.config = config;
        self
    }

    /// Mounts the [`UserSocket`] at `path`. Without a call, it is mounted at `/socket` with the
    /// default options.
    #[must_use]
    pub fn mount(mut self, path: &str, options: SocketOptions) -> Self {
        self.mounts.push((path.to_owned(), options));
        self
    }

    /// Starts the app.
    ///
    /// # Errors
    /// Returns the endpoint's error if it cannot start.
    pub async fn start(mut self) -> Result<SampleApp, StartError> {
        if self.mounts.is_empty() {
            self = self.mount("/socket", SocketOptions::default());
        }
        let presence = Tracker::start(&self.pubsub, Presence);
        let probe = Arc::new(Probe::default());
        let state = AppState {
            presence: presence.clone(),
            probe: probe.clone(),
        };
        let mut endpoint = Endpoint::builder(self.pubsub).supervise(&presence);
        for (path, options) in self.mounts {
            endpoint = endpoint.socket_with::<UserSocket>(&path, state.clone(), options);
        }
        Ok(SampleApp {
            endpoint: endpoint.start(self.config).await?,
            presence,
            probe,
        })
    }
}
