//! A channel that tracks, in an app whose state has no presence. A field asks for no trait.

mod app;

use app::UserSocket;
use presence_channels::{Channel, InfoResult, JoinResult, Payload, Socket, Topic};

struct RoomChannel;

impl Channel for RoomChannel {
    type Socket = UserSocket;
    type Info = ();

    async fn join(_: &Topic, _: Payload, socket: &mut Socket<Self>) -> JoinResult<Self> {
        socket.notify(());
        Ok(RoomChannel.into())
    }

    async fn handle_info(&mut self, _: (), socket: &mut Socket<Self>) -> InfoResult {
        let presence = &socket.state().presence;
        socket.push("presence_state", presence.list(socket.topic()).await)?;
        Ok(())
    }
}

fn main() {}
