//! A `handle_info` with the result of `handle_in`.

mod app;

use app::UserSocket;
use presence_channels::{Channel, HandleResult, JoinResult, Payload, Socket, Topic, no_reply};

struct RoomChannel;

impl Channel for RoomChannel {
    type Socket = UserSocket;
    type Info = ();

    async fn join(_: &Topic, _: Payload, _: &mut Socket<Self>) -> JoinResult<Self> {
        Ok(RoomChannel.into())
    }

    async fn handle_info(&mut self, _: (), _: &mut Socket<Self>) -> HandleResult {
        no_reply()
    }
}

fn main() {}
