//! The time at which the engine has found its cluster.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use crate::pubsub::EngineState;

/// The time since which messages of the other nodes can arrive. `None` while the engine is
/// [connecting](EngineState::Connecting).
#[derive(Debug)]
pub(super) struct Found(watch::Sender<Option<Instant>>);

impl Found {
    pub(super) fn new(state: EngineState) -> Self {
        let found = (state != EngineState::Connecting).then(Instant::now);
        Self(watch::Sender::new(found))
    }

    /// Handles a report of the engine. An engine that is disconnected before it has found its
    /// cluster has not found it by that.
    pub(super) fn engine_is(&self, state: EngineState) {
        let is_found = match state {
            EngineState::Connected => true,
            EngineState::Connecting => false,
            EngineState::Disconnected => return,
        };
        self.0.send_if_modified(|found| {
            let changes = found.is_some() != is_found;
            if changes {
                *found = is_found.then(Instant::now);
            }
            changes
        });
    }

    /// Waits until the engine found its cluster, and then until `time` has passed since that.
    pub(super) async fn for_at_least(&self, time: Duration) {
        let mut found = self.0.subscribe();
        loop {
            let since = *found.borrow_and_update();
            let passed = async {
                match since {
                    Some(since) => sleep_until(since + time).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = passed => return,
                // Never an error: the sender is here.
                _ = found.changed() => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn the_time_counts_from_when_the_engine_has_found_its_cluster() {
        let found = Found::new(EngineState::Connected);
        let begun = Instant::now();
        let engine = async {
            tokio::time::sleep(SECOND).await;
            // As NATS, whose state is known only after the start.
            found.engine_is(EngineState::Connecting);
            tokio::time::sleep(3 * SECOND).await;
            // As zenoh, whose session is opened again before all nodes are linked.
            found.engine_is(EngineState::Disconnected);
            tokio::time::sleep(3 * SECOND).await;
            found.engine_is(EngineState::Connecting);
            tokio::time::sleep(3 * SECOND).await;
            found.engine_is(EngineState::Connected);
            tokio::time::sleep(SECOND).await;
            found.engine_is(EngineState::Disconnected);
            found.engine_is(EngineState::Connected);
        };
        tokio::join!(found.for_at_least(2 * SECOND), engine);
        assert_eq!(begun.elapsed(), 12 * SECOND);
        // It has passed.
        found.for_at_least(2 * SECOND).await;
        assert_eq!(begun.elapsed(), 12 * SECOND);
    }
}
