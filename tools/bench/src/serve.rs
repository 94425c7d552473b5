//! The measured server: a room with `ping` and `shout`, as the generator writes it.
//!
//! This is not the sample app of the tests. The events and the probe of that app cost about a tenth
//! of a reply, and a benchmark measures the server.

use axum::Router;
use presence_channels::{
    Channel, Config, ConnectError, ConnectInfo, Endpoint, HandleResult, JoinResult, Params,
    Payload, PubSub, Routes, Socket, Topic, UserSocket, no_reply, reply_ok, unhandled,
};
use tokio::net::TcpListener;

struct Client;

impl UserSocket for Client {
    type State = ();

    async fn connect(_: &Params, _: &ConnectInfo, _: &()) -> Result<Self, ConnectError> {
        Ok(Self)
    }

    fn channels(routes: &mut Routes<Self>) {
        routes.channel::<Room>("room:*");
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
            "shout" => {
                socket.broadcast("shout", payload)?;
                no_reply()
            }
            _ => unhandled(event),
        }
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
    let endpoint = Endpoint::builder(PubSub::local())
        .socket::<Client>("/socket", ())
        .start(Config::default())
        .await?;
    let app: Router = endpoint.router();
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?.port());
    axum::serve(listener, app).await?;
    Ok(())
}
