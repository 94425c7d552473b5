//! A list of presences that is not awaited.

mod app;

use app::UserSocket;
use presence_channels::{
    Channel, InfoResult, JoinResult, Payload, Presence, Socket, Topic, Tracker,
};

struct Online;

impl Presence for Online {
    const NAME: &str = "docs.online";
}

struct RoomChannel {
    online: Tracker<Online>,
}

impl Channel for RoomChannel {
    type Socket = UserSocket;
    type Info = ();

    async fn join(_: &Topic, _: Payload, _: &mut Socket<Self>) -> JoinResult<Self> {
        todo!()
    }

    async fn handle_info(&mut self, _: (), socket: &mut Socket<Self>) -> InfoResult {
        socket.push("presence_state", self.online.list(socket.topic()))?;
        Ok(())
    }
}

fn main() {}
