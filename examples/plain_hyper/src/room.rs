//! A channel that replies to `ping`.

use presence_channels::{
    Channel, ConnectError, ConnectInfo, HandleResult, JoinResult, Params, Payload, Routes, Socket,
    Topic, reply_ok, unhandled,
};

pub(crate) struct UserSocket;

impl presence_channels::UserSocket for UserSocket {
    type State = ();

    async fn connect(_: &Params, _: &ConnectInfo, _: &()) -> Result<Self, ConnectError> {
        Ok(UserSocket)
    }

    fn channels(routes: &mut Routes<Self>) {
        routes.channel::<RoomChannel>("room:*");
    }
}

struct RoomChannel;

impl Channel for RoomChannel {
    type Socket = UserSocket;
    type Info = ();

    async fn join(_: &Topic, _: Payload, _: &mut Socket<Self>) -> JoinResult<Self> {
        Ok(RoomChannel.into())
    }

    async fn handle_in(
        &mut self,
        event: &str,
        payload: Payload,
        _: &mut Socket<Self>,
    ) -> HandleResult {
        match event {
            "ping" => reply_ok(payload),
            _ => unhandled(event),
        }
    }
}
