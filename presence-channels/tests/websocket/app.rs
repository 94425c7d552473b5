//! The app that the tests talk to.

use std::{net::SocketAddr, sync::Arc};

use axum::Router;
use presence_channels::{
    Channel, Config, ConnectError, ConnectInfo, Endpoint, HandleResult, JoinResult, Limits, Params,
    Payload, PubSub, Routes, Socket, SocketOptions, StartError, TerminateReason, Topic, Tracker,
    no_reply, reply_ok, unhandled,
};
use serde_json::{Value, json};
use tokio::{
    net::{TcpListener, TcpSocket},
    sync::Semaphore,
};

/// What the system is asked to hold for a connection, in bytes; Linux holds twice that.
pub(crate) const SYSTEM_BUFFER: u32 = 64 * 1024;

/// A running app.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) endpoint: Endpoint,
    pub(crate) presence: Tracker<Presence>,
    pub(crate) probe: Arc<Probe>,
}

/// What the tests see and steer of the app's inside.
pub(crate) struct Probe {
    /// A permit lets one `slow` message through, or one channel of a topic `:held` end.
    pub(crate) gate: Semaphore,
    /// The payloads of `slow` messages, in the order in which their handling began.
    begun: parking_lot::Mutex<Vec<Value>>,
    /// How channels ended.
    ended: parking_lot::Mutex<Vec<Ended>>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Ended {
    pub(crate) user_id: String,
    pub(crate) reason: TerminateReason,
    /// Was the user's presence still there in `terminate`?
    pub(crate) was_present: bool,
}

impl Server {
    pub(crate) async fn start() -> Self {
        Self::start_with(SocketOptions::default()).await
    }

    pub(crate) async fn start_limited(change: impl FnOnce(&mut Limits)) -> Self {
        let mut limits = Limits::default();
        change(&mut limits);
        Self::start_with(SocketOptions::default().limits(limits)).await
    }

    /// Mounts one socket at `/socket`, on a free port.
    pub(crate) async fn start_with(options: SocketOptions) -> Self {
        Self::start_configured(options, Config::default()).await
    }

    pub(crate) async fn start_configured(options: SocketOptions, config: Config) -> Self {
        let started = Self::try_start_configured(options, config).await;
        started.unwrap_or_else(|error| panic!("{error}"))
    }

    pub(crate) async fn try_start(options: SocketOptions) -> Result<Self, StartError> {
        Self::try_start_configured(options, Config::default()).await
    }

    async fn try_start_configured(
        options: SocketOptions,
        config: Config,
    ) -> Result<Self, StartError> {
        let pubsub = PubSub::local();
        let presence = Tracker::start(&pubsub, Presence);
        let probe = Arc::new(Probe {
            gate: Semaphore::new(0),
            begun: Default::default(),
            ended: Default::default(),
        });
        let state = AppState {
            presence: presence.clone(),
            probe: probe.clone(),
        };
        let endpoint = Endpoint::builder(pubsub)
            .supervise(&presence)
            .socket_with::<UserSocket>("/socket", state, options)
            .start(config)
            .await?;
        let listener = listen();
        let address = listener.local_addr().unwrap();
        let app: Router = endpoint.router();
        let app = app.into_make_service_with_connect_info::<SocketAddr>();
        tokio::spawn(axum::serve(listener, app).into_future());
        Ok(Self {
            address,
            endpoint,
            presence,
            probe,
        })
    }
}

/// Listens on a free port. Connections have small buffers, so that the tests know how much the
/// system holds of what one side sends and the other does not read.
fn listen() -> TcpListener {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(SYSTEM_BUFFER).unwrap();
    socket.set_send_buffer_size(SYSTEM_BUFFER).unwrap();
    socket.bind(([127, 0, 0, 1], 0).into()).unwrap();
    socket.listen(128).unwrap()
}

impl Probe {
    pub(crate) fn begun(&self) -> Vec<Value> {
        self.begun.lock().clone()
    }

    pub(crate) fn ended(&self) -> Vec<Ended> {
        self.ended.lock().clone()
    }

    async fn pass_gate(&self) {
        self.gate
            .acquire()
            .await
            .expect("it is never closed")
            .forget();
    }
}

pub(crate) struct Presence;

impl presence_channels::Presence for Presence {
    const NAME: &str = "websocket.presence";
}

struct AppState {
    presence: Tracker<Presence>,
    probe: Arc<Probe>,
}

struct UserSocket {
    user_id: String,
}

impl presence_channels::UserSocket for UserSocket {
    type State = AppState;

    async fn connect(
        params: &Params,
        info: &ConnectInfo,
        _: &AppState,
    ) -> Result<Self, ConnectError> {
        let user_id = info.auth_token().or(params.get("user_id"));
        match user_id.unwrap_or("nobody") {
            "banned" => Err(ConnectError::new("banned")),
            "crash" => panic!("asked to crash"),
            user_id => Ok(Self {
                user_id: user_id.to_owned(),
            }),
        }
    }

    fn id(&self) -> Option<String> {
        Some(format!("user_socket:{}", self.user_id))
    }

    fn channels(routes: &mut Routes<Self>) {
        routes
            .channel::<RoomChannel>("room:*")
            .channel::<RoomChannel>("lobby:*");
    }
}

/// Tracks who is in a `lobby:`, and nobody in a `room:`, where no diffs disturb.
struct RoomChannel;

impl Channel for RoomChannel {
    type Socket = UserSocket;
    type Info = ();

    async fn join(topic: &Topic, _: Payload, socket: &mut Socket<Self>) -> JoinResult<Self> {
        if topic.starts_with("lobby:") {
            let presence = &socket.state().presence;
            let user_id = &socket.user().user_id;
            presence.track(socket, user_id, json!({})).await?;
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
            "shout" => {
                socket.broadcast("shout", payload)?;
                no_reply()
            }
            "slow" => {
                let probe = &socket.state().probe;
                probe.begun.lock().push(payload.value()?);
                probe.pass_gate().await;
                reply_ok(json!({}))
            }
            _ => unhandled(event),
        }
    }

    async fn terminate(&mut self, reason: &TerminateReason, socket: &mut Socket<Self>) {
        let AppState { presence, probe } = socket.state();
        if socket.topic().subtopic() == "held" {
            probe.pass_gate().await;
        }
        let user_id = socket.user().user_id.clone();
        let list = presence.list(socket.topic()).await;
        let was_present = list.get(&user_id).is_some();
        let reason = reason.clone();
        probe.ended.lock().push(Ended {
            user_id,
            reason,
            was_present,
        });
    }
}
