//! Everything that a node runs. Only the PubSub differs from the app on one node.

use std::time::Duration;

use anyhow::Context;
use hello::application::AppState;
use hello::channels::presence::Presence;
use presence_channels::tracker::TrackerOptions;
use presence_channels::{Config, Endpoint, LongpollOptions, PubSub, SocketOptions, Tracker};
use tokio::time::Instant;

use crate::channels::user_socket::UserSocket;
use crate::engine;
use crate::settings::Settings;

/// The shortest time between two counts of a room.
const COUNT_INTERVAL: Duration = Duration::from_millis(200);

/// A running node.
#[derive(Clone)]
pub(crate) struct App {
    pub(crate) node_name: String,
    pub(crate) engine: &'static str,
    pub(crate) endpoint: Endpoint,
    pub(crate) presence: Tracker<Presence>,
    /// The time by which every other running node has sent a heartbeat.
    pub(crate) acquainted: Instant,
}

pub(crate) async fn start(settings: &Settings) -> anyhow::Result<App> {
    let pubsub = engine::connect(settings).await?;
    let presence = start_presence(&pubsub, settings.broadcast_period, settings.down_period)?;
    let state = AppState {
        presence: presence.clone(),
    };
    // Each request of a polling client may reach another node.
    let socket = SocketOptions::default().longpoll(LongpollOptions::default());
    let config = Config::default()
        .secret_key_base(settings.secret.clone())
        .drain_spread(settings.drain_spread);
    let endpoint = Endpoint::builder(pubsub)
        .supervise(&presence)
        .socket_with::<UserSocket>("/socket", state, socket)
        .start(config)
        .await?;
    Ok(App {
        node_name: settings.node_name.clone(),
        engine: settings.engine.name(),
        endpoint,
        presence,
        acquainted: Instant::now() + settings.broadcast_period + Duration::from_millis(500),
    })
}

fn start_presence(
    pubsub: &PubSub,
    broadcast_period: Duration,
    down_period: Duration,
) -> anyhow::Result<Tracker<Presence>> {
    let options = TrackerOptions::default()
        .broadcast_period(broadcast_period)
        .down_period(down_period)
        .count_interval(COUNT_INTERVAL);
    Tracker::start_with(pubsub, Presence, options)
        .context("BROADCAST_PERIOD_MS or DOWN_PERIOD_MS is out of its bounds")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_error_names_the_variables_and_the_bounds() {
        let second = Duration::from_secs(1);
        let error = start_presence(&PubSub::local(), second, 5 * second).err();
        let error = format!("{:#}", error.expect("an error"));
        assert!(error.contains("DOWN_PERIOD_MS"), "{error}");
        assert!(
            error.contains("longer than") && error.contains("10s"),
            "{error}"
        );
    }
}
