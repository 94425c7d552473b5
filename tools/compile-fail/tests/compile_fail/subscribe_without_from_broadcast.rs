//! A subscription of a channel whose `Info` is not made from broadcasts.

mod app;

use app::UserSocket;
use presence_channels::{Channel, JoinResult, Payload, Socket, Topic};

struct RoomChannel;

impl Channel for RoomChannel {
    type Socket = UserSocket;
    type Info = ();

    async fn join(_: &Topic, _: Payload, socket: &mut Socket<Self>) -> JoinResult<Self> {
        socket.subscribe("news");
        Ok(RoomChannel.into())
    }
}

fn main() {}
