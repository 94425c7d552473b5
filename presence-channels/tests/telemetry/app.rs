//! The app whose logs and metrics are looked at.

use presence_channels::{
    Channel, Config, ConnectError, ConnectInfo, Endpoint, HandleResult, JoinError, JoinResult,
    Limits, LongpollOptions, Params, Payload, PubSub, Rate, Routes, Socket, SocketOptions, Topic,
    Tracker, no_reply, reply_ok, telemetry::FilterParameters, telemetry::Level, unhandled,
};
use serde_json::json;

pub(crate) struct Presence;

impl presence_channels::Presence for Presence {
    const NAME: &str = "telemetry.presence";
}

/// One socket at `/socket`, which logs connections as Phoenix does.
pub(crate) async fn start(filter: FilterParameters) -> Endpoint {
    let pubsub = PubSub::local();
    let presence = Tracker::start(&pubsub, Presence);
    let mut limits = Limits::default();
    limits.max_channel_message_rate = Some(Rate::per_second(1).burst(100));
    Endpoint::builder(pubsub)
        .supervise(&presence)
        .socket_with::<UserSocket>(
            "/socket",
            presence.clone(),
            SocketOptions::default()
                .limits(limits)
                .longpoll(LongpollOptions::default()),
        )
        .start(Config::default().filter_parameters(filter))
        .await
        .unwrap()
}

pub(crate) struct UserSocket;

impl presence_channels::UserSocket for UserSocket {
    type State = Tracker<Presence>;

    async fn connect(
        params: &Params,
        _: &ConnectInfo,
        _: &Self::State,
    ) -> Result<Self, ConnectError> {
        match params.get("user") {
            Some("banned") => Err(ConnectError::new("banned")),
            Some("crash") => panic!("asked to crash"),
            _ => Ok(Self),
        }
    }

    fn channels(routes: &mut Routes<Self>) {
        routes
            .channel::<RoomChannel>("room:*")
            .channel::<QuietChannel>("quiet");
    }
}

/// Logged as by default.
pub(crate) struct RoomChannel;

impl Channel for RoomChannel {
    type Socket = UserSocket;
    type Info = ();

    async fn join(topic: &Topic, _: Payload, socket: &mut Socket<Self>) -> JoinResult<Self> {
        match topic.subtopic() {
            "closed" => return Err(JoinError::new("closed")),
            "panic" => panic!("asked to"),
            _ => {}
        }
        socket.state().track(socket, "ann", json!({})).await?;
        tracing::info!("in the handler");
        Ok(Self.into())
    }

    async fn handle_in(
        &mut self,
        event: &str,
        payload: Payload,
        socket: &mut Socket<Self>,
    ) -> HandleResult {
        match event {
            "ping" => reply_ok(payload),
            "shout" => {
                socket.broadcast("shout", payload)?;
                no_reply()
            }
            "number" => {
                let _: u32 = payload.json()?;
                no_reply()
            }
            "panic" => panic!("asked to"),
            _ => unhandled(event),
        }
    }
}

/// Logs joins at another level, and messages not at all.
pub(crate) struct QuietChannel;

impl Channel for QuietChannel {
    type Socket = UserSocket;
    type Info = ();

    const LOG_JOIN: Option<Level> = Some(Level::WARN);
    const LOG_HANDLE_IN: Option<Level> = None;

    async fn join(_: &Topic, _: Payload, _: &mut Socket<Self>) -> JoinResult<Self> {
        Ok(Self.into())
    }

    async fn handle_in(&mut self, _: &str, _: Payload, _: &mut Socket<Self>) -> HandleResult {
        reply_ok(json!({}))
    }
}
