use presence_channels::{
    Accepted, Channel, HandleResult, InfoResult, JoinError, JoinResult, Payload, Socket,
    TerminateReason, Topic, no_reply, reply_ok, stop, unhandled,
};
use serde_json::json;

use crate::{Departure, UserSocket, app::AppState};

/// The channel of a room or a lobby. The [crate] lists its topics and events.
#[derive(Debug)]
pub struct RoomChannel;

fn is_lobby(topic: &Topic) -> bool {
    topic.starts_with("lobby:")
}

impl Channel for RoomChannel {
    type Socket = UserSocket;
    type Info = ();

    const INTERCEPTS: &'static [&'static str] = &["seen"];
    const DROPPABLE: &'static [&'static str] = &["cursor"];

    async fn join(topic: &Topic, _: Payload, socket: &mut Socket<Self>) -> JoinResult<Self> {
        let user_id = socket.user().user_id();
        match topic.subtopic() {
            "welcome" => return Ok(Accepted::with_reply(Self, json!({ "welcome": user_id }))?),
            "private" => return Err(JoinError::new("unauthorized")),
            "crash" => panic!("asked to crash"),
            "push" => socket.push("too", "early")?,
            endless if endless.starts_with("endless") => std::future::pending().await,
            _ => {}
        }
        if is_lobby(topic) {
            let presence = &socket.state().presence;
            presence.track(socket, user_id, json!({})).await?;
        }
        tracing::info!("in the handler");
        Ok(Self.into())
    }

    async fn handle_in(
        &mut self,
        event: &str,
        payload: Payload,
        socket: &mut Socket<Self>,
    ) -> HandleResult {
        match event {
            "ping" => reply_ok(payload),
            "size" => reply_ok(json!({ "bytes": payload.bytes().len() })),
            "number" => {
                let _: u32 = payload.json()?;
                no_reply()
            }
            "ignore" => no_reply(),
            "push" => {
                socket.push("pushed", payload)?;
                no_reply()
            }
            "history" => {
                let (messages, bytes): (usize, usize) = payload.json()?;
                for n in 0..messages {
                    let message = json!({ "n": n, "fill": "x".repeat(bytes) });
                    socket.push_and_wait("message", message).await?;
                }
                reply_ok(json!({}))
            }
            "shout" => {
                socket.broadcast("shout", payload)?;
                no_reply()
            }
            "whisper" => {
                socket.broadcast_from("shout", payload)?;
                no_reply()
            }
            "slow" => {
                let probe = &socket.state().probe;
                probe.begin(payload.value()?);
                probe.pass_gate().await;
                reply_ok(json!({}))
            }
            "endless" => std::future::pending().await,
            "fail" => Err("asked to fail")?,
            "stop" => stop(),
            "crash" => panic!("asked to crash"),
            _ => unhandled(event),
        }
    }

    async fn handle_out(
        &mut self,
        event: &str,
        payload: Payload,
        socket: &mut Socket<Self>,
    ) -> InfoResult {
        let (by, payload) = (socket.user().user_id(), payload.value()?);
        socket.push(event, json!({ "by": by, "payload": payload }))?;
        Ok(())
    }

    async fn terminate(&mut self, reason: &TerminateReason, socket: &mut Socket<Self>) {
        let AppState { presence, probe } = socket.state();
        if socket.topic().subtopic() == "held" {
            probe.pass_gate().await;
        }
        probe.end();
        if is_lobby(socket.topic()) {
            let user_id = socket.user().user_id().to_owned();
            let list = presence.list(socket.topic()).await;
            probe.depart(Departure {
                was_present: list.get(&user_id).is_some(),
                reason: reason.clone(),
                user_id,
            });
        }
    }
}
