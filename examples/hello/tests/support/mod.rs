//! The parts that the tests of all channels share. Adapt them here when the app changes.

// Each test is a crate of its own, and uses some of the functions.
#![allow(dead_code)]

use presence_channels::testing::TestSocket;
use presence_channels::{Config, Endpoint, testing};
use serde_json::json;

use hello::application;
use hello::channels::user_socket::UserSocket;

/// Starts the app as `main` does, with settings for a test.
pub async fn start() -> Endpoint {
    application::start(Config::default()).await.unwrap()
}

/// Connects to [`UserSocket`] as a user.
pub async fn connect_user(endpoint: &Endpoint, user_id: &str) -> TestSocket {
    let params = json!({ "user_id": user_id });
    let socket = testing::connect::<UserSocket>(endpoint, params).await;
    socket.unwrap()
}
