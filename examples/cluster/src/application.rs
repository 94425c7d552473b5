//! Everything a node runs: what the app of one node does, and the engine.

use std::sync::Arc;

use axum::{Router, routing::get};
use hello::{
    application::AppState,
    channels::{presence::Presence, user_socket::UserSocket},
    web,
};
use presence_channels::{Config, Endpoint, Tracker};

use crate::{
    engine::Engine,
    node_page::{self, Node},
};

/// Starts a node, and returns what browsers may ask of it.
pub(crate) async fn start(engine: Engine, config: Config) -> anyhow::Result<(Endpoint, Router)> {
    let pubsub = engine.pubsub.clone();
    let presence = Tracker::start(&pubsub, Presence);
    let node = Arc::new(Node::new(engine, presence.clone()));

    let endpoint = Endpoint::builder(pubsub)
        .supervise(&presence)
        .socket::<UserSocket>("/socket", AppState { presence })
        .start(config)
        .await?;
    let app = web::router()
        .route("/node", get(node_page::show).with_state(node))
        .merge(endpoint.router());
    Ok((endpoint, app))
}
