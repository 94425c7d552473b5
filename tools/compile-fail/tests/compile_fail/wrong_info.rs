//! `notify` with something else than the channel's `Info`.

mod app;

use app::UserSocket;
use presence_channels::{Channel, JoinResult, Payload, Socket, Topic};

struct RoomChannel;

enum Info {
    AfterJoin,
}

impl Channel for RoomChannel {
    type Socket = UserSocket;
    type Info = Info;

    async fn join(_: &Topic, _: Payload, socket: &mut Socket<Self>) -> JoinResult<Self> {
        socket.notify("after join");
        Ok(RoomChannel.into())
    }
}

fn main() {
    let _ = Info::AfterJoin;
}
