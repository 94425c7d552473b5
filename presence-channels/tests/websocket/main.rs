//! The whole way over a real TCP port, with a WebSocket client that is not ours.

mod app;
mod auth_token;
mod bad_input;
mod client;
mod connect_info;
mod fragments;
mod handshake;
mod lifecycle;
mod limits;
mod serializers;
mod slow_reader;
mod stop;
mod versions;

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant},
};

/// How long a test waits for what must come. Generous, because it costs only a failing test.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long a test watches for what must not come.
const WATCH: Duration = Duration::from_millis(300);

/// Waits until `condition` holds; `what` names it for the failure.
async fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !condition() {
        assert!(
            begun.elapsed() < PATIENCE,
            "not within {PATIENCE:?}: {what}"
        );
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// Waits until `progress` stands still; gives where.
async fn stalled(progress: &AtomicUsize) -> usize {
    let begun = Instant::now();
    let mut before = progress.load(Ordering::Relaxed);
    loop {
        assert!(begun.elapsed() < PATIENCE, "it never stood still");
        tokio::time::sleep(WATCH).await;
        let now = progress.load(Ordering::Relaxed);
        if now == before {
            return now;
        }
        before = now;
    }
}
