//! `notify` with another type than `Info`. A trait with words of ours would break `x.into()` there.

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
