//! Everything the app runs, in the order in which it starts: its supervision tree.

use presence_channels::{Config, Endpoint, PubSub, Tracker};

use crate::channels::presence::Presence;
use crate::channels::user_socket::UserSocket;

/// What every socket and channel can reach, for example a database pool.
#[derive(Clone)]
pub struct AppState {
    pub presence: Tracker<Presence>,
}

/// Starts what the app runs. [`Endpoint::stop`] ends it, in the opposite order.
pub async fn start(config: Config) -> anyhow::Result<Endpoint> {
    let pubsub = PubSub::local();
    let presence = Tracker::start(&pubsub, Presence);
    let state = AppState { presence };

    let endpoint = Endpoint::builder(pubsub)
        .supervise(&state.presence)
        .socket::<UserSocket>("/socket", state)
        .start(config)
        .await?;
    Ok(endpoint)
}
