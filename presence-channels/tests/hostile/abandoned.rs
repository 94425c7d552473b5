//! Sessions of long-polling that nobody comes back to.

use axum::{
    Router,
    body::{Body, to_bytes},
};
use http::{HeaderValue, Method, Request, header::CONTENT_TYPE};
use presence_channels::{Endpoint, Limits};
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::{
    client::{Client, joined},
    world::{WINDOW, World},
};

const SESSIONS: usize = 10_000;

/// A client that polls.
pub(crate) struct Poller {
    router: Router,
    token: String,
}

impl Poller {
    pub(crate) async fn joined(endpoint: &Endpoint, topic: &str) -> Self {
        let mut client = Self {
            router: endpoint.router(),
            token: String::new(),
        };
        let opened = client.request(Method::GET, Body::empty()).await;
        client.token = opened["token"].as_str().unwrap().to_owned();
        let join = json!(["1", "1", topic, "phx_join", {}]).to_string();
        assert_eq!(client.publish(join).await, 200);
        client
    }

    pub(crate) async fn publish(&self, body: impl Into<Body>) -> u64 {
        let answer = self.request(Method::POST, body.into()).await;
        answer["status"].as_u64().unwrap()
    }

    /// Publishes a batch of messages.
    pub(crate) async fn publish_batch(&self, messages: &[Value]) -> u64 {
        let lines: Vec<_> = messages.iter().map(Value::to_string).collect();
        let mut request = self.build(Method::POST, lines.join("\n").into());
        let kind = HeaderValue::from_static("application/x-ndjson");
        request.headers_mut().insert(CONTENT_TYPE, kind);
        let answer = self.send(request).await;
        answer["status"].as_u64().unwrap()
    }

    pub(crate) async fn poll(&self) -> u64 {
        let answer = self.request(Method::GET, Body::empty()).await;
        answer["status"].as_u64().unwrap()
    }

    async fn request(&self, method: Method, body: Body) -> Value {
        self.send(self.build(method, body)).await
    }

    fn build(&self, method: Method, body: Body) -> Request<Body> {
        let request = Request::builder()
            .method(method)
            .uri(format!("/socket/longpoll?vsn=2.0.0&token={}", self.token))
            .body(body);
        request.unwrap()
    }

    async fn send(&self, request: Request<Body>) -> Value {
        let answer = self.router.clone().oneshot(request).await;
        let body = to_bytes(answer.unwrap().into_body(), usize::MAX).await;
        serde_json::from_slice(&body.unwrap()).unwrap()
    }
}

/// Opens sessions and leaves them: after the join, or in the middle of a poll.
async fn abandon(endpoint: &Endpoint, sessions: usize) {
    for n in 0..sessions {
        let client = Poller::joined(endpoint, "room:1").await;
        if n % 2 == 0 {
            // The reply to the join.
            assert_eq!(client.poll().await, 200);
            let poll = tokio::spawn(async move { client.poll().await });
            tokio::task::yield_now().await;
            poll.abort();
        }
    }
}

#[test]
fn abandoned_sessions_are_small_and_leave_nothing_behind() {
    let world = World::start(Limits::default());
    let endpoint = &world.endpoint;
    let mut bystander = world.run(joined(endpoint, "room:bystander"));
    let wave = async |bystander: &mut Client, sessions: usize| {
        abandon(endpoint, sessions).await;
        assert_eq!(endpoint.connections(), sessions + 1);
        bystander.assert_served("room:bystander").await;
        tokio::time::sleep(WINDOW * 2).await;
        assert_eq!(endpoint.connections(), 1);
        assert_eq!(endpoint.pubsub().subscribers("room:1"), 0);
        bystander.assert_served("room:bystander").await;
    };
    let ((), first) = world.measure(wave(&mut bystander, SESSIONS));
    let each = first.peak / SESSIONS as u64;
    assert!(each <= 6 * 1024, "{each} bytes a session");
    // Tables keep their size, which is a small part of what was in them, and a second wave reuses
    // it.
    let ((), second) = world.measure(wave(&mut bystander, SESSIONS / 10));
    assert!(first.left <= first.peak as i64 / 10, "{first:?}");
    assert!(second.left <= 16 * 1024, "{second:?} after {first:?}");
}
