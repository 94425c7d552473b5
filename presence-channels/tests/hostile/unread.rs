//! Handlers that wait for a client that reads nothing.

use std::time::Duration;

use futures_util::future::try_join_all;
use metrics_util::debugging::{DebugValue, DebuggingRecorder};
use presence_channels::{
    Channel, Config, ConnectError, ConnectInfo, Endpoint, HandleResult, JoinResult, Params,
    Payload, PubSub, Routes, Socket, SocketOptions, Topic, UserSocket, no_reply,
};
use serde_json::json;

use crate::{client::joined, world::HANDLER_TIMEOUT};

/// Of more than 30 futures, `try_join_all` polls only those that were woken.
const AT_ONCE: usize = 40;
const BYTES: usize = 50_000;

struct Reader;

impl UserSocket for Reader {
    type State = ();

    async fn connect(_: &Params, _: &ConnectInfo, (): &()) -> Result<Self, ConnectError> {
        Ok(Self)
    }

    fn channels(routes: &mut Routes<Self>) {
        routes.channel::<History>("history");
    }
}

struct History;

impl Channel for History {
    type Socket = Reader;
    type Info = ();

    async fn join(_: &Topic, _: Payload, _: &mut Socket<Self>) -> JoinResult<Self> {
        Ok(Self.into())
    }

    async fn handle_in(&mut self, _: &str, _: Payload, socket: &mut Socket<Self>) -> HandleResult {
        let message = || json!({ "fill": "x".repeat(BYTES) });
        let pushes = (0..AT_ONCE).map(|_| socket.push_and_wait("message", message()));
        try_join_all(pushes).await?;
        no_reply()
    }
}

/// A client asks for more than it reads, and reads none of it.
#[tokio::test(start_paused = true)]
async fn a_handler_that_pushes_much_at_once_in_vain_is_no_crash() {
    let recorder = DebuggingRecorder::new();
    let _guard = metrics::set_default_local_recorder(&recorder);
    let builder = Endpoint::builder(PubSub::local());
    let builder = builder.socket_with::<Reader>("/socket", (), SocketOptions::default());
    let config = Config::default().handler_timeout(HANDLER_TIMEOUT);
    let endpoint = builder.start(config).await.unwrap();
    let mut client = joined(&endpoint, "history").await;
    client.push("history", "read", json!({})).await;
    tokio::time::sleep(HANDLER_TIMEOUT + Duration::from_secs(1)).await;
    let counted = recorder.snapshotter().snapshot().into_vec();
    let count = |label: &str| {
        let found = counted.iter().filter_map(|(key, _, _, value)| {
            let mut labels = key.key().labels();
            match value {
                DebugValue::Counter(count) => {
                    labels.any(|found| found.value() == label).then_some(*count)
                }
                _ => None,
            }
        });
        found.sum::<u64>()
    };
    assert_eq!((count("slow_reader_timeout"), count("timed_out")), (1, 0));
    while client.receive_json().await[3] != "phx_error" {}
}
