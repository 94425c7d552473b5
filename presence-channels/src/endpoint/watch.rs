//! Watches over connections that are silent, or whose token expires: one task for all, instead of a
//! timer each.

use std::{
    ops::Range,
    sync::{Arc, Weak},
    time::Duration,
};

use super::mounts::MountTable;
use crate::{
    node::{Node, PARTS},
    outgoing::{OutboxPhase, close_code},
    telemetry::Limit,
};

/// The time that a closed connection waits for the peer to close its side.
const LINGER: Duration = Duration::from_secs(5);
/// The number of connections that are looked at in one go. More are spread over the period, so that
/// 200,000 connections never hold a worker up for long.
const AT_ONCE: usize = 2_000;

/// Starts the watch. It ends with the endpoint.
pub(super) fn start(node: &Arc<Node>, mounts: &Arc<MountTable>) {
    let shortest = mounts
        .iter()
        .map(|mount| mount.options())
        .map(|options| options.timeout.min(options.limits.slow_reader_timeout))
        .min();
    let shortest = shortest.unwrap_or(LINGER).min(LINGER * 4);
    let every = (shortest / 20).max(Duration::from_millis(5));
    let watching = run(Arc::downgrade(node), Arc::downgrade(mounts), every);
    node.runtime().spawn(watching);
}

async fn run(node: Weak<Node>, mounts: Weak<MountTable>, every: Duration) {
    loop {
        // Each round looks at all connections, in as many turns as they need.
        let Some(turns) = node.upgrade().map(|node| turns(node.connections())) else {
            return;
        };
        for turn in 0..turns {
            tokio::time::sleep(every / turns as u32).await;
            let (Some(node), Some(mounts)) = (node.upgrade(), mounts.upgrade()) else {
                return;
            };
            let parts = PARTS / turns;
            look(&node, turn * parts..(turn + 1) * parts);
            if turn + 1 == turns {
                mounts.iter().for_each(|mount| mount.meters().tell());
            }
        }
    }
}

/// Returns the number of turns of a round: a power of two, at most [`PARTS`].
fn turns(connections: usize) -> usize {
    let turns = connections.div_ceil(AT_ONCE).next_power_of_two();
    turns.min(PARTS)
}

fn look(node: &Node, parts: Range<usize>) {
    let now = node.now();
    let mut expiring = Vec::new();
    node.visit(parts, |outbox, watched| {
        outbox.see_queue();
        let silent = Duration::from_millis(now.saturating_sub(outbox.liveness().heard()));
        match outbox.phase() {
            OutboxPhase::Open if silent >= watched.idle_limit => {
                outbox.close(close_code::PROTOCOL, "idle timeout");
                let limits = outbox.meter().limits();
                limits.closed(
                    Limit::Timeout,
                    format_args!("a client silent for {silent:?}"),
                );
            }
            OutboxPhase::Open => {
                outbox.close_if_stalled(now);
                let due = watched.expiry.as_ref();
                expiring.extend(due.and_then(|expiry| {
                    let due = expiry.due(now)?;
                    Some((expiry.clone(), due, outbox.clone()))
                }));
            }
            OutboxPhase::Closing
                if outbox.liveness().lingers_since(now) + LINGER.as_millis() as u64 <= now =>
            {
                outbox.abandon();
            }
            _ => {}
        }
    });
    for (expiry, due, outbox) in expiring {
        expiry.act(due, &outbox);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_round_of_any_number_of_connections_covers_all_parts() {
        for connections in [0, 1, AT_ONCE, AT_ONCE + 1, 50_000, 200_000, 1_000_000] {
            let turns = turns(connections);
            assert!((1..=PARTS).contains(&turns) && PARTS.is_multiple_of(turns));
        }
        assert_eq!((turns(AT_ONCE), turns(AT_ONCE + 1)), (1, 2));
        assert_eq!(turns(200_000), PARTS);
    }
}
