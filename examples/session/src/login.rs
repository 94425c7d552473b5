//! Logging in and out, and the page, which carries the CSRF token of its session.

use axum::{
    Json,
    extract::State,
    http::{StatusCode, header},
    response::{Html, IntoResponse},
};
use presence_channels::Endpoint;
use serde::{Deserialize, Serialize};
use tower_sessions::{Session, session};

use crate::channels::socket_id;

/// The key of [`Login`] in a session.
const LOGIN: &str = "login";

/// A session whose user has logged in.
#[derive(Serialize, Deserialize)]
pub(crate) struct Login {
    pub(crate) user_id: String,
    /// A secret of the session and its pages. It is not in the cookie.
    pub(crate) csrf_token: String,
}

impl Login {
    /// Returns the login of a session, or `None` if its user is not logged in.
    pub(crate) async fn of(session: &Session) -> Result<Option<Self>, session::Error> {
        session.get(LOGIN).await
    }
}

/// Returns the page. Another site can neither read this response nor the token in it.
pub(crate) async fn page(session: Session) -> Result<impl IntoResponse, StatusCode> {
    let login = Login::of(&session).await.map_err(unavailable)?;
    let token = login.map_or(String::new(), |login| login.csrf_token);
    // The token has hexadecimal digits only, so it needs no escapes.
    let page = include_str!("page.html").replace("{csrf_token}", &token);
    Ok(([(header::CACHE_CONTROL, "no-store")], Html(page)))
}

/// Logs a user in. As written, anyone can log in as any user: check a password here.
pub(crate) async fn login(
    session: Session,
    Json(user_id): Json<String>,
) -> Result<StatusCode, StatusCode> {
    // A new id keeps out an attacker who has planted a session in the browser.
    session.cycle_id().await.map_err(unavailable)?;
    let csrf_token = random_token().map_err(unavailable)?;
    let login = Login {
        user_id,
        csrf_token,
    };
    let kept = session.insert(LOGIN, login).await;
    kept.map_err(unavailable)?;
    Ok(StatusCode::NO_CONTENT)
}

pub(crate) async fn logout(
    State(endpoint): State<Endpoint>,
    session: Session,
) -> Result<StatusCode, StatusCode> {
    let login = Login::of(&session).await.map_err(unavailable)?;
    session.flush().await.map_err(unavailable)?;
    if let Some(login) = login {
        let told = endpoint.disconnect(&socket_id(&login.user_id));
        told.map_err(unavailable)?;
    }
    Ok(StatusCode::NO_CONTENT)
}

fn random_token() -> Result<String, getrandom::Error> {
    let (high, low) = (getrandom::u64()?, getrandom::u64()?);
    Ok(format!("{high:016x}{low:016x}"))
}

fn unavailable(_: impl std::error::Error) -> StatusCode {
    StatusCode::SERVICE_UNAVAILABLE
}
