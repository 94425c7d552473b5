//! A server that returns each WebSocket message as it came, for tests of the frames themselves.

use std::{future::IntoFuture, net::SocketAddr};

use bytes::Bytes;
use presence_channels::{
    Channel, CheckOrigin, Config, ConnectError, ConnectInfo, Endpoint, FrameError, HandleResult,
    JoinError, JoinResult, Limits, Params, Payload, PubSub, Routes, Socket, SocketOptions, Topic,
    UserSocket,
    serializer::{Data, Frame, MalformedFrame, Message, Outgoing, Serializer, Text},
    unhandled,
};
use tokio::net::TcpListener;

/// The longest message of the tests.
pub(crate) const MAX_MESSAGE: usize = 16 * 1024 * 1024;

/// The path of the socket, with the version of [`Plain`].
pub(crate) const PATH: &str = "/echo/websocket?vsn=9.0.0";

/// Frames without a form: a message is a join, whose topic tells its kind, and which is refused
/// with its own payload.
struct Plain;

impl Serializer for Plain {
    fn decode(&self, data: Data) -> Result<Message, MalformedFrame> {
        let (topic, body) = match data {
            Data::Text(text) => ("text", text.into_bytes()),
            Data::Binary(body) => ("binary", body),
        };
        Ok(Message::new(topic, "phx_join", Payload::Binary(body)))
    }

    fn encode(&self, message: &Outgoing<'_>) -> Result<Frame, FrameError> {
        let Outgoing::Reply { topic, payload, .. } = message else {
            return Err(FrameError::NoForm("not an echo".into()));
        };
        let body: Bytes = payload.bytes().clone();
        match topic.as_str() {
            "text" => {
                let text =
                    Text::try_from(body).map_err(|error| FrameError::NoForm(error.to_string()))?;
                Ok(Frame::text(text))
            }
            _ => Ok(Frame::binary(body)),
        }
    }
}

struct Anyone;

impl UserSocket for Anyone {
    type State = ();

    async fn connect(_: &Params, _: &ConnectInfo, _: &()) -> Result<Self, ConnectError> {
        Ok(Self)
    }

    fn channels(routes: &mut Routes<Self>) {
        routes.channel::<Echo>("text").channel::<Echo>("binary");
    }
}

struct Echo;

impl Channel for Echo {
    type Socket = Anyone;
    type Info = ();

    async fn join(_: &Topic, payload: Payload, _: &mut Socket<Self>) -> JoinResult<Self> {
        Err(JoinError::with(payload))
    }

    async fn handle_in(&mut self, event: &str, _: Payload, _: &mut Socket<Self>) -> HandleResult {
        unhandled(event)
    }
}

/// Starts the server on a free port. Returns its address, and the endpoint that holds it.
pub(crate) async fn start() -> (SocketAddr, Endpoint) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    serve(listener).await
}

async fn serve(listener: TcpListener) -> (SocketAddr, Endpoint) {
    let limits = Limits::default()
        .max_message_bytes(MAX_MESSAGE)
        .max_outgoing_bytes(2 * MAX_MESSAGE);
    let options = SocketOptions::default()
        .check_origin(CheckOrigin::Off)
        .limits(limits)
        .serializer("~> 9.0.0", Plain);
    let endpoint = Endpoint::builder(PubSub::local())
        .socket_with::<Anyone>("/echo", (), options)
        .start(Config::default())
        .await
        .unwrap();
    let address = listener.local_addr().unwrap();
    let served = presence_channels::serve(listener, endpoint.router(), &endpoint);
    tokio::spawn(served.into_future());
    (address, endpoint)
}
