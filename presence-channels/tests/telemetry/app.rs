//! The app whose logs and metrics are looked at.

use presence_channels::{
    Config, Endpoint, Limits, LongpollOptions, Rate, SocketOptions, telemetry::FilterParameters,
};
use sample_app::SampleApp;

/// One socket at `/socket`, which logs connections as Phoenix does.
pub(crate) async fn start(filter: FilterParameters) -> Endpoint {
    let limits = Limits::default().max_channel_message_rate(Rate::per_second(1).burst(100));
    let options = SocketOptions::default()
        .limits(limits)
        .longpoll(LongpollOptions::default());
    let app = SampleApp::builder()
        .config(Config::default().filter_parameters(filter))
        .mount("/socket", options);
    app.start().await.unwrap().endpoint
}
