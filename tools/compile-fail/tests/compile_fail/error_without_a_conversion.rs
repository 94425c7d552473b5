//! An app's error that is no `std::error::Error`.

mod app;

use app::UserSocket;
use presence_channels::{Channel, HandleResult, JoinResult, Payload, Socket, Topic, no_reply};

struct NotFound;

fn find() -> Result<(), NotFound> {
    Err(NotFound)
}

struct RoomChannel;

impl Channel for RoomChannel {
    type Socket = UserSocket;
    type Info = ();

    async fn join(_: &Topic, _: Payload, _: &mut Socket<Self>) -> JoinResult<Self> {
        Ok(RoomChannel.into())
    }

    async fn handle_in(&mut self, _: &str, _: Payload, _: &mut Socket<Self>) -> HandleResult {
        find()?;
        no_reply()
    }
}

fn main() {}
