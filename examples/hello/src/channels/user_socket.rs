use presence_channels::{ConnectError, ConnectInfo, Params, Routes};

use crate::application::AppState;
use crate::channels::room_channel::RoomChannel;

/// One client's connection, and what is known of the client. All channels of the connection see it.
pub struct UserSocket {
    pub user_id: String,
}

impl presence_channels::UserSocket for UserSocket {
    type State = AppState;

    /// Lets a client in, or refuses it with HTTP 403.
    ///
    /// As written, anyone can claim any `user_id`. In production let the client send a token that
    /// your server has signed, and take the `user_id` from there.
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

    /// A name for all connections of a user: `endpoint.disconnect("user_socket:42")` closes those of user 42.
    fn id(&self) -> Option<String> {
        Some(format!("user_socket:{}", self.user_id))
    }

    /// Which channel answers for which topics.
    fn channels(routes: &mut Routes<Self>) {
        routes.channel::<RoomChannel>("room:*");
    }
}
