//! The room channel: it has an event for each behaviour that a scenario tests.

use std::{fmt::Write, time::Duration};

use presence_channels::{
    Accepted, Channel, DisconnectGrace, HandleResult, InfoResult, JoinError, JoinResult, Payload,
    PresenceWatch, Socket, Topic, no_reply, reply, reply_error, reply_ok, stop, stop_with_error,
    stop_with_reply,
    tracker::{TrackError, UpdateError},
    unhandled, unix_seconds,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json, value::RawValue};

use super::user_socket::UserSocket;

/// A room. The presence of a lost connection stays for `GRACE_MS` milliseconds.
pub(crate) struct RoomChannel<const GRACE_MS: u64 = 0>;

pub(crate) enum Info {
    AfterJoin(PresenceWatch),
}

#[derive(Deserialize)]
struct Keyed {
    key: Value,
    /// As the client wrote it: a `Value` would round numbers of more than 64 bits.
    #[serde(default)]
    meta: Box<RawValue>,
}

#[derive(Deserialize)]
struct Kick {
    #[serde(default)]
    id: Value,
}

impl<const GRACE_MS: u64> Channel for RoomChannel<GRACE_MS> {
    type Socket = UserSocket;
    type Info = Info;

    const DISCONNECT_GRACE: Option<DisconnectGrace> =
        Some(DisconnectGrace::of(Duration::from_millis(GRACE_MS)));

    const INTERCEPTS: &'static [&'static str] = &["filtered"];

    async fn join(topic: &Topic, payload: Payload, socket: &mut Socket<Self>) -> JoinResult<Self> {
        match topic.subtopic() {
            "private" => return Err(JoinError::new("unauthorized")),
            "crash" => panic!("asked to crash"),
            room if room.starts_with("reply") => {
                let reply = json!({ "welcome": socket.user().user_id });
                return Ok(Accepted::with_reply(RoomChannel, reply)?);
            }
            room if room.starts_with("gate") && payload.value()?["pass"] != "open" => {
                return Err(JoinError::new("locked"));
            }
            // The topics of the kit's contract are those without `extra-`.
            room if ["presence", "extra-grace", "extra-big"]
                .iter()
                .any(|name| room.starts_with(name)) =>
            {
                socket.notify(Info::AfterJoin(PresenceWatch::Full));
            }
            // The client chooses, by `{"presence": "count"}` or `{"presence": "none"}`.
            room if room.starts_with("extra-count") => {
                let watch = PresenceWatch::from_params(&payload)?;
                let presence = socket.state().presence.clone();
                socket.watch_presence(&presence, watch)?;
                socket.notify(Info::AfterJoin(watch));
            }
            _ => {}
        }
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
            "ok" => reply_ok(Payload::empty()),
            "fail" => reply_error(json!({ "reason": "nope" })),
            "custom_status" => reply("pending", payload),
            "shout" | "filtered" => {
                socket.broadcast(event, payload)?;
                no_reply()
            }
            "shout_from" => {
                socket.broadcast_from(event, payload)?;
                no_reply()
            }
            "shout_ok" => {
                socket.broadcast(event, payload)?;
                reply_ok(Payload::empty())
            }
            "quiet" => no_reply(),
            "push_me" => {
                socket.push("pushed", payload)?;
                no_reply()
            }
            "push_then_reply" => {
                socket.push("pushed", &payload)?;
                reply_ok(payload)
            }
            "crash" => panic!("asked to crash"),
            "stop" => stop(),
            "stop_reply" => stop_with_reply("ok", json!({ "bye": true })),
            "stop_error" => stop_with_error("asked to fail"),
            "later" => reply_later(payload, socket),
            "bin" | "bin_size" | "bin_shout" | "bin_push" => binary(event, payload, socket),
            "track" | "update" | "untrack" | "list" | "get_by_key" => {
                presence(event, &payload, socket).await
            }
            "kick" => {
                let kicked = payload.json().map_err(anyhow::Error::from);
                let id = match kicked.and_then(|Kick { id }| text_of(&id)) {
                    Ok(id) => id,
                    Err(error) => return stop_with_error(error.to_string()),
                };
                socket.endpoint().disconnect(&format!("user_socket:{id}"))?;
                reply_ok(Payload::empty())
            }
            "whoami" => {
                let user = socket.user();
                reply_ok(json!({
                    "user_id": user.user_id,
                    "user_agent": user.user_agent,
                    "x_headers": user.x_headers,
                    "topic": **socket.topic(),
                }))
            }
            _ => unhandled(event),
        }
    }

    async fn handle_info(&mut self, info: Info, socket: &mut Socket<Self>) -> InfoResult {
        match info {
            Info::AfterJoin(watch) => {
                let presence = &socket.state().presence;
                let user_id = text_of(&socket.user().user_id)?;
                let meta = json!({ "online_at": unix_seconds().to_string() });
                presence.track(socket, &user_id, meta).await?;
                if watch == PresenceWatch::Full {
                    socket.push_presence_state(presence).await?;
                }
                Ok(())
            }
        }
    }

    async fn handle_out(
        &mut self,
        event: &str,
        payload: Payload,
        socket: &mut Socket<Self>,
    ) -> InfoResult {
        let mut payload = payload.value()?;
        let user_id = &socket.user().user_id;
        if payload["except"] != *user_id {
            payload["seen_by"] = user_id.clone();
            socket.push(event, payload)?;
        }
        Ok(())
    }
}

/// Replies from a task that outlives the channel.
fn reply_later(
    payload: Payload,
    socket: &Socket<impl Channel<Socket = UserSocket>>,
) -> HandleResult {
    if let Some(reply_ref) = socket.reply_ref() {
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(50)).await;
            let _ = reply_ref.ok(payload);
        });
    }
    no_reply()
}

fn binary(
    event: &str,
    payload: Payload,
    socket: &Socket<impl Channel<Socket = UserSocket>>,
) -> HandleResult {
    let Payload::Binary(data) = &payload else {
        panic!("{event} takes a binary payload")
    };
    match event {
        "bin" => reply_ok(payload),
        "bin_size" => {
            let hex = data.iter().fold(String::new(), |mut hex, byte| {
                let _ = write!(hex, "{byte:02x}");
                hex
            });
            reply_ok(json!({ "size": data.len(), "hex": hex }))
        }
        "bin_shout" => {
            socket.broadcast(event, payload)?;
            no_reply()
        }
        _ => {
            socket.push("bin_pushed", payload)?;
            no_reply()
        }
    }
}

#[derive(Serialize)]
struct Found<T> {
    presence: T,
}

async fn presence(
    event: &str,
    payload: &Payload,
    socket: &Socket<impl Channel<Socket = UserSocket>>,
) -> HandleResult {
    let presence = &socket.state().presence;
    if event == "list" {
        return reply_ok(presence.list(socket.topic()).await);
    }
    // The channel ends by what fits no clause, as in Phoenix.
    let (key, meta) = match key_and_meta(payload) {
        Ok(both) => both,
        Err(error) => return stop_with_error(error.to_string()),
    };
    match event {
        "track" => match presence.track(socket, &key, meta).await {
            Ok(phx_ref) => reply_ok(json!({ "phx_ref": phx_ref })),
            Err(TrackError::AlreadyTracked) => reply_error(json!({ "reason": "already_tracked" })),
            // A value that is not a meta, among others.
            Err(error) => stop_with_error(error.to_string()),
        },
        "update" => match presence.update(socket, &key, meta).await {
            Ok(phx_ref) => reply_ok(json!({ "phx_ref": phx_ref })),
            Err(UpdateError::NotTracked) => reply_error(json!({ "reason": "nopresence" })),
            Err(error) => stop_with_error(error.to_string()),
        },
        "untrack" => {
            presence.untrack(socket, &key).await;
            reply_ok(Payload::empty())
        }
        _ => {
            let found = presence.get_by_key(socket.topic(), &key).await;
            match found {
                Some(presence) => reply_ok(Found { presence }),
                None => reply_ok(json!({ "presence": [] })),
            }
        }
    }
}

fn key_and_meta(payload: &Payload) -> anyhow::Result<(String, Box<RawValue>)> {
    let Keyed { key, meta } = payload.json()?;
    Ok((text_of(&key)?, meta))
}

/// Returns the text of a user id or a key, which may be a number.
fn text_of(value: &Value) -> anyhow::Result<String> {
    match value {
        Value::Null => Ok(String::new()),
        Value::String(text) => Ok(text.clone()),
        Value::Bool(_) | Value::Number(_) => Ok(value.to_string()),
        Value::Array(_) | Value::Object(_) => anyhow::bail!("{value} is not a key"),
    }
}
