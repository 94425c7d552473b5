//! A task that takes the channel's socket with it. rustc takes no words of ours for lifetimes.

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

    async fn handle_in(
        &mut self,
        _: &str,
        payload: Payload,
        socket: &mut Socket<Self>,
    ) -> HandleResult {
        tokio::spawn(async move {
            let _ = socket.broadcast("shout", payload);
        });
        no_reply()
    }
}

fn main() {}
