//! A tower session decides whether a client may connect: log in by POST, then connect with the
//! cookie.

use std::env;

use anyhow::Context;
use axum::{Json, Router, extract::State, http::StatusCode, routing::post};
use presence_channels::{
    Accepted, Channel, Config, ConnectError, ConnectInfo, Endpoint, JoinResult, Params, Payload,
    PubSub, Routes, Socket, Topic,
};
use serde_json::json;
use tokio::net::TcpListener;
use tower_sessions::{MemoryStore, Session, SessionManagerLayer};

#[cfg(test)]
mod tests;

/// The key of the user's id in a session.
const USER_ID: &str = "user_id";

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
    let endpoint = Endpoint::builder(PubSub::local())
        .socket::<UserSocket>("/socket", ())
        .start(Config::default())
        .await?;
    // A browser keeps a secure cookie only with TLS. In production, remove `with_secure(false)`.
    let sessions = SessionManagerLayer::new(MemoryStore::default()).with_secure(false);
    let app = Router::new()
        .route("/login", post(login))
        .route("/logout", post(logout).with_state(endpoint.clone()))
        .merge(endpoint.router())
        .layer(sessions);
    Ok((endpoint, app))
}

/// Logs a user in. As written, anyone can log in as any user: check a password here.
async fn login(session: Session, Json(user_id): Json<String>) -> Result<StatusCode, StatusCode> {
    // A new id keeps out an attacker who has planted a session in the browser.
    session.cycle_id().await.map_err(unavailable)?;
    let kept = session.insert(USER_ID, user_id).await;
    kept.map_err(unavailable)?;
    Ok(StatusCode::NO_CONTENT)
}

async fn logout(
    State(endpoint): State<Endpoint>,
    session: Session,
) -> Result<StatusCode, StatusCode> {
    let user_id: Option<String> = session.get(USER_ID).await.map_err(unavailable)?;
    session.flush().await.map_err(unavailable)?;
    if let Some(user_id) = user_id {
        let told = endpoint.disconnect(&socket_id(&user_id));
        told.map_err(unavailable)?;
    }
    Ok(StatusCode::NO_CONTENT)
}

fn unavailable(_: impl std::error::Error) -> StatusCode {
    StatusCode::SERVICE_UNAVAILABLE
}

fn socket_id(user_id: &str) -> String {
    format!("user_socket:{user_id}")
}

struct UserSocket {
    user_id: String,
}

impl presence_channels::UserSocket for UserSocket {
    type State = ();

    async fn connect(_: &Params, info: &ConnectInfo, _: &()) -> Result<Self, ConnectError> {
        let session: &Session = info
            .extensions()
            .get()
            .expect("the session layer is installed");
        let user_id = session.get(USER_ID).await?;
        Ok(Self {
            user_id: user_id.ok_or(ConnectError::new("not logged in"))?,
        })
    }

    fn id(&self) -> Option<String> {
        Some(socket_id(&self.user_id))
    }

    fn channels(routes: &mut Routes<Self>) {
        routes.channel::<RoomChannel>("room:*");
    }
}

struct RoomChannel;

impl Channel for RoomChannel {
    type Socket = UserSocket;
    type Info = ();

    async fn join(_: &Topic, _: Payload, socket: &mut Socket<Self>) -> JoinResult<Self> {
        let welcome = json!({ "welcome": socket.user().user_id });
        Ok(Accepted::with_reply(RoomChannel, welcome)?)
    }
}
