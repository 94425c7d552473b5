//! The app under test.

use presence_channels::{
    Accepted, Channel, Config, ConnectError, ConnectInfo, Endpoint, HandleResult, InfoResult,
    JoinError, JoinResult, Params, Payload, PubSub, Routes, Socket, Topic, UserSocket, no_reply,
    reply_ok, stop, unhandled,
};
use serde_json::json;

pub(crate) struct User {
    pub(crate) name: String,
}

impl UserSocket for User {
    type State = ();

    async fn connect(params: &Params, _: &ConnectInfo, _: &()) -> Result<Self, ConnectError> {
        let name = params.get("name").ok_or(ConnectError::new("no name"))?;
        Ok(Self {
            name: name.to_owned(),
        })
    }

    fn id(&self) -> Option<String> {
        Some(format!("users:{}", self.name))
    }

    fn channels(routes: &mut Routes<Self>) {
        routes.channel::<Room>("room:*");
    }
}

struct Room;

impl Channel for Room {
    type Socket = User;
    type Info = ();

    const INTERCEPTS: &'static [&'static str] = &["seen"];

    async fn join(topic: &Topic, _: Payload, socket: &mut Socket<Self>) -> JoinResult<Self> {
        if topic.subtopic() == "private" {
            return Err(JoinError::new("unauthorized"));
        }
        let welcome = json!({ "welcome": socket.user().name });
        Ok(Accepted::with_reply(Room, welcome)?)
    }

    async fn handle_in(
        &mut self,
        event: &str,
        payload: Payload,
        socket: &mut Socket<Self>,
    ) -> HandleResult {
        match event {
            "ping" => reply_ok(payload),
            "quiet" => no_reply(),
            "push" => {
                socket.push("pushed", payload)?;
                no_reply()
            }
            "shout" => {
                socket.broadcast("shout", payload)?;
                no_reply()
            }
            "whisper" => {
                socket.broadcast_from("shout", payload)?;
                no_reply()
            }
            "stop" => stop(),
            "crash" => panic!("asked to"),
            _ => unhandled(event),
        }
    }

    async fn handle_out(
        &mut self,
        event: &str,
        payload: Payload,
        socket: &mut Socket<Self>,
    ) -> InfoResult {
        let (by, payload) = (&socket.user().name, payload.value()?);
        socket.push(event, json!({ "by": by, "payload": payload }))?;
        Ok(())
    }
}

pub(crate) async fn start(pubsub: PubSub) -> Endpoint {
    let endpoint = Endpoint::builder(pubsub).socket::<User>("/socket", ());
    endpoint.start(Config::default()).await.unwrap()
}
