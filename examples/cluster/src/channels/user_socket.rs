//! The socket of a node's clients.

use hello::application::AppState;
use presence_channels::{ConnectError, ConnectInfo, Params, Routes};

use super::room_channel::RoomChannel;

/// The connection of one client.
pub(crate) struct UserSocket {
    pub(crate) user_id: String,
}

impl presence_channels::UserSocket for UserSocket {
    type State = AppState;

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

    fn id(&self) -> Option<String> {
        Some(format!("user_socket:{}", self.user_id))
    }

    fn channels(routes: &mut Routes<Self>) {
        routes
            .channel::<RoomChannel<2000>>("room:grace*")
            .channel::<RoomChannel>("room:*");
    }
}
