//! A push of a type that does not serialize.

mod app;

use app::UserSocket;
use presence_channels::{Channel, InfoResult, JoinResult, Payload, Socket, Topic};

struct Welcome {
    text: String,
}

struct RoomChannel;

impl Channel for RoomChannel {
    type Socket = UserSocket;
    type Info = ();

    async fn join(_: &Topic, _: Payload, socket: &mut Socket<Self>) -> JoinResult<Self> {
        socket.notify(());
        Ok(RoomChannel.into())
    }

    async fn handle_info(&mut self, _: (), socket: &mut Socket<Self>) -> InfoResult {
        let text = socket.state().greeting.clone();
        socket.push("welcome", Welcome { text })?;
        Ok(())
    }
}

fn main() {}
