//! An arm that ends in a broadcast, without a reply. No trait is asked, so the words are rustc's.

mod app;

use app::UserSocket;
use presence_channels::{
    Channel, HandleResult, JoinResult, Payload, Socket, Topic, reply_ok, unhandled,
};

struct RoomChannel;

impl Channel for RoomChannel {
    type Socket = UserSocket;
    type Info = ();

    async fn join(_: &Topic, _: Payload, _: &mut Socket<Self>) -> JoinResult<Self> {
        Ok(RoomChannel.into())
    }

    async fn handle_in(
        &mut self,
        event: &str,
        payload: Payload,
        socket: &mut Socket<Self>,
    ) -> HandleResult {
        match event {
            "ping" => reply_ok(payload),
            "shout" => socket.broadcast("shout", payload)?,
            _ => unhandled(event),
        }
    }
}

fn main() {}
