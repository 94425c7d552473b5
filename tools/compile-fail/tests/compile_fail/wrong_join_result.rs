//! A `join` that returns the channel itself.

mod app;

use app::UserSocket;
use presence_channels::{Channel, JoinError, Payload, Socket, Topic};

struct RoomChannel;

impl Channel for RoomChannel {
    type Socket = UserSocket;
    type Info = ();

    async fn join(_: &Topic, _: Payload, _: &mut Socket<Self>) -> Result<Self, JoinError> {
        Ok(RoomChannel)
    }
}

fn main() {}
