//! The app's errors on their way to clients, and what cannot work in a join.

use std::time::{Duration, SystemTime};

use http::StatusCode;

use super::*;
use crate::{Cause, ErrorReply};

#[derive(Debug, thiserror::Error)]
enum AppError {
    #[error("room {0} does not exist")]
    NoSuchRoom(u32),
    #[error("the database is at 10.0.0.3")]
    Database,
}

#[derive(Debug, thiserror::Error)]
#[error("the service failed")]
struct ServiceError(#[source] AppError);

struct Visitor;

impl UserSocket for Visitor {
    type State = ();

    async fn connect(params: &Params, _: &ConnectInfo, (): &()) -> Result<Self, ConnectError> {
        match params.get("fail") {
            Some("known") => {
                Err(anyhow::Error::new(AppError::NoSuchRoom(1)).context("connecting"))?
            }
            Some("secret") => Err(AppError::Database)?,
            _ => Ok(Self),
        }
    }

    fn expires_at(&self) -> Option<SystemTime> {
        Some(SystemTime::now() + Duration::from_secs(3600))
    }

    async fn refresh(&self, token: &str, (): &()) -> Result<Option<SystemTime>, ConnectError> {
        match token {
            "known" => Err(anyhow::Error::new(AppError::NoSuchRoom(1)).context("refreshing"))?,
            "panic" => Err(AppError::NoSuchRoom(1000))?,
            _ => Err(AppError::Database)?,
        }
    }

    fn error_reply(cause: &Cause) -> Option<ErrorReply> {
        match cause.find::<AppError>()? {
            AppError::NoSuchRoom(1000) => panic!("asked to"),
            AppError::NoSuchRoom(_) => {
                Some(ErrorReply::new("no such room").status(StatusCode::NOT_FOUND))
            }
            AppError::Database => None,
        }
    }

    fn channels(routes: &mut Routes<Self>) {
        routes.channel::<Errors>("errors:*");
    }
}

struct Errors;

/// A function that `join` and `handle_in` share.
fn fail(kind: &str) -> Result<(), ChannelError> {
    match kind {
        "own" => Err(AppError::NoSuchRoom(1))?,
        "anyhow" => Err(anyhow::Error::new(AppError::NoSuchRoom(1)))?,
        "context" => Err(anyhow::Error::new(AppError::NoSuchRoom(1)).context("asked"))?,
        "source" => Err(ServiceError(AppError::NoSuchRoom(1)))?,
        "boxed" => {
            let error: Box<dyn std::error::Error + Send + Sync> = AppError::NoSuchRoom(1).into();
            Err(error)?;
        }
        "secret" => Err(anyhow::Error::new(AppError::Database).context("asked"))?,
        "text" => Err("the database is at 10.0.0.3")?,
        "string" => Err("the database is at 10.0.0.3".to_owned())?,
        "io" => Err(std::io::Error::other("the database is at 10.0.0.3"))?,
        "panic" => Err(AppError::NoSuchRoom(1000))?,
        "refusal" => return Err(ChannelError::with(json!({ "reason": "no", "code": 7 }))),
        _ => {}
    }
    Ok(())
}

impl Channel for Errors {
    type Socket = Visitor;
    type Info = ();

    async fn join(topic: &Topic, _: Payload, socket: &mut Socket<Self>) -> JoinResult<Self> {
        match topic.subtopic() {
            "pushes" => socket.push("too", "early")?,
            "broadcasts" => socket.broadcast("too", "early")?,
            kind => fail(kind)?,
        }
        Ok(Self.into())
    }

    async fn handle_in(&mut self, event: &str, _: Payload, _: &mut Socket<Self>) -> HandleResult {
        fail(event)?;
        no_reply()
    }
}

async fn visitor() -> TestSocket {
    let builder = Endpoint::builder(PubSub::local()).socket::<Visitor>("/socket", ());
    let endpoint = builder.start(Config::default()).await.unwrap();
    testing::connect::<Visitor>(&endpoint, json!({}))
        .await
        .unwrap()
}

const CASES: [(&str, &str); 10] = [
    ("own", "no such room"),
    ("anyhow", "no such room"),
    ("context", "no such room"),
    ("source", "no such room"),
    ("boxed", "no such room"),
    ("secret", "internal error"),
    ("text", "internal error"),
    ("string", "internal error"),
    ("io", "internal error"),
    ("panic", "internal error"),
];

#[tokio::test]
async fn one_place_maps_the_errors_of_handlers_and_joins() {
    let client = visitor().await;
    let (_, channel) = client.join("errors:none", json!({})).await.unwrap();
    for (kind, told) in CASES {
        let push = channel.push(kind, json!({})).await;
        let got = channel.assert_reply(push, "error", json!({})).await;
        assert_eq!(got, reason(told), "{kind}");
        let refused = client.join(&format!("errors:{kind}"), json!({})).await;
        assert_eq!(refused.unwrap_err().response, reason(told), "{kind}");
    }
    let refusal = json!({ "reason": "no", "code": 7 });
    let push = channel.push("refusal", json!({})).await;
    let got = channel.assert_reply(push, "error", json!({})).await;
    assert_eq!(got, refusal);
    let refused = client.join("errors:refusal", json!({})).await.unwrap_err();
    assert_eq!(refused.response, refusal);
}

#[tokio::test]
async fn the_same_place_maps_the_errors_of_connect() {
    let endpoint = visitor().await.endpoint().clone();
    let refused = async |fail| {
        let refused = testing::connect::<Visitor>(&endpoint, json!({ "fail": fail })).await;
        refused.unwrap_err().http_status()
    };
    assert_eq!(refused("known").await, StatusCode::NOT_FOUND);
    assert_eq!(refused("secret").await, StatusCode::INTERNAL_SERVER_ERROR);
}

/// The client learns from the reason whether another token may help.
#[tokio::test]
async fn the_same_place_maps_the_errors_of_refresh() {
    let client = visitor().await;
    for (token, told) in [
        ("known", "token refused"),
        ("secret", "internal error"),
        ("panic", "internal error"),
    ] {
        let push = client.push("phoenix", "refresh_token", json!({ "token": token }));
        client.assert_reply(push.await, "error", reason(told)).await;
    }
}

/// The client must not know why, and the developer must: `telemetry` tests the log.
#[tokio::test]
async fn a_push_in_a_join_refuses_it() {
    let client = visitor().await;
    for topic in ["errors:pushes", "errors:broadcasts"] {
        let refused = client.join(topic, json!({})).await.unwrap_err();
        assert_eq!(refused.response, reason("internal error"));
    }
}
