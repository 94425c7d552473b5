//! The node: what connections, channels and transports use of the process that they run in. An
//! [`Endpoint`] is the app's handle of it.

mod admission;
mod broadcast_error;
mod config;
mod connections;
mod drain;
mod endpoint;
pub(crate) mod expiry;
mod kicks;
mod salts;
pub(crate) mod topic;

use std::{net::IpAddr, ops::Range, sync::Arc, time::Duration};

use presence_core::pubsub::{PubSub, Subscription};
use tokio::runtime::Handle;

pub use broadcast_error::BroadcastError;
pub use config::Config;
pub use endpoint::Endpoint;

pub(crate) use admission::{Admission, Full};
pub(crate) use connections::{PARTS, Registration, Watched};
pub(crate) use endpoint::{Mounts, Supervised};
pub(crate) use expiry::Expiry;
pub(crate) use kicks::{Kick, RecentKicks, SinceMark};

use crate::{
    Limits,
    outgoing::{Flushers, Outbox, OutboxPhase, Sink, close_code},
    telemetry::{Limit, SocketMeter},
    token::{MissingSecretKeyBase, Tokens},
};
use admission::Admissions;
use connections::Connections;
use salts::Salts;

/// The PubSub, the configuration, the clock, the places and the flushers of an endpoint.
pub(crate) struct Node {
    config: Config,
    pubsub: PubSub,
    connections: Connections,
    admissions: Admissions,
    flushers: Arc<Flushers>,
    salts: Salts,
    recent_kicks: Arc<RecentKicks>,
    _kicks: Subscription,
    runtime: Handle,
}

impl Node {
    pub(crate) fn start(config: Config, pubsub: PubSub, runtime: Handle) -> Self {
        let (kicks, recent_kicks) = kicks::listen(&pubsub);
        let (max_unflushed, max_queued) = (config.max_unflushed_bytes, config.max_queued_bytes);
        Self {
            connections: Connections::default(),
            admissions: Admissions::default(),
            flushers: Flushers::start(&runtime, max_unflushed, max_queued),
            salts: Salts::default(),
            recent_kicks,
            _kicks: kicks,
            config,
            pubsub,
            runtime,
        }
    }

    pub(crate) fn config(&self) -> &Config {
        &self.config
    }

    pub(crate) fn pubsub(&self) -> &PubSub {
        &self.pubsub
    }

    pub(crate) fn handler_timeout(&self) -> Duration {
        self.config.handler_timeout
    }

    pub(crate) fn recent_kicks(&self) -> &RecentKicks {
        &self.recent_kicks
    }

    pub(crate) fn runtime(&self) -> &Handle {
        &self.runtime
    }

    /// Milliseconds since the start.
    pub(crate) fn now(&self) -> u64 {
        self.flushers.now()
    }

    pub(crate) fn flushers(&self) -> &Arc<Flushers> {
        &self.flushers
    }

    pub(crate) fn outbox(&self, sink: Sink, limits: &Limits, meter: SocketMeter) -> Arc<Outbox> {
        Outbox::new(sink, self.flushers.clone(), limits, meter)
    }

    pub(crate) fn tokens(&self, salt: &str) -> Result<Tokens, MissingSecretKeyBase> {
        let secret = self.config.secret_key_base.as_ref();
        let secret = secret.ok_or(MissingSecretKeyBase)?;
        Ok(self.salts.tokens(secret, salt))
    }

    /// Takes a place for a client that wants to connect.
    pub(crate) fn admit(&self, address: Option<IpAddr>) -> Result<Admission, Full> {
        let per_address = self.config.max_connections_per_address;
        if per_address.is_some() && address.is_none() {
            self.admissions.warn_of_unknown_address();
        }
        self.admissions
            .admit(address, self.config.max_connections, per_address)
    }

    pub(crate) fn register(
        &self,
        outbox: &Arc<Outbox>,
        idle_limit: Duration,
        expiry: Option<Arc<Expiry>>,
    ) -> Registration {
        let registration = self.connections.register(outbox, idle_limit, expiry);
        if self.is_stopping() {
            outbox.drain(close_code::RESTART, drain::REASON);
        }
        registration
    }

    /// Returns the number of connections whose channels have not ended.
    pub(crate) fn connections(&self) -> usize {
        self.connections.count()
    }

    /// Visits each connection of these [`PARTS`].
    pub(crate) fn visit(&self, parts: Range<usize>, visit: impl FnMut(&Arc<Outbox>, &Watched)) {
        self.connections.visit(parts, visit);
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.connections.is_stopping()
    }

    /// Refuses new connections from now on, and returns the current ones.
    fn refuse_new(&self) -> Vec<Arc<Outbox>> {
        self.connections.stop()
    }

    /// Closes `connections` one after another over [`Config::drain_spread`], and then waits until
    /// all channels have ended, for at most [`Config::drain_timeout`].
    async fn drain(&self, connections: Vec<Arc<Outbox>>) {
        drain::tell(&connections, self.config.drain_spread).await;
        let drained = self.connections.drained();
        if tokio::time::timeout(self.config.drain_timeout, drained)
            .await
            .is_err()
        {
            let left = self.connections();
            let setting = Limit::ChannelDrainTimeout.setting();
            tracing::warn!(left, setting, "stopped before all channels had ended");
            // A connection closes by itself when its last channel has ended.
            let is_open = |connection: &&Arc<Outbox>| connection.phase() == OutboxPhase::Open;
            for connection in connections.iter().filter(is_open) {
                let limits = connection.meter().limits();
                limits.counted(Limit::ChannelDrainTimeout, 1);
            }
        }
        for connection in connections {
            connection.close(close_code::RESTART, drain::REASON);
        }
    }

    /// Stops the PubSub, and writes what is queued.
    async fn stop(&self) {
        self.pubsub.stop().await;
        self.flushers.stop();
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.flushers.stop();
    }
}
