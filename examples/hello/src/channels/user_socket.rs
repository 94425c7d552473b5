use presence_channels::{ConnectError, ConnectInfo, Params, Routes};

use crate::application::AppState;
use crate::channels::room_channel::RoomChannel;

/// The connection of one client. Each channel of the connection can read these fields.
pub struct UserSocket {
    pub user_id: String,
}

impl presence_channels::UserSocket for UserSocket {
    type State = AppState;

    /// Accepts a client, or rejects it with HTTP 403.
    ///
    /// As written, anyone can claim any `user_id`. In production, let the client send a token that
    /// your server has signed, and read the `user_id` from that token: see `cargo phx gen auth`.
    async fn connect(
        params: &Params,
        _info: &ConnectInfo,
        _state: &AppState,
    ) -> Result<Self, ConnectError> {
        let user_id = params.get("user_id").unwrap_or_default();
        if user_id.is_empty() {
            return Err(ConnectError::new("user_id is missing"));
        }
        Ok(Self {
            user_id: user_id.to_owned(),
        })
    }

    /// Returns a name that all connections of a user share.
    ///
    /// `endpoint.disconnect("user_socket:42")` closes the connections of user 42.
    fn id(&self) -> Option<String> {
        Some(format!("user_socket:{}", self.user_id))
    }

    /// Routes each topic to its channel.
    fn channels(routes: &mut Routes<Self>) {
        routes.channel::<RoomChannel>("room:*");
    }
}
