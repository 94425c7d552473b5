use presence_channels::{
    Channel, HandleResult, InfoResult, JoinError, JoinResult, Payload, Socket, Topic, no_reply,
    reply_ok, unhandled, unix_seconds,
};
use serde_json::json;

use crate::channels::user_socket::UserSocket;

/// Answers for the topics `room:*`. One value a client that has joined.
pub struct RoomChannel;

/// What this channel can be told by other parts of the app, and by itself.
pub enum Info {
    AfterJoin,
}

impl Channel for RoomChannel {
    type Socket = UserSocket;
    type Info = Info;

    async fn join(_topic: &Topic, payload: Payload, socket: &mut Socket<Self>) -> JoinResult<Self> {
        if !authorized(&payload) {
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
            // A request: the client gets its payload back.
            "ping" => reply_ok(payload),
            // A message to all in the topic, the sender too.
            "shout" => {
                socket.broadcast("shout", &payload)?;
                no_reply()
            }
            _ => unhandled(event),
        }
    }

    async fn handle_info(&mut self, info: Info, socket: &mut Socket<Self>) -> InfoResult {
        match info {
            Info::AfterJoin => {
                let presence = &socket.state().presence;
                let meta = json!({ "online_at": unix_seconds().to_string() });
                presence.track(socket, &socket.user().user_id, meta).await?;
                socket.push("presence_state", presence.list(socket.topic()).await)?;
                Ok(())
            }
        }
    }
}

/// Who may join. As written, everyone.
fn authorized(_payload: &Payload) -> bool {
    true
}
