use presence_channels::{
    Channel, HandleResult, JoinResult, Payload, Socket, Topic, reply_ok, telemetry::Level,
};
use serde_json::json;

use crate::UserSocket;

/// The channel that chooses what is logged of it.
#[derive(Debug)]
pub struct QuietChannel;

impl Channel for QuietChannel {
    type Socket = UserSocket;
    type Info = ();

    const LOG_JOIN: Option<Level> = Some(Level::WARN);
    const LOG_HANDLE_IN: Option<Level> = None;

    async fn join(_: &Topic, _: Payload, _: &mut Socket<Self>) -> JoinResult<Self> {
        Ok(Self.into())
    }

    async fn handle_in(&mut self, _: &str, _: Payload, _: &mut Socket<Self>) -> HandleResult {
        reply_ok(json!({}))
    }
}
