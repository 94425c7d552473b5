//! A route to a type that is not a channel.

use presence_channels::{ConnectError, ConnectInfo, Params, Routes, UserSocket};

struct RoomChannel;

struct AdminSocket;

impl UserSocket for AdminSocket {
    type State = ();

    async fn connect(_: &Params, _: &ConnectInfo, _: &()) -> Result<Self, ConnectError> {
        Ok(AdminSocket)
    }

    fn channels(routes: &mut Routes<Self>) {
        routes.channel::<RoomChannel>("room:*");
    }
}

fn main() {}
