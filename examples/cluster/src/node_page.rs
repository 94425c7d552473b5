//! `/node`: which node this is, and what it sees of the others.

use std::{collections::BTreeSet, sync::Arc};

use askama::Template;
use axum::{extract::State, http::StatusCode, response::Html};
use hello::channels::presence::Presence;
use parking_lot::Mutex;
use presence_channels::{PeerHint, Tracker};
use tokio::sync::broadcast::{Receiver, error::RecvError};

use crate::engine::Engine;

const LOBBY: &str = "room:lobby";

/// What the page is made from.
pub(crate) struct Node {
    engine: Engine,
    presence: Tracker<Presence>,
    /// Other nodes, as far as the engine tells of them.
    others: Arc<Mutex<BTreeSet<String>>>,
}

impl Node {
    pub(crate) fn new(engine: Engine, presence: Tracker<Presence>) -> Self {
        let others = Arc::default();
        tokio::spawn(watch(engine.pubsub.peer_hints(), Arc::clone(&others)));
        Self {
            engine,
            presence,
            others,
        }
    }
}

/// Keeps `others` as the engine's hints say. Ends when the engine does.
async fn watch(mut hints: Receiver<PeerHint>, others: Arc<Mutex<BTreeSet<String>>>) {
    loop {
        match hints.recv().await {
            Ok(PeerHint::Seen(name)) => drop(others.lock().insert(name.to_string())),
            Ok(PeerHint::Gone(name)) => drop(others.lock().remove(&*name)),
            Ok(_) | Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => return,
        }
    }
}

#[derive(Template)]
#[template(path = "node.html")]
struct Page<'a> {
    name: &'a str,
    engine: &'a str,
    others: BTreeSet<String>,
    lobby: &'a str,
    count: usize,
    figures: [(&'a str, u64); 4],
}

pub(crate) async fn show(
    State(node): State<Arc<Node>>,
) -> Result<Html<String>, (StatusCode, String)> {
    let stats = &node.engine.stats;
    let page = Page {
        name: node.engine.pubsub.node_name(),
        engine: node.engine.name,
        others: node.others.lock().clone(),
        lobby: LOBBY,
        count: node.presence.count(LOBBY),
        figures: [
            ("sent", stats.sent()),
            ("received", stats.received()),
            ("rejected", stats.rejected()),
            ("dropped", stats.dropped()),
        ],
    };
    let failed = |error: askama::Error| (StatusCode::INTERNAL_SERVER_ERROR, error.to_string());
    page.render().map(Html).map_err(failed)
}
