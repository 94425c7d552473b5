//! The presence of the app.

pub(crate) struct Presence;

impl presence_channels::Presence for Presence {
    const NAME: &str = "conformance.presence";
}
