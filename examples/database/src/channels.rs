//! The socket and its room channel.

use presence_channels::{
    Accepted, Cause, Channel, ConnectError, ConnectInfo, ErrorReply, HandleResult, InfoResult,
    JoinResult, Params, Payload, Routes, Socket, Topic, reply_ok, unhandled,
};
use serde::Deserialize;
use serde_json::json;

use crate::{AppState, store::Message};

/// The number of earlier messages in the reply to a join.
const HISTORY: u32 = 50;

pub(crate) struct UserSocket {
    user_id: String,
}

impl presence_channels::UserSocket for UserSocket {
    type State = AppState;

    /// Accepts every user of the database. As written, anyone can claim to be any of them.
    async fn connect(
        params: &Params,
        _: &ConnectInfo,
        state: &AppState,
    ) -> Result<Self, ConnectError> {
        let user_id = params.get("user_id").unwrap_or_default();
        if state.store.names(&[user_id]).await?.is_empty() {
            return Err(ConnectError::new("no such user"));
        }
        Ok(Self {
            user_id: user_id.to_owned(),
        })
    }

    /// Replies to a value that a check of the database refuses. Other errors of the database are
    /// `internal error` to the client, and the log has them.
    fn error_reply(cause: &Cause) -> Option<ErrorReply> {
        let error = cause.find::<sqlx::Error>()?.as_database_error()?;
        let is_check = error.is_check_violation();
        is_check.then(|| ErrorReply::new("a message has 1 to 1000 characters"))
    }

    fn channels(routes: &mut Routes<Self>) {
        routes.channel::<RoomChannel>("room:*");
    }
}

pub(crate) struct RoomChannel;

pub(crate) enum Info {
    AfterJoin,
}

#[derive(Deserialize)]
struct Say {
    body: String,
}

impl Channel for RoomChannel {
    type Socket = UserSocket;
    type Info = Info;

    async fn join(topic: &Topic, _: Payload, socket: &mut Socket<Self>) -> JoinResult<Self> {
        let store = &socket.state().store;
        let messages = store.last_messages(topic, HISTORY).await?;
        socket.notify(Info::AfterJoin);
        let reply = json!({ "messages": messages });
        Ok(Accepted::with_reply(RoomChannel, reply)?)
    }

    async fn handle_in(
        &mut self,
        event: &str,
        payload: Payload,
        socket: &mut Socket<Self>,
    ) -> HandleResult {
        match event {
            "say" => {
                let Say { body } = payload.json()?;
                let user_id = socket.user().user_id.clone();
                let message = Message { user_id, body };
                socket.state().store.say(socket.topic(), &message).await?;
                socket.broadcast("said", &message)?;
                reply_ok(json!({}))
            }
            _ => unhandled(event),
        }
    }

    async fn handle_info(&mut self, info: Info, socket: &mut Socket<Self>) -> InfoResult {
        match info {
            Info::AfterJoin => {
                let presence = &socket.state().presence;
                let user_id = &socket.user().user_id;
                presence.track(socket, user_id, json!({})).await?;
                socket.push_presence_state(presence).await?;
                Ok(())
            }
        }
    }
}
