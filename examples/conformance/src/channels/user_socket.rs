//! The socket of the kit's clients.

use std::{collections::BTreeMap, time::SystemTime};

use presence_channels::{ConnectError, ConnectInfo, Params, Routes};
use serde_json::Value;

use super::{room_channel::RoomChannel, system_channel::SystemChannel};
use crate::application::AppState;

pub(crate) struct UserSocket {
    /// A string, a number that a token was signed with, or null.
    pub(crate) user_id: Value,
    /// The time at which the client's token expires, where clients are told of it.
    expires_at: Option<SystemTime>,
    pub(crate) user_agent: Option<String>,
    /// The `x-conf-` headers of the request.
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
        let (user_id, expires_at) = match params.get("token").or(info.auth_token()) {
            Some(token) => {
                let (user_id, expires_at) = state.tokens.verify_with_expiry(token)?;
                (user_id, expires_at.filter(|_| state.tells_expiry))
            }
            None => (Value::from(user_id), None),
        };
        let x_headers = info
            .x_headers()
            .filter(|(name, _)| name.starts_with("x-conf-"));
        Ok(Self {
            user_id,
            expires_at,
            user_agent: info.user_agent().map(str::to_owned),
            x_headers: x_headers
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
        })
    }

    fn id(&self) -> Option<String> {
        match &self.user_id {
            Value::Null => None,
            Value::String(user_id) => Some(format!("user_socket:{user_id}")),
            user_id => Some(format!("user_socket:{user_id}")),
        }
    }

    fn expires_at(&self) -> Option<SystemTime> {
        self.expires_at
    }

    async fn refresh(
        &self,
        token: &str,
        state: &AppState,
    ) -> Result<Option<SystemTime>, ConnectError> {
        let (user_id, expires_at) = state.tokens.verify_with_expiry::<Value>(token)?;
        if self.user_id != user_id {
            return Err(ConnectError::new("another user's token"));
        }
        Ok(expires_at)
    }

    fn channels(routes: &mut Routes<Self>) {
        routes
            .channel::<SystemChannel>("system")
            .channel::<RoomChannel<2000>>("room:extra-grace*")
            .channel::<RoomChannel>("room:*");
    }
}
