//! A field of a payload that was not read yet.

mod app;

use app::UserSocket;
use presence_channels::{Channel, HandleResult, JoinResult, Payload, Socket, Topic, reply_ok};

struct RoomChannel;

impl Channel for RoomChannel {
    type Socket = UserSocket;
    type Info = ();

    async fn join(_: &Topic, _: Payload, _: &mut Socket<Self>) -> JoinResult<Self> {
        Ok(RoomChannel.into())
    }

    async fn handle_in(&mut self, _: &str, payload: Payload, _: &mut Socket<Self>) -> HandleResult {
        reply_ok(&payload["body"])
    }
}

fn main() {}
