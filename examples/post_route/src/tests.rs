use axum::{
    body::{Body, to_bytes},
    http::{Request, header},
    response::Response,
};
use presence_channels::testing::{self, TestChannel};
use tower::ServiceExt;

use super::*;

async fn join(endpoint: &Endpoint, user_id: &str) -> TestChannel {
    let params = json!({ "user_id": user_id });
    let socket = testing::connect::<UserSocket>(endpoint, params).await;
    let (_, channel) = socket.unwrap().join(LOBBY, json!({})).await.unwrap();
    channel
}

async fn post_announcement(app: &Router, body: &'static str) -> Response {
    let request = Request::post("/announce")
        .header(header::CONTENT_TYPE, "application/json")
        .body(Body::from(body));
    app.clone().oneshot(request.unwrap()).await.unwrap()
}

#[tokio::test]
async fn what_is_posted_reaches_everyone_in_the_lobby() {
    let (endpoint, app) = start().await.unwrap();
    let alice = join(&endpoint, "alice").await;
    let bob = join(&endpoint, "bob").await;

    let response = post_announcement(&app, r#""Lunch is ready""#).await;
    assert_eq!(response.status(), StatusCode::NO_CONTENT);
    for channel in [&alice, &bob] {
        let text = json!({ "text": "Lunch is ready" });
        channel.assert_push("announcement", text).await;
    }
}

#[tokio::test]
async fn a_route_counts_who_is_there() {
    let (endpoint, app) = start().await.unwrap();
    let _alice = join(&endpoint, "alice").await;
    let bob = join(&endpoint, "bob").await;
    assert_eq!(online_now(&app).await, "2");

    bob.leave().await;
    assert_eq!(online_now(&app).await, "1");
}

async fn online_now(app: &Router) -> String {
    let request = Request::get("/online").body(Body::empty()).unwrap();
    let response = app.clone().oneshot(request).await.unwrap();
    let body = to_bytes(response.into_body(), 64).await.unwrap();
    String::from_utf8(body.into()).unwrap()
}

#[tokio::test]
async fn what_cannot_be_announced_is_an_error() {
    let (endpoint, app) = start().await.unwrap();
    let response = post_announcement(&app, "no JSON").await;
    assert_eq!(response.status(), StatusCode::BAD_REQUEST);

    endpoint.stop().await;
    let response = post_announcement(&app, r#""Too late""#).await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
}
