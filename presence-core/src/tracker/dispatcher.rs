//! The task that takes diffs from the shards to the topics' subscribers.

use std::fmt;
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::handle::Shared;
use super::{Host, PRESENCE_DIFF, once};
use crate::presence::{Current, Diff, Presence, Presences};
use crate::pubsub::{Broadcast, Payload};
use crate::replication::shard::TopicDiff;

/// The most bytes of JSON of one `presence_diff`, unless a single meta has more.
pub(super) const MAX_DIFF_BYTES: usize = 256 * 1024;

pub(super) async fn run<P: Presence>(
    shared: Arc<Shared<P>>,
    mut diffs: mpsc::UnboundedReceiver<TopicDiff>,
) {
    let host = &shared.host;
    let init = async { shared.presence.init().await };
    shared.call("init", "", init).await;
    // Set once, here alone.
    let _ = host.initialised.set(());

    // A task a diff, so that a slow `fetch` holds up its own topic only, and big rooms use several
    // cores.
    let mut under_way = JoinSet::new();
    loop {
        tokio::select! {
            _ = host.closed.wait() => return,
            Some(done) = under_way.join_next() => {
                if let Err(error) = done {
                    log_panic(P::NAME, error);
                }
            }
            Some(changes) = diffs.recv(), if under_way.len() < shared.options.max_concurrent_diffs => {
                under_way.spawn(dispatch(Arc::clone(&shared), changes));
            }
        }
    }
}

pub(super) fn log_panic(presence: &str, error: impl fmt::Display) {
    tracing::error!(%error, presence, "a subscriber of a presence_diff panicked");
}

/// Takes a diff to all who want it.
pub(super) async fn dispatch<P: Presence>(shared: Arc<Shared<P>>, mut changes: TopicDiff) {
    let (joins, leaves) = (changes.joins.len(), changes.leaves.len());
    shared.meter.diff(joins, leaves);
    let topic = Arc::clone(&changes.topic);
    // Whatever becomes of this task, the topic goes on.
    let _under_way = UnderWay {
        host: Arc::clone(&shared.host),
        topic: Arc::clone(&topic),
    };
    shared.counts.changed(&topic);
    let keys = std::mem::take(&mut changes.keys);
    if let Some(once) = shared.once.as_ref().filter(|_| !keys.is_empty()) {
        let due = once::Due::new(&shared.host);
        // Refused only once the task has ended, with the tracker.
        let _ = once.send(once::Message::Changes(Arc::clone(&topic), keys, due));
    }
    let diff = fetched(&shared, &changes).await;
    let number = changes.number;
    drop(changes);
    if diff.is_empty() {
        return;
    }
    let bytes = broadcast(&shared, &topic, &diff).await;
    let diff = Arc::new(diff);
    shared.watchers.send(&topic, number, &diff, bytes);

    let current = Current::new(&shared.host, &topic);
    let handled = async { shared.presence.handle_metas(&topic, &diff, &current).await };
    shared.call("handle_metas", &topic, handled).await;
}

/// Sends the diff to the topic's subscribers on this node, a large one in parts. Listeners write
/// between two parts, so that no queue has to hold them all. Returns the bytes of the diff's JSON.
async fn broadcast<P: Presence>(shared: &Shared<P>, topic: &Arc<str>, diff: &Diff) -> usize {
    let send = |payload| {
        let message = Broadcast::new(Arc::clone(topic), PRESENCE_DIFF, payload);
        shared.pubsub.local_broadcast(message);
    };
    let whole = Payload::from(diff);
    let bytes = whole.bytes().len();
    if bytes <= MAX_DIFF_BYTES {
        send(whole);
        return bytes;
    }
    drop(whole);
    for part in diff.parts(MAX_DIFF_BYTES) {
        send(Payload::from(&part));
        tokio::task::yield_now().await;
    }
    bytes
}

/// One `fetch` for both sides of the diff.
async fn fetched<P: Presence>(shared: &Shared<P>, changes: &TopicDiff) -> Diff {
    let mut diff = Diff::new(changes);
    let all = Presences::from_sorted(changes.all());
    if let Some(all) = shared.fetch(&changes.topic, all).await {
        diff.dress_as(&all);
    }
    diff
}

/// Tells the shard that a diff is out when dropped.
struct UnderWay {
    host: Arc<Host>,
    topic: Arc<str>,
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.host.dispatched(&self.topic);
    }
}
