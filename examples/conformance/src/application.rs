//! Everything the app runs, in start order.

use std::time::Duration;

use presence_channels::{
    CheckOrigin, Config, Endpoint, LongpollOptions, PubSub, SocketOptions, StartError, Tracker,
};

use crate::channels::{presence::Presence, user_socket::UserSocket};

#[derive(Clone)]
pub(crate) struct AppState {
    pub(crate) presence: Tracker<Presence>,
}

pub(crate) async fn start(config: Config) -> Result<Endpoint, StartError> {
    let pubsub = PubSub::local();
    let presence = Tracker::start(&pubsub, Presence);
    let state = AppState { presence };

    let allowed = CheckOrigin::Only(vec!["http://allowed.test".into()]);
    let guarded = SocketOptions::default().check_origin(allowed);
    let short = guarded.clone().timeout(Duration::from_secs(1));
    let open = SocketOptions::default().check_origin(CheckOrigin::Off);
    let longpoll = LongpollOptions::default().window(Duration::from_secs(1));
    let (guarded, open) = (guarded.longpoll(longpoll.clone()), open.longpoll(longpoll));

    Endpoint::builder(pubsub)
        .supervise(&state.presence)
        .socket_with::<UserSocket>("/socket", state.clone(), guarded)
        .socket_with::<UserSocket>("/short", state.clone(), short)
        .socket_with::<UserSocket>("/open", state, open)
        .start(config)
        .await
}
