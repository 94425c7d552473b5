//! Telling connections that the server stops.

use std::{sync::Arc, time::Duration};

use crate::outgoing::{Outbox, close_code};

/// The reason in the close frames of a server that stops.
pub(super) const REASON: &str = "the server stops";

/// The time between two batches of connections.
const STEP: Duration = Duration::from_millis(50);

/// Tells `connections` to drain, evenly over `spread`.
pub(super) async fn tell(connections: &[Arc<Outbox>], spread: Duration) {
    let steps = (spread.as_millis() / STEP.as_millis()).max(1) as usize;
    let batch = connections.len().div_ceil(steps).max(1);
    let mut batches = connections.chunks(batch).peekable();
    while let Some(batch) = batches.next() {
        for connection in batch {
            connection.drain(close_code::RESTART, REASON);
        }
        if batches.peek().is_some() {
            // Few connections take longer steps.
            tokio::time::sleep(spread * batch.len() as u32 / connections.len() as u32).await;
        }
    }
}
