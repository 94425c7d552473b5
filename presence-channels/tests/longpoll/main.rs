//! Long-polling through the endpoint's router, on a paused clock: nothing waits for real.

mod answers;
mod app;
mod big_rooms;
mod client;
mod cluster;
mod ends;
mod lost_answers;
mod polls;
mod publishes;
mod refusals;

use std::time::Duration;

/// Not the default, so that it is seen to be obeyed.
const WINDOW: Duration = Duration::from_secs(4);

/// Lets what is under way go on until it waits. Nothing here takes a millisecond of a paused clock.
async fn settle() {
    tokio::time::sleep(Duration::from_millis(1)).await;
}
