//! The app that the tests poll.

use std::sync::Arc;

use presence_channels::{
    CheckOrigin, Config, Endpoint, Limits, LongpollOptions, PubSub, SocketOptions,
};
use sample_app::{Probe, SampleApp};

use crate::WINDOW;

pub(crate) fn longpoll() -> LongpollOptions {
    LongpollOptions::default().window(WINDOW)
}

pub(crate) async fn start() -> (Endpoint, Arc<Probe>) {
    start_with(
        PubSub::local(),
        Config::default(),
        Limits::default(),
        longpoll(),
    )
    .await
}

/// Mounts the socket at `/socket`, for pages of `http://allowed.test` only, and at `/open` for all.
pub(crate) async fn start_with(
    pubsub: PubSub,
    config: Config,
    limits: Limits,
    longpoll: LongpollOptions,
) -> (Endpoint, Arc<Probe>) {
    let guarded = SocketOptions::default()
        .check_origin(CheckOrigin::Only(vec!["http://allowed.test".into()]))
        .limits(limits)
        .longpoll(longpoll);
    let open = guarded.clone().check_origin(CheckOrigin::Off);
    let app = SampleApp::builder()
        .pubsub(pubsub)
        .config(config)
        .mount("/socket", guarded)
        .mount("/open", open)
        .mount("/websocket-only", SocketOptions::default());
    let app = app.start().await.unwrap();
    (app.endpoint, app.probe)
}
