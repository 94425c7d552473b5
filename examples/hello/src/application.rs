//! Everything that the app runs, in start order: its supervision tree.

use presence_channels::{Config, Endpoint, PubSub, Tracker};

use crate::channels::presence::Presence;
use crate::channels::user_socket::UserSocket;

/// The state that all sockets and channels share, such as a database pool.
#[derive(Clone)]
pub struct AppState {
    pub presence: Tracker<Presence>,
}

/// Starts the parts of the app. [`Endpoint::stop`] stops them in the opposite order.
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
