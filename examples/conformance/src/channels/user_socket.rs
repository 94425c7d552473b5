//! A client of the kit.

use std::collections::BTreeMap;

use presence_channels::{ConnectError, ConnectInfo, Params, Routes};

use super::{room_channel::RoomChannel, system_channel::SystemChannel};
use crate::application::AppState;

pub(crate) struct UserSocket {
    pub(crate) user_id: Option<String>,
    pub(crate) user_agent: Option<String>,
    /// The `x-conf-` headers.
    pub(crate) x_headers: BTreeMap<String, String>,
}

impl presence_channels::UserSocket for UserSocket {
    type State = AppState;

    async fn connect(
        params: &Params,
        info: &ConnectInfo,
        state: &AppState,
    ) -> Result<Self, ConnectError> {
        let user_id = params.get("user_id");
        if let Some("forbidden" | "banned") = user_id {
            return Err(ConnectError::new("not this user"));
        }
        let user_id = match params.get("token").or(info.auth_token()) {
            Some(token) => Some(state.tokens.verify(token)?),
            None => user_id.map(str::to_owned),
        };
        let x_headers = info
            .x_headers()
            .filter(|(name, _)| name.starts_with("x-conf-"));
        Ok(Self {
            user_id,
            user_agent: info.user_agent().map(str::to_owned),
            x_headers: x_headers
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
        })
    }

    fn id(&self) -> Option<String> {
        self.user_id
            .as_ref()
            .map(|user_id| format!("user_socket:{user_id}"))
    }

    fn channels(routes: &mut Routes<Self>) {
        routes
            .channel::<SystemChannel>("system")
            .channel::<RoomChannel>("room:*");
    }
}
