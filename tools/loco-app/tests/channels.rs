//! The endpoint inside loco: a client joins, and a controller broadcasts to it.

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use loco_app::app::{App, endpoint};
use loco_app::channels::UserSocket;
use loco_rs::app::Hooks;
use loco_rs::boot::StartMode;
use loco_rs::environment::Environment;
use presence_channels::testing;
use serde_json::json;
use tower::ServiceExt;

#[tokio::test]
async fn a_controller_reaches_a_client_in_a_channel() {
    let config = App::load_config(&Environment::Test).await.unwrap();
    let booted = App::boot(StartMode::ServerOnly, &Environment::Test, config)
        .await
        .unwrap();
    let endpoint = endpoint(&booted.app_context).unwrap();

    let socket = testing::connect::<UserSocket>(&endpoint, json!({})).await;
    let (reply, channel) = socket.unwrap().join("room:lobby", json!({})).await.unwrap();
    assert_eq!(reply["environment"], "test");

    let request = Request::post("/announce")
        .header(header::CONTENT_TYPE, "application/json")
        .body(Body::from(r#""lunch""#))
        .unwrap();
    let router = booted.router.expect("it has routes");
    let response = router.oneshot(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::NO_CONTENT);
    channel
        .assert_push("announcement", json!({ "text": "lunch" }))
        .await;
    endpoint.stop().await;
}
