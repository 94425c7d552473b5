//! A channel routed by a socket that is not its own.

mod app;

use app::UserSocket;
use presence_channels::{
    Channel, ConnectError, ConnectInfo, JoinResult, Params, Payload, Routes, Socket, Topic,
};

struct RoomChannel;

impl Channel for RoomChannel {
    type Socket = UserSocket;
    type Info = ();

    async fn join(_: &Topic, _: Payload, _: &mut Socket<Self>) -> JoinResult<Self> {
        Ok(RoomChannel.into())
    }
}

struct AdminSocket;

impl presence_channels::UserSocket for AdminSocket {
    type State = ();

    async fn connect(_: &Params, _: &ConnectInfo, _: &()) -> Result<Self, ConnectError> {
        Ok(AdminSocket)
    }

    fn channels(routes: &mut Routes<Self>) {
        routes.channel::<RoomChannel>("room:*");
    }
}

fn main() {}
