//! The socket, which only a page of the user's session can open, and its room.

use presence_channels::{
    Accepted, Channel, ConnectError, ConnectInfo, JoinResult, Params, Payload, Routes, Socket,
    Topic,
};
use serde_json::json;
use tower_sessions::Session;

use crate::login::Login;

pub(crate) struct UserSocket {
    user_id: String,
}

impl presence_channels::UserSocket for UserSocket {
    type State = ();

    async fn connect(params: &Params, info: &ConnectInfo, _: &()) -> Result<Self, ConnectError> {
        let session: &Session = info
            .extensions()
            .get()
            .expect("the session layer is installed");
        let login = Login::of(session).await?;
        let login = login.ok_or(ConnectError::new("not logged in"))?;
        // The cookie may come from other pages, too. Only this app's page knows the token.
        if !params.has_csrf_token(&login.csrf_token) {
            return Err(ConnectError::new("without the CSRF token of the session"));
        }
        Ok(Self {
            user_id: login.user_id,
        })
    }

    fn id(&self) -> Option<String> {
        Some(socket_id(&self.user_id))
    }

    fn channels(routes: &mut Routes<Self>) {
        routes.channel::<RoomChannel>("room:*");
    }
}

/// Returns the name of all connections of a user.
pub(crate) fn socket_id(user_id: &str) -> String {
    format!("user_socket:{user_id}")
}

struct RoomChannel;

impl Channel for RoomChannel {
    type Socket = UserSocket;
    type Info = ();

    async fn join(_: &Topic, _: Payload, socket: &mut Socket<Self>) -> JoinResult<Self> {
        let welcome = json!({ "welcome": socket.user().user_id });
        Ok(Accepted::with_reply(RoomChannel, welcome)?)
    }
}
