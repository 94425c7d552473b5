//! Watches over connections that are silent, or whose token expires: one task for all, instead of a
//! timer each.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use super::EndpointInner;
use crate::transport::{OutboxPhase, close_code};

/// The time that a closed connection waits for the peer to close its side.
const LINGER: Duration = Duration::from_secs(5);

/// Starts the watch. It ends with the endpoint.
pub(super) fn start(inner: &Arc<EndpointInner>) {
    let shortest = inner
        .mounts
        .iter()
        .map(|point| point.mount.options().timeout)
        .min();
    let shortest = shortest.unwrap_or(LINGER).min(LINGER * 4);
    let every = (shortest / 20).max(Duration::from_millis(5));
    inner.runtime.spawn(run(Arc::downgrade(inner), every));
}

async fn run(inner: Weak<EndpointInner>, every: Duration) {
    loop {
        tokio::time::sleep(every).await;
        let Some(inner) = inner.upgrade() else { return };
        look(&inner);
    }
}

fn look(inner: &EndpointInner) {
    let now = inner.now();
    let mut expiring = Vec::new();
    inner.connections.visit(|outbox, watched| {
        outbox.see_queue();
        let silent = Duration::from_millis(now.saturating_sub(outbox.heard()));
        match outbox.phase() {
            OutboxPhase::Open if silent >= watched.idle_limit => {
                outbox.close(close_code::PROTOCOL, "idle timeout");
            }
            OutboxPhase::Open => {
                let due = watched.expiry.as_ref();
                expiring.extend(due.and_then(|expiry| {
                    let due = expiry.due(now)?;
                    Some((expiry.clone(), due, outbox.clone()))
                }));
            }
            OutboxPhase::Closing
                if outbox.lingers_since(now) + LINGER.as_millis() as u64 <= now =>
            {
                outbox.abandon();
            }
            _ => {}
        }
    });
    for point in &inner.mounts {
        point.mount.meters().tell_queues();
    }
    for (expiry, due, outbox) in expiring {
        expiry.act(due, &outbox);
    }
}
