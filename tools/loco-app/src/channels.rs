//! The socket and its channel. Both reach the app's context: its configuration, database and cache.

use loco_rs::app::AppContext;
use presence_channels::{
    Accepted, Channel, ConnectError, ConnectInfo, JoinResult, Params, Payload, Routes, Socket,
    Topic,
};
use serde_json::json;

pub struct UserSocket;

impl presence_channels::UserSocket for UserSocket {
    type State = AppContext;

    async fn connect(_: &Params, _: &ConnectInfo, _: &AppContext) -> Result<Self, ConnectError> {
        Ok(UserSocket)
    }

    fn channels(routes: &mut Routes<Self>) {
        routes.channel::<RoomChannel>("room:*");
    }
}

pub struct RoomChannel;

impl Channel for RoomChannel {
    type Socket = UserSocket;
    type Info = ();

    async fn join(_: &Topic, _: Payload, socket: &mut Socket<Self>) -> JoinResult<Self> {
        let reply = json!({ "environment": socket.state().environment.to_string() });
        Ok(Accepted::with_reply(RoomChannel, reply)?)
    }
}
