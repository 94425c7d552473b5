//! The channel of the rooms.

use std::time::Duration;

use presence_channels::{
    Channel, DisconnectGrace, HandleResult, InfoResult, JoinResult, Payload, PresenceWatch, Socket,
    Topic, no_reply, reply_ok, unhandled, unix_seconds,
};
use serde_json::json;

use super::user_socket::UserSocket;

/// A room. The presence of a lost connection stays for `GRACE_MS` milliseconds.
///
/// In `room:count*`, a client chooses by `{"presence": "count"}` or `{"presence": "none"}` to watch
/// less than all presences.
pub(crate) struct RoomChannel<const GRACE_MS: u64 = 0>;

/// A message of the channel to itself.
pub(crate) enum Info {
    AfterJoin(PresenceWatch),
}

impl<const GRACE_MS: u64> Channel for RoomChannel<GRACE_MS> {
    type Socket = UserSocket;
    type Info = Info;

    const DISCONNECT_GRACE: Option<DisconnectGrace> =
        Some(DisconnectGrace::of(Duration::from_millis(GRACE_MS)));

    async fn join(topic: &Topic, payload: Payload, socket: &mut Socket<Self>) -> JoinResult<Self> {
        let mut watch = PresenceWatch::Full;
        if topic.subtopic().starts_with("count") {
            watch = PresenceWatch::from_params(&payload)?;
            let presence = socket.state().presence.clone();
            socket.watch_presence(&presence, watch)?;
        }
        socket.notify(Info::AfterJoin(watch));
        Ok(RoomChannel.into())
    }

    async fn handle_in(
        &mut self,
        event: &str,
        payload: Payload,
        socket: &mut Socket<Self>,
    ) -> HandleResult {
        match event {
            "ping" => reply_ok(payload),
            "shout" => {
                socket.broadcast("shout", &payload)?;
                no_reply()
            }
            _ => unhandled(event),
        }
    }

    async fn handle_info(&mut self, info: Info, socket: &mut Socket<Self>) -> InfoResult {
        let Info::AfterJoin(watch) = info;
        let presence = &socket.state().presence;
        let meta = json!({ "online_at": unix_seconds().to_string() });
        presence.track(socket, &socket.user().user_id, meta).await?;
        if watch == PresenceWatch::Full {
            socket.push_presence_state(presence).await?;
        }
        Ok(())
    }
}
