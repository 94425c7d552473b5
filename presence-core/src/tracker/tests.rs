mod changes;
mod cluster;
mod counting;
mod diffs;
mod disconnect;
mod engine;
mod misfits;
mod once;
mod owners;
mod presence;
mod reads;
mod responsible;
pub(super) mod state;
mod stop;
mod turns;

use std::time::Duration;

use serde_json::{Value, json};

use super::*;
use crate::presence::Presence;
use crate::pubsub::{PubSub, Receiver};

const MS: Duration = Duration::from_millis(1);
/// Far longer than anything here takes on paused time; only a lost wake-up reaches it.
const BOUND: Duration = Duration::from_secs(3600);

struct Plain;
impl Presence for Plain {
    const NAME: &str = "test.plain";
}

/// A tracker and a listener of topic "t".
fn start<P: Presence>(presence: P) -> (Tracker<P>, Receiver) {
    let pubsub = PubSub::local();
    let listener = pubsub.receiver("t", 10_000);
    (Tracker::start(&pubsub, presence), listener)
}

/// The next diff as JSON.
async fn next(listener: &mut Receiver) -> Value {
    let message = tokio::time::timeout(BOUND, listener.recv()).await;
    let message = message.expect("no diff came").expect("no PubSub");
    assert_eq!(&*message.event, PRESENCE_DIFF);
    message.payload.json().unwrap()
}

/// The keys on one side of a diff, or of a list.
fn keys(side: &Value) -> Vec<&str> {
    side.as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect()
}

fn joins(diff: &Value) -> Vec<&str> {
    keys(&diff["joins"])
}

fn leaves(diff: &Value) -> Vec<&str> {
    keys(&diff["leaves"])
}

async fn stop<P: Presence>(tracker: &Tracker<P>) {
    let stopped = tokio::time::timeout(BOUND, tracker.stop()).await;
    stopped.expect("a diff is never out");
}
