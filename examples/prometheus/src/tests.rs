use axum::{
    body::{Body, to_bytes},
    http::Request,
};
use presence_channels::testing;
use tower::ServiceExt;

use super::*;

async fn metrics(app: &Router) -> String {
    let request = Request::get("/metrics").body(Body::empty()).unwrap();
    let response = app.clone().oneshot(request).await.unwrap();
    let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
    String::from_utf8(body.into()).unwrap()
}

// A process has only one recorder, so there is only one test.
#[tokio::test]
async fn prometheus_gets_what_happens() {
    let (endpoint, app) = start().await.unwrap();
    let idle = metrics(&app).await;
    let sockets = |count| {
        format!(r#"presence_channels_sockets{{socket="/socket",transport="longpoll"}} {count}"#)
    };
    assert!(idle.contains(&sockets(0)), "{idle}");

    let client = testing::connect::<UserSocket>(&endpoint, json!({}))
        .await
        .unwrap();
    let (_, room) = client.join("room:1", json!({})).await.unwrap();
    let push = room.push("ping", json!({})).await;
    room.assert_reply(push, "ok", json!({})).await;
    let busy = metrics(&app).await;
    for line in [
        &*sockets(1),
        r#"presence_channels_channels{socket="/socket",route="room:*"} 1"#,
        r#"presence_channels_joins_total{socket="/socket",route="room:*",result="ok"} 1"#,
        r#"presence_channels_handler_seconds_count{socket="/socket",route="room:*",callback="handle_in"} 1"#,
        r#"presence_channels_handler_seconds_bucket{socket="/socket",route="room:*",callback="handle_in",le="10"} 1"#,
    ] {
        assert!(busy.lines().any(|found| found == line), "{line} in\n{busy}");
    }
}
