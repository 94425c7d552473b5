//! The node's view of the cluster: itself, the other nodes, and the presences of each topic. It is
//! served as a page, and as JSON for scripts.

use std::time::Duration;

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use presence_channels::EngineState;
use presence_channels::tracker::{ReplicaView, Status};
use serde::Serialize;
use tokio::time::Instant;

use crate::application::App;

/// The longest wait for the first links to other nodes.
const FIRST_LINKS: Duration = Duration::from_secs(10);

pub(crate) fn router(app: App) -> Router {
    Router::new()
        .route("/node", get(page))
        .route("/node.json", get(json))
        .route("/ready", get(ready))
        .with_state(app)
}

#[derive(Serialize, Template)]
#[template(path = "node.html")]
struct Node {
    name: String,
    engine: &'static str,
    connections: usize,
    replicas: Vec<Replica>,
    topics: Vec<Topic>,
}

#[derive(Serialize)]
struct Replica {
    name: String,
    /// The identity of this start of the node.
    incarnation: String,
    state: String,
    presences: usize,
    /// A checksum of the replica's entries. Nodes that hold the same entries show the same one.
    check: String,
}

#[derive(Serialize)]
struct Topic {
    name: String,
    count: usize,
}

impl Node {
    fn of(app: &App) -> Self {
        let topics = app.presence.topics().into_iter();
        Self {
            name: app.node_name.clone(),
            engine: app.engine,
            connections: app.endpoint.connections(),
            replicas: app.presence.replicas().iter().map(Replica::of).collect(),
            topics: topics
                .map(|(name, count)| Topic {
                    name: name.to_string(),
                    count,
                })
                .collect(),
        }
    }
}

impl Replica {
    fn of(view: &ReplicaView) -> Self {
        let shards = view.shards.iter();
        let check = shards.clone().fold(0, |check, shard| check ^ shard.check);
        let state = match view.status {
            Some(status) => format!("{status:?}").to_lowercase(),
            None => "in grace".to_owned(),
        };
        Self {
            name: view.origin.name.to_string(),
            incarnation: view.origin.incarnation.to_string(),
            state,
            presences: shards.map(|shard| shard.entries).sum(),
            check: format!("{check:016x}"),
        }
    }
}

async fn page(State(app): State<App>) -> Response {
    match Node::of(&app).render() {
        Ok(page) => Html(page).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

async fn json(State(app): State<App>) -> Json<Node> {
    Json(Node::of(&app))
}

/// Tells a load balancer whether this node is ready. A client that connects before the node has the
/// presences of the other nodes would not see them.
async fn ready(State(app): State<App>) -> StatusCode {
    let replicas = app.presence.replicas();
    let mut up = replicas
        .iter()
        .filter(|replica| replica.status == Some(Status::Up));
    let complete = up.all(|replica| replica.shards.iter().all(|shard| shard.shown));
    // A node that has found its cluster stays ready while the broker is away, for its own clients.
    let engine = *app.endpoint.pubsub().engine_state().borrow();
    let now = Instant::now();
    // A node that cannot reach the others serves its own clients all the same.
    let found = engine != EngineState::Connecting || now >= app.acquainted + FIRST_LINKS;
    match complete && found && now >= app.acquainted {
        true => StatusCode::OK,
        false => StatusCode::SERVICE_UNAVAILABLE,
    }
}
