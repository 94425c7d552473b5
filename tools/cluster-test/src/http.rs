//! HTTP requests to nodes and brokers, for tasks.

use std::net::SocketAddr;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::sync::oneshot;

/// The longest wait for a response.
const REQUEST: Duration = Duration::from_secs(2);

/// Returns the body of the response to `GET path`. Another status than 200 is an error.
pub(crate) async fn get(server: SocketAddr, path: &'static str) -> Result<String> {
    let (sender, receiver) = oneshot::channel();
    // A new thread is in the network namespace of its creator. A thread of tokio's pool stays in
    // the namespace in which it was created.
    thread::spawn(move || {
        // An error means that the caller no longer waits.
        let _ = sender.send(support::http::get_ok(server, path, REQUEST));
    });
    receiver.await.context("the thread of a request panicked")?
}
