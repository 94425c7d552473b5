//! Everything that the app runs, in start order.

use std::time::Duration;

use axum::{
    extract::{Path, State},
    http::StatusCode,
};
use presence_channels::{
    CheckOrigin, Config, Endpoint, LongpollOptions, PubSub, SecretKeyBase, SocketOptions, Tokens,
    Tracker, token::MaxAge, tracker::TrackerOptions,
};

use crate::channels::{presence::Presence, user_socket::UserSocket};

#[derive(Clone)]
pub(crate) struct AppState {
    pub(crate) presence: Tracker<Presence>,
    /// Signs and verifies the user's id.
    pub(crate) tokens: Tokens,
    /// Clients are told before their token expires. Those of the kit expect nothing of the kind.
    pub(crate) tells_expiry: bool,
}

/// The secret that the kit signs its tokens with. In your own app, keep the secret out of the
/// source.
const SECRET_KEY_BASE: &str = "conformance-secret-key-base-conformance-secret-key-base-12345678";
const SALT: &str = "user auth";

/// Returns a token of the user that is valid for `seconds`, for the mount at `/expiring/socket`.
pub(crate) async fn token(
    State(endpoint): State<Endpoint>,
    Path((user_id, seconds)): Path<(String, u64)>,
) -> Result<String, StatusCode> {
    let tokens = endpoint.tokens(SALT).map_err(|_| StatusCode::NOT_FOUND)?;
    let token = tokens.max_age(MaxAge::Seconds(seconds)).sign(&user_id);
    token.map_err(|_| StatusCode::BAD_REQUEST)
}

pub(crate) async fn start(config: Config) -> anyhow::Result<Endpoint> {
    let secret = SecretKeyBase::new(SECRET_KEY_BASE)?;
    // Decides over the age that a token was signed with.
    let tokens = Tokens::new(&secret, SALT).max_age(MaxAge::Seconds(86_400));
    let pubsub = PubSub::local();
    let options = TrackerOptions::default().count_interval(Duration::from_millis(200));
    let presence = Tracker::start_with(&pubsub, Presence, options)?;
    let state = AppState {
        presence,
        tokens,
        tells_expiry: false,
    };
    // Its tokens live as long as they were signed for.
    let expiring_state = AppState {
        tokens: Tokens::new(&secret, SALT),
        tells_expiry: true,
        ..state.clone()
    };

    let allowed = CheckOrigin::Only(vec!["http://allowed.test".into()]);
    let guarded = SocketOptions::default().check_origin(allowed);
    let short = guarded.clone().timeout(Duration::from_secs(1));
    let longpoll = LongpollOptions::default().window(Duration::from_secs(1));
    let with_token = guarded.auth_token(true).longpoll(longpoll.clone());
    let open = SocketOptions::default()
        .check_origin(CheckOrigin::Off)
        .longpoll(longpoll);
    let expiring = open.clone().token_expiry_notice(Duration::from_secs(2));
    // With the default window, for clients that share one busy process.
    let patient = LongpollOptions::default();
    let patient = open.clone().longpoll(patient);

    let endpoint = Endpoint::builder(pubsub)
        .supervise(&state.presence)
        .socket_with::<UserSocket>("/socket", state.clone(), with_token)
        .socket_with::<UserSocket>("/short", state.clone(), short)
        .socket_with::<UserSocket>("/expiring/socket", expiring_state, expiring)
        .socket_with::<UserSocket>("/patient/socket", state.clone(), patient)
        .socket_with::<UserSocket>("/open", state, open)
        .start(config.secret_key_base(secret))
        .await?;
    Ok(endpoint)
}
