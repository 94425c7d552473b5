use std::time::{Duration, SystemTime};

use presence_channels::{ConnectError, ConnectInfo, Params, Routes};

use crate::{QuietChannel, RoomChannel, app::AppState};

/// A connected client.
#[derive(Debug)]
pub struct UserSocket {
    user_id: Option<String>,
    expires_at: Option<SystemTime>,
}

impl UserSocket {
    /// A client that is `user_id`, whatever `connect` says of such a user.
    #[must_use]
    pub fn of(user_id: &str) -> Self {
        Self {
            user_id: Some(user_id.to_owned()),
            expires_at: None,
        }
    }

    /// Returns `nobody` for a client without a user id.
    pub(crate) fn user_id(&self) -> &str {
        self.user_id.as_deref().unwrap_or("nobody")
    }
}

/// Returns the end of a token, which is the number of seconds that it is good for.
fn expiry(token: &str) -> Option<SystemTime> {
    let seconds = token.parse().ok()?;
    Some(SystemTime::now() + Duration::from_secs(seconds))
}

impl presence_channels::UserSocket for UserSocket {
    type State = AppState;

    async fn connect(
        params: &Params,
        info: &ConnectInfo,
        _: &AppState,
    ) -> Result<Self, ConnectError> {
        let user_id = info.auth_token().or(params.get("user_id"));
        match user_id {
            Some("banned") => return Err(ConnectError::new("banned")),
            Some("crash") => panic!("asked to crash"),
            Some("endless") => std::future::pending().await,
            _ => {}
        }
        Ok(Self {
            user_id: user_id.map(str::to_owned),
            expires_at: params.get("good_for").and_then(expiry),
        })
    }

    fn id(&self) -> Option<String> {
        let user_id = self.user_id.as_ref()?;
        Some(format!("user_socket:{user_id}"))
    }

    fn expires_at(&self) -> Option<SystemTime> {
        self.expires_at
    }

    async fn refresh(&self, token: &str, _: &AppState) -> Result<Option<SystemTime>, ConnectError> {
        Ok(expiry(token))
    }

    fn channels(routes: &mut Routes<Self>) {
        routes
            .channel::<RoomChannel>("room:*")
            .channel::<RoomChannel>("lobby:*")
            .channel::<QuietChannel>("quiet");
    }
}
