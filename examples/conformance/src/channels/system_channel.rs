//! A channel of a single topic.

use presence_channels::{
    Accepted, Channel, HandleResult, JoinResult, Payload, Socket, Topic, reply_ok, unhandled,
};
use serde_json::json;

use super::user_socket::UserSocket;

pub(crate) struct SystemChannel;

impl Channel for SystemChannel {
    type Socket = UserSocket;
    type Info = ();

    async fn join(_: &Topic, payload: Payload, _: &mut Socket<Self>) -> JoinResult<Self> {
        let reply = json!({ "joined": "system", "params": payload.value()? });
        Ok(Accepted::with_reply(SystemChannel, reply)?)
    }

    async fn handle_in(
        &mut self,
        event: &str,
        payload: Payload,
        _: &mut Socket<Self>,
    ) -> HandleResult {
        match event {
            "ping" => reply_ok(payload),
            _ => unhandled(event),
        }
    }
}
