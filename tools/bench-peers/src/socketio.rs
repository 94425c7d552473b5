//! The same chat on socketioxide.

use std::{convert::Infallible, time::Duration};

use axum::Router;
use serde_json::Value;
use socketioxide::{
    SocketIo,
    extract::{AckSender, Data, SocketRef},
    handler::ConnectHandler,
};

/// The clients of the benchmark do not answer pings. The first ping comes at once, nevertheless.
const NEVER: Duration = Duration::from_secs(3600);
/// The messages that may wait for a client.
const QUEUE: usize = 4096;
const ROOM: &str = "room:bench";

pub(crate) fn app() -> Router {
    let (layer, io) = SocketIo::builder()
        .ping_interval(NEVER)
        .ping_timeout(NEVER)
        .max_buffer_size(QUEUE)
        .build_layer();
    // Listened to by a middleware: the handler of a connection is a task of its own, and on several
    // cores the first event of a client could come before it.
    let connected = async |_: SocketRef| {};
    io.ns("/", connected.with(listen));
    Router::new().layer(layer)
}

async fn listen(socket: SocketRef) -> Result<(), Infallible> {
    socket.on("phx_join", async |socket: SocketRef, ack: AckSender| {
        socket.join(ROOM);
        let _ = ack.send(&Value::Null);
    });
    socket.on("ping", async |Data::<Value>(payload), ack: AckSender| {
        let _ = ack.send(&payload);
    });
    socket.on(
        "shout",
        async |socket: SocketRef, Data::<Value>(payload)| {
            let _ = socket.within(ROOM).emit("shout", &payload).await;
        },
    );
    Ok(())
}
