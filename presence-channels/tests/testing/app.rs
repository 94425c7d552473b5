//! The app under test.

use presence_channels::{Endpoint, PubSub};
use sample_app::SampleApp;

pub(crate) async fn start(pubsub: PubSub) -> Endpoint {
    let app = SampleApp::builder().pubsub(pubsub).start().await;
    app.unwrap().endpoint
}
