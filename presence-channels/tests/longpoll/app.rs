//! The app that the tests poll.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, SystemTime},
};

use presence_channels::{
    Channel, CheckOrigin, Config, ConnectError, ConnectInfo, Endpoint, HandleResult, JoinResult,
    Limits, LongpollOptions, Params, Payload, PubSub, Routes, Socket, SocketOptions,
    TerminateReason, Topic, no_reply, reply_ok, unhandled,
};
use serde_json::json;
use tokio::sync::Semaphore;

use crate::WINDOW;

/// What the tests see and steer of the app's inside.
#[derive(Clone)]
pub(crate) struct World {
    /// A permit lets one `slow` message through.
    pub(crate) gate: Arc<Semaphore>,
    ended: Arc<AtomicUsize>,
}

impl World {
    /// How many channels have ended.
    pub(crate) fn ended(&self) -> usize {
        self.ended.load(Ordering::Relaxed)
    }
}

pub(crate) fn longpoll() -> LongpollOptions {
    LongpollOptions::default().window(WINDOW)
}

pub(crate) async fn start() -> (Endpoint, World) {
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
) -> (Endpoint, World) {
    let world = World {
        gate: Arc::new(Semaphore::new(0)),
        ended: Arc::default(),
    };
    let guarded = SocketOptions::default()
        .check_origin(CheckOrigin::Only(vec!["http://allowed.test".into()]))
        .limits(limits)
        .longpoll(longpoll);
    let open = guarded.clone().check_origin(CheckOrigin::Off);
    let endpoint = Endpoint::builder(pubsub)
        .socket_with::<UserSocket>("/socket", world.clone(), guarded)
        .socket_with::<UserSocket>("/open", world.clone(), open)
        .socket::<UserSocket>("/websocket-only", world.clone())
        .start(config)
        .await
        .unwrap();
    (endpoint, world)
}

struct UserSocket {
    user_id: Option<String>,
    expires_at: Option<SystemTime>,
}

/// A token is the number of seconds that it is good for.
fn after(seconds: &str) -> Option<SystemTime> {
    let seconds = seconds.parse().ok()?;
    Some(SystemTime::now() + Duration::from_secs(seconds))
}

impl presence_channels::UserSocket for UserSocket {
    type State = World;

    async fn connect(params: &Params, _: &ConnectInfo, _: &World) -> Result<Self, ConnectError> {
        let user_id = params.get("user_id");
        match user_id {
            Some("banned") => Err(ConnectError::new("banned")),
            Some("crash") => panic!("asked to crash"),
            _ => Ok(Self {
                user_id: user_id.map(str::to_owned),
                expires_at: params.get("good_for").and_then(after),
            }),
        }
    }

    fn id(&self) -> Option<String> {
        let user_id = self.user_id.as_ref()?;
        Some(format!("user_socket:{user_id}"))
    }

    fn expires_at(&self) -> Option<SystemTime> {
        self.expires_at
    }

    async fn refresh(&self, token: &str, _: &World) -> Result<Option<SystemTime>, ConnectError> {
        Ok(after(token))
    }

    fn channels(routes: &mut Routes<Self>) {
        routes.channel::<RoomChannel>("room:*");
    }
}

struct RoomChannel;

impl Channel for RoomChannel {
    type Socket = UserSocket;
    type Info = ();

    async fn join(_: &Topic, _: Payload, _: &mut Socket<Self>) -> JoinResult<Self> {
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
                socket.broadcast("shout", payload)?;
                no_reply()
            }
            "slow" => {
                let permit = socket.state().gate.acquire().await;
                permit.expect("it is never closed").forget();
                reply_ok(json!({}))
            }
            "size" => reply_ok(json!({ "bytes": payload.bytes().len() })),
            _ => unhandled(event),
        }
    }

    async fn terminate(&mut self, _: &TerminateReason, socket: &mut Socket<Self>) {
        socket.state().ended.fetch_add(1, Ordering::Relaxed);
    }
}
