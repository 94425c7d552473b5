use presence_channels::{
    Channel, HandleResult, InfoResult, JoinError, JoinResult, Payload, Socket, Topic, reply_ok,
    unhandled, unix_seconds,
};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::channels::user_socket::UserSocket;

/// The channel of the topics `room:*`. Each joined client has a value of its own.
pub struct RoomChannel;

/// The payload of `shout`, as clients send it. Unknown fields are ignored.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Shout {
    pub body: String,
}

/// A message to this channel from itself or from another part of the app.
pub enum Info {
    AfterJoin,
}

impl Channel for RoomChannel {
    type Socket = UserSocket;
    type Info = Info;

    async fn join(topic: &Topic, payload: Payload, socket: &mut Socket<Self>) -> JoinResult<Self> {
        if !authorized(topic, &payload, socket).await {
            return Err(JoinError::new("unauthorized"));
        }
        socket.notify(Info::AfterJoin);
        Ok(RoomChannel.into())
    }

    async fn handle_in(
        &mut self,
        event: &str,
        payload: Payload,
        socket: &mut Socket<Self>,
    ) -> HandleResult {
        match event {
            // A payload that does not fit is answered with an error that says why.
            "shout" => self.on_shout(payload.json()?, socket).await,
            _ => unhandled(event),
        }
    }

    async fn handle_info(&mut self, info: Info, socket: &mut Socket<Self>) -> InfoResult {
        match info {
            Info::AfterJoin => {
                let presence = &socket.state().presence;
                let meta = json!({ "online_at": unix_seconds().to_string() });
                presence.track(socket, &socket.user().user_id, meta).await?;
                socket.push_presence_state(presence).await?;
                Ok(())
            }
        }
    }
}

/// The handlers of the client's messages. Every client that has joined may send them: check in each
/// who may, and what. As written, each sends the message to everyone in the topic. The server
/// names the sender, so that no client can speak for another user.
impl RoomChannel {
    async fn on_shout(&mut self, message: Shout, socket: &mut Socket<Self>) -> HandleResult {
        let message = json!({
            "user_id": socket.user().user_id,
            "body": message.body,
        });
        socket.broadcast("shout", message)?;
        reply_ok(json!({}))
    }
}

/// Returns whether the client may join the topic with this payload. As written, everyone may.
///
/// `socket.user()` is the connected user, and `socket.state()` the state of the app.
async fn authorized(_topic: &Topic, _payload: &Payload, _socket: &Socket<RoomChannel>) -> bool {
    true
}
