//! A client by long-polling, which can speak any version of the protocol.

use std::net::SocketAddr;

use axum::{
    body::{Body, to_bytes},
    extract::ConnectInfo,
};
use http::{Method, Request, StatusCode};
use presence_channels::Endpoint;
use serde_json::{Value, json};
use tower::ServiceExt;

/// A session at `/socket`, of a client at 10.0.0.1. It polls only when it is asked to.
pub(crate) struct Poller {
    endpoint: Endpoint,
    query: String,
    token: String,
}

impl Poller {
    /// Opens a session with this query.
    pub(crate) async fn open(endpoint: &Endpoint, query: &str) -> Self {
        let opened = Self::try_open(endpoint, query).await;
        opened.unwrap_or_else(|status| panic!("the client is refused: {status}"))
    }

    /// As [`open`](Self::open). Returns the HTTP status of a refusal.
    pub(crate) async fn try_open(endpoint: &Endpoint, query: &str) -> Result<Self, u16> {
        let mut poller = Self {
            endpoint: endpoint.clone(),
            query: query.to_owned(),
            token: String::new(),
        };
        let (status, opened) = poller.send(Method::GET, "text/plain", String::new()).await;
        let token = opened["token"].as_str().ok_or(status.as_u16())?;
        token.clone_into(&mut poller.token);
        Ok(poller)
    }

    /// Returns the answer to a poll.
    pub(crate) async fn poll(&self) -> Value {
        self.send(Method::GET, "text/plain", String::new()).await.1
    }

    /// Publishes a message. Returns the HTTP status, unless it is 200, or else that in the answer.
    pub(crate) async fn publish(&self, message: Value) -> u16 {
        self.publish_as("text/plain", message.to_string()).await
    }

    /// As [`publish`](Self::publish), for a body of another type.
    pub(crate) async fn publish_as(&self, content_type: &str, body: String) -> u16 {
        let (status, answer) = self.send(Method::POST, content_type, body).await;
        match status {
            StatusCode::OK => answer["status"].as_u64().unwrap() as u16,
            other => other.as_u16(),
        }
    }

    /// Joins a topic in version 2 of the protocol.
    pub(crate) async fn join(&self, topic: &str) {
        let join = json!(["1", "1", topic, "phx_join", {}]);
        assert_eq!(self.publish(join).await, 200);
    }

    async fn send(&self, method: Method, content_type: &str, body: String) -> (StatusCode, Value) {
        let Self { query, token, .. } = self;
        let request = Request::builder()
            .method(method)
            .uri(format!("/socket/longpoll?{query}&token={token}"))
            .header("content-type", content_type)
            .extension(ConnectInfo(SocketAddr::from(([10, 0, 0, 1], 4000))))
            .body(Body::from(body));
        let answered = self.endpoint.router::<()>().oneshot(request.unwrap()).await;
        let answer = answered.unwrap();
        let status = answer.status();
        let body = to_bytes(answer.into_body(), usize::MAX).await.unwrap();
        (status, serde_json::from_slice(&body).unwrap_or_default())
    }
}
