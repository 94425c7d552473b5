//! Watches over connections that are silent, or whose token expires: one task for all, instead of a
//! timer each.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use super::Inner;
use crate::transport::{Phase, close_code};

/// How long a closed connection may wait for the peer to close its side.
const LINGER: Duration = Duration::from_secs(5);

/// Starts the watch. It ends with the endpoint.
pub(super) fn start(inner: &Arc<Inner>) {
    let shortest = inner
        .mounts
        .iter()
        .map(|point| point.mount.options().timeout)
        .min();
    let shortest = shortest.unwrap_or(LINGER).min(LINGER * 4);
    let every = (shortest / 20).max(Duration::from_millis(5));
    inner.runtime.spawn(run(Arc::downgrade(inner), every));
}

async fn run(inner: Weak<Inner>, every: Duration) {
    loop {
        tokio::time::sleep(every).await;
        let Some(inner) = inner.upgrade() else { return };
        look(&inner);
    }
}

fn look(inner: &Inner) {
    let now = inner.now();
    let mut expiring = Vec::new();
    inner.connections.visit(|outbox, watched| {
        let silent = Duration::from_millis(now.saturating_sub(outbox.heard()));
        match outbox.phase() {
            Phase::Open if silent >= watched.idle_limit => {
                outbox.close(close_code::PROTOCOL, "idle timeout");
            }
            Phase::Open => {
                let due = watched.expiry.as_ref();
                expiring.extend(due.and_then(|expiry| {
                    let due = expiry.due(now)?;
                    Some((expiry.clone(), due, outbox.clone()))
                }));
            }
            Phase::Closing if outbox.lingers_since(now) + LINGER.as_millis() as u64 <= now => {
                outbox.abandon();
            }
            _ => {}
        }
    });
    for (expiry, due, outbox) in expiring {
        expiry.act(due, &outbox);
    }
}
