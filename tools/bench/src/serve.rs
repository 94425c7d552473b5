//! The measured server: a room with `ping` and `shout`, as the generator writes it, and rooms whose
//! members have presences.
//!
//! This is not the sample app of the tests. The events and the probe of that app cost about a tenth
//! of a reply, and a benchmark measures the server.

use std::{net::SocketAddr, time::Duration};

use presence_channels::{
    Channel, ChannelError, Config, ConnectError, ConnectInfo, Endpoint, HandleResult, InfoResult,
    JoinResult, Limits, Params, Payload, Presence, PresenceWatch, PubSub, Routes, Socket,
    SocketOptions, Topic, Tracker, UserSocket, no_reply, reply_ok, tracker::Tracked, unhandled,
};
use serde_json::json;
use tokio::net::TcpListener;

/// Larger than the largest message of a scenario.
const MAX_MESSAGE: usize = 64 * 1024 * 1024;

struct Members;

impl Presence for Members {
    const NAME: &str = "bench.members";
}

struct Client {
    peer: Option<SocketAddr>,
}

impl Client {
    /// Returns the key of its presences.
    fn key(&self) -> String {
        self.peer.map(|peer| peer.to_string()).unwrap_or_default()
    }
}

impl UserSocket for Client {
    type State = Tracker<Members>;

    async fn connect(
        _: &Params,
        info: &ConnectInfo,
        _: &Tracker<Members>,
    ) -> Result<Self, ConnectError> {
        Ok(Self {
            peer: info.peer_addr(),
        })
    }

    fn channels(routes: &mut Routes<Self>) {
        routes.channel::<Room>("room:*");
        routes.channel::<Lobby>("lobby:*");
        routes.channel::<Lobby>("crowd:*");
        for topics in ["hall:*", "listed:*", "counted:*"] {
            routes.channel::<Hall>(topics);
        }
    }
}

struct Room;

impl Channel for Room {
    type Socket = Client;
    type Info = ();

    async fn join(_: &Topic, _: Payload, _: &mut Socket<Self>) -> JoinResult<Self> {
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
            "wait" => {
                tokio::time::sleep(Duration::from_millis(1)).await;
                reply_ok(payload)
            }
            "size" => reply_ok(json!({ "bytes": payload.bytes().len() })),
            "shout" => {
                socket.broadcast("shout", payload)?;
                no_reply()
            }
            _ => unhandled(event),
        }
    }
}

/// A room whose members have presences. In a `lobby:` a member gets the list of those before it.
struct Lobby;

impl Channel for Lobby {
    type Socket = Client;
    type Info = ();

    async fn join(topic: &Topic, _: Payload, socket: &mut Socket<Self>) -> JoinResult<Self> {
        if topic.starts_with("lobby:") {
            socket.notify(());
        } else {
            let key = socket.user().key();
            socket.state().track(socket, key, json!({})).await?;
        }
        Ok(Self.into())
    }

    async fn handle_in(
        &mut self,
        event: &str,
        payload: Payload,
        _: &mut Socket<Self>,
    ) -> HandleResult {
        match event {
            "ping" => reply_ok(payload),
            _ => unhandled(event),
        }
    }

    async fn handle_info(&mut self, (): (), socket: &mut Socket<Self>) -> InfoResult {
        let (tracker, key) = (socket.state(), socket.user().key());
        tracker.track(socket, key, json!({})).await?;
        let list = tracker.list(socket.topic()).await;
        socket.push("presence_state", &list)?;
        Ok(())
    }
}

/// A large room whose members have presences, and watch nothing until they say what. Newcomers are
/// tracked in it. Those of `listed:` get its list, as who watches it does.
struct Hall;

impl Channel for Hall {
    type Socket = Client;
    type Info = ();

    async fn join(topic: &Topic, _: Payload, socket: &mut Socket<Self>) -> JoinResult<Self> {
        let tracker = socket.state().clone();
        socket.watch_presence(&tracker, PresenceWatch::None)?;
        let hall = format!("hall:{}", topic.subtopic());
        let key = socket.user().key();
        tracker
            .track_as(socket.owner(), hall, key, json!({}))
            .await?;
        if topic.starts_with("listed:") {
            socket.notify(());
        }
        Ok(Self.into())
    }

    async fn handle_in(
        &mut self,
        event: &str,
        payload: Payload,
        socket: &mut Socket<Self>,
    ) -> HandleResult {
        match event {
            "watch" => {
                let tracker = socket.state().clone();
                let watch = PresenceWatch::from_params(&payload)
                    .map_err(|_| ChannelError::new("not a watch"))?;
                socket.watch_presence(&tracker, watch)?;
                no_reply()
            }
            _ => unhandled(event),
        }
    }

    async fn handle_info(&mut self, (): (), socket: &mut Socket<Self>) -> InfoResult {
        let hall = format!("hall:{}", socket.topic().subtopic());
        let list = socket.state().list(&hall).await;
        socket.push("presence_state", &list)?;
        Ok(())
    }
}

pub(crate) fn run(workers: usize) -> anyhow::Result<()> {
    let mut builder = match workers {
        1 => tokio::runtime::Builder::new_current_thread(),
        _ => tokio::runtime::Builder::new_multi_thread(),
    };
    if workers > 1 {
        builder.worker_threads(workers);
    }
    builder.enable_all().build()?.block_on(serve())
}

async fn serve() -> anyhow::Result<()> {
    let pubsub = PubSub::local();
    let tracker = Tracker::start(&pubsub, Members);
    let limits = Limits::default().max_message_bytes(MAX_MESSAGE);
    let endpoint = Endpoint::builder(pubsub)
        .supervise(&tracker)
        .socket_with::<Client>("/socket", tracker, SocketOptions::default().limits(limits))
        .start(Config::default())
        .await?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?.port());
    presence_channels::serve(listener, endpoint.router(), &endpoint).await?;
    Ok(())
}
