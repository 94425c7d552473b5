//! The app whose logs and metrics are looked at.

use presence_channels::{
    Config, Endpoint, Limits, LongpollOptions, PubSub, Rate, SocketOptions,
    telemetry::FilterParameters,
};
use sample_app::SampleApp;

/// One socket at `/socket`, which logs connections as Phoenix does.
pub(crate) async fn start(filter: FilterParameters) -> Endpoint {
    let config = Config::default().filter_parameters(filter);
    let limits = Limits::default().max_channel_message_rate(Rate::per_second(1).burst(100));
    start_on(PubSub::local(), config, limits).await
}

/// As [`start`], on another node and with other limits.
pub(crate) async fn start_on(pubsub: PubSub, config: Config, limits: Limits) -> Endpoint {
    let options = SocketOptions::default()
        .limits(limits)
        .longpoll(LongpollOptions::default());
    let app = SampleApp::builder()
        .pubsub(pubsub)
        .config(config)
        .mount("/socket", options);
    app.start().await.unwrap().endpoint
}
