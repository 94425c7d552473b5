//! The app of the cases: its state and its socket.

use presence_channels::{ConnectError, ConnectInfo, Params, Routes};

pub struct AppState {
    pub greeting: String,
}

pub struct UserSocket {
    pub user_id: String,
}

impl presence_channels::UserSocket for UserSocket {
    type State = AppState;

    async fn connect(_: &Params, _: &ConnectInfo, _: &AppState) -> Result<Self, ConnectError> {
        Err(ConnectError::new("nobody connects"))
    }

    fn channels(_: &mut Routes<Self>) {}
}
