//! The whole way over a real TCP port, with a WebSocket client that is not ours.

mod auth_token;
mod bad_input;
mod connect_info;
mod counts;
mod echo;
mod fragments;
mod frames;
mod handshake;
mod lifecycle;
mod limits;
mod raw;
mod serializers;
mod slow_reader;
mod stop;
mod versions;

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use sample_app::{PATIENCE, WATCH};

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
