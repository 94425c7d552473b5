use std::time::Duration;

use super::{AT_ONCE, Measured, room_of};
use crate::{child::ServerProcess, counter::Counter};

/// After such a time without a frame, the server is idle.
const QUIET: Duration = Duration::from_millis(1_500);

pub(super) async fn measure(
    server: &ServerProcess,
    count: u64,
    is_tracked: bool,
) -> anyhow::Result<Measured> {
    let topic = |n: u64| match is_tracked {
        true => format!("lobby:{n}"),
        false => "room:bench".to_owned(),
    };
    let counter = Counter::default();
    // The first clients make the process allocate what it needs for any number of clients.
    let first = room_of(server, AT_ONCE, &counter, 1, |n| topic(n + count)).await?;
    counter.quiet(QUIET).await;
    let before = server.memory()?;
    let clients = room_of(server, count, &counter, 1, topic).await?;
    counter.quiet(QUIET).await;
    let figure = server.memory()?.saturating_sub(before) as f64 / count as f64;
    drop((first, clients));
    Ok(Measured {
        figure,
        ..Measured::default()
    })
}
