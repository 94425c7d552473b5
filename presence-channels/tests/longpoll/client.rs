//! A client that polls, a request a call.

use axum::{Router, body::Body};
use http::{HeaderMap, Method, Request, Response, StatusCode};
use presence_channels::Endpoint;
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tower::ServiceExt;

/// A client with or without a session.
#[derive(Clone)]
pub(crate) struct Client {
    router: Router,
    path: String,
    pub(crate) token: Option<String>,
}

/// The answer to a request.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) http: StatusCode,
    pub(crate) headers: HeaderMap,
    /// Null if the body is empty.
    pub(crate) body: Value,
}

impl Answer {
    /// The status in the body.
    pub(crate) fn status(&self) -> u64 {
        self.body["status"]
            .as_u64()
            .unwrap_or_else(|| panic!("{self:?}"))
    }

    pub(crate) fn token(&self) -> &str {
        self.body["token"]
            .as_str()
            .unwrap_or_else(|| panic!("{self:?}"))
    }

    /// The messages' JSON.
    pub(crate) fn messages(&self) -> Vec<Value> {
        let messages = self.body["messages"].as_array();
        let messages = messages.unwrap_or_else(|| panic!("{self:?}")).iter();
        let text = |message: &Value| serde_json::from_str(message.as_str().unwrap()).unwrap();
        messages.map(text).collect()
    }
}

impl Client {
    /// One without a session, at `path`: `/socket`, and a query if there is one.
    pub(crate) fn at(endpoint: &Endpoint, path: &str) -> Self {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        Self {
            router: endpoint.router(),
            path: format!("{path}/longpoll?vsn=2.0.0&{query}"),
            token: None,
        }
    }

    /// One with a session.
    pub(crate) async fn open(endpoint: &Endpoint, path: &str) -> Self {
        let mut client = Self::at(endpoint, path);
        let opened = client.poll().await;
        assert_eq!(opened.status(), 410, "{opened:?}");
        client.token = Some(opened.token().to_owned());
        client
    }

    /// The same session, as another node serves it.
    pub(crate) fn by(&self, endpoint: &Endpoint) -> Self {
        Self {
            router: endpoint.router(),
            ..self.clone()
        }
    }

    /// One that shows another token.
    pub(crate) fn showing(&self, token: impl Into<String>) -> Self {
        Self {
            token: Some(token.into()),
            ..self.clone()
        }
    }

    pub(crate) async fn poll(&self) -> Answer {
        self.request(self.build(Method::GET, Body::empty())).await
    }

    /// Polls in a task of its own.
    pub(crate) fn start_poll(&self) -> JoinHandle<Answer> {
        let client = self.clone();
        tokio::spawn(async move { client.poll().await })
    }

    /// Publishes messages as a batch; gives the status.
    pub(crate) async fn publish(&self, messages: &[Value]) -> u64 {
        let lines: Vec<String> = messages.iter().map(Value::to_string).collect();
        self.publish_body(lines.join("\n")).await.status()
    }

    /// Publishes a body of lines.
    pub(crate) async fn publish_body(&self, body: impl Into<Body>) -> Answer {
        let mut request = self.build(Method::POST, body.into());
        let lines = "application/x-ndjson".parse().unwrap();
        request.headers_mut().insert("content-type", lines);
        self.request(request).await
    }

    /// Joins `room:1` with the join_ref `"1"`.
    pub(crate) async fn join(&self) {
        assert_eq!(
            self.publish(&[json!(["1", "1", "room:1", "phx_join", {}])])
                .await,
            200
        );
        let joined = self.poll().await.messages();
        assert_eq!(joined[0][4]["status"], "ok", "{joined:?}");
    }

    pub(crate) fn build(&self, method: Method, body: Body) -> Request<Body> {
        let token = self.token.as_ref();
        let token = token
            .map(|token| format!("&token={token}"))
            .unwrap_or_default();
        let request = Request::builder()
            .method(method)
            .uri(format!("{}{token}", self.path));
        request.body(body).unwrap()
    }

    pub(crate) async fn request(&self, request: Request<Body>) -> Answer {
        read(self.response(request).await).await
    }

    /// Returns a response whose body is not read yet.
    pub(crate) async fn response(&self, request: Request<Body>) -> Response<Body> {
        let response = self.router.clone().oneshot(request).await;
        response.unwrap()
    }
}

async fn read(response: Response<Body>) -> Answer {
    let (parts, body) = response.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    let body = match body.is_empty() {
        true => Value::Null,
        false => serde_json::from_slice(&body).unwrap(),
    };
    Answer {
        http: parts.status,
        headers: parts.headers,
        body,
    }
}
