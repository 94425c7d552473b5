//! A `handle_in` with the result of `handle_info`.

mod app;

use app::UserSocket;
use presence_channels::{Channel, InfoResult, JoinResult, Payload, Socket, Topic};

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
    ) -> InfoResult {
        socket.broadcast("shout", payload)?;
        Ok(())
    }
}

fn main() {}
