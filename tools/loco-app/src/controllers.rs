//! A route beside the channel.

use axum::extract::{Json, State};
use axum::http::StatusCode;
use axum::routing::post;
use loco_rs::Result;
use loco_rs::app::AppContext;
use loco_rs::controller::Routes;
use loco_rs::errors::Error;
use serde_json::json;

use crate::app::endpoint;

pub fn routes() -> Routes {
    Routes::new().add("/announce", post(announce))
}

/// Broadcasts the text to everyone in the lobby. In production, check first who may announce.
async fn announce(State(ctx): State<AppContext>, Json(text): Json<String>) -> Result<StatusCode> {
    endpoint(&ctx)?
        .broadcast("room:lobby", "announcement", json!({ "text": text }))
        .map_err(Error::wrap)?;
    Ok(StatusCode::NO_CONTENT)
}
