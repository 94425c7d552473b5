//! A channel that asks for a presence which the app's state does not have.

mod app;

use app::UserSocket;
use presence_channels::{Channel, InfoResult, JoinResult, Payload, Presence, Socket, Topic};

struct Online;

impl Presence for Online {
    const NAME: &str = "docs.online";
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
        let online = socket.presence::<Online>();
        socket.push("presence_state", online.list(socket.topic()).await)?;
        Ok(())
    }
}

fn main() {}
