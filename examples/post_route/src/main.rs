//! A POST route beside a channel. It broadcasts each posted text to everyone in the lobby.

use std::env;

use anyhow::Context;
use axum::{
    Json, Router,
    extract::State,
    http::StatusCode,
    routing::{get, post},
};
use presence_channels::{
    BroadcastError, Channel, Config, ConnectError, ConnectInfo, Endpoint, JoinResult, Params,
    Payload, PubSub, Routes, Socket, Topic, Tracker,
};
use serde_json::json;
use tokio::net::TcpListener;

#[cfg(test)]
mod tests;

const LOBBY: &str = "room:lobby";

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    tracing_subscriber::fmt::init();
    let (endpoint, app) = start().await?;
    let port = env::var("PORT").unwrap_or("4000".to_owned());
    let listener = TcpListener::bind(format!("127.0.0.1:{port}"))
        .await
        .with_context(|| format!("cannot listen on port {port}"))?;
    presence_channels::serve(listener, app, &endpoint)
        .with_graceful_shutdown(async { tokio::signal::ctrl_c().await.expect("ctrl-c is handled") })
        .await?;
    Ok(())
}

async fn start() -> anyhow::Result<(Endpoint, Router)> {
    let pubsub = PubSub::local();
    let presence = Tracker::start(&pubsub, Presence);
    let endpoint = Endpoint::builder(pubsub)
        .supervise(&presence)
        .socket::<UserSocket>("/socket", presence.clone())
        .start(Config::default())
        .await?;
    let app = Router::new()
        .route("/announce", post(announce).with_state(endpoint.clone()))
        .route("/online", get(online).with_state(presence))
        .merge(endpoint.router());
    Ok((endpoint, app))
}

/// Broadcasts the text. In production, check first that the caller may announce.
async fn announce(
    State(endpoint): State<Endpoint>,
    Json(text): Json<String>,
) -> Result<StatusCode, (StatusCode, String)> {
    let not_sent = |error: BroadcastError| (StatusCode::SERVICE_UNAVAILABLE, error.to_string());
    endpoint
        .broadcast(LOBBY, "announcement", json!({ "text": text }))
        .map_err(not_sent)?;
    Ok(StatusCode::NO_CONTENT)
}

async fn online(State(presence): State<Tracker<Presence>>) -> Json<usize> {
    Json(presence.count(LOBBY))
}

struct Presence;

impl presence_channels::Presence for Presence {
    const NAME: &str = "post_route.presence";
}

struct UserSocket {
    user_id: String,
}

impl presence_channels::UserSocket for UserSocket {
    type State = Tracker<Presence>;

    async fn connect(
        params: &Params,
        _: &ConnectInfo,
        _: &Self::State,
    ) -> Result<Self, ConnectError> {
        let user_id = params
            .get("user_id")
            .ok_or(ConnectError::new("no user_id"))?;
        Ok(Self {
            user_id: user_id.to_owned(),
        })
    }

    fn channels(routes: &mut Routes<Self>) {
        routes.channel::<LobbyChannel>(LOBBY);
    }
}

struct LobbyChannel;

impl Channel for LobbyChannel {
    type Socket = UserSocket;
    type Info = ();

    async fn join(_: &Topic, _: Payload, socket: &mut Socket<Self>) -> JoinResult<Self> {
        let presence = socket.state();
        presence
            .track(socket, &socket.user().user_id, json!({}))
            .await?;
        Ok(LobbyChannel.into())
    }
}
