use std::time::Duration;

use super::{AT_ONCE, Effort, Measured, Size};
use crate::{child::ServerProcess, client::BenchClient, counter::Counter};

/// The joins in a second while the load is measured.
const RATE: u64 = 100;
/// The members that watch in full where the others count.
const FULL: usize = 100;
/// After such a time without a frame, all have come.
const QUIET: Duration = Duration::from_millis(1_500);

/// Users join a large room. The figure is the server's CPU time with few members that watch in full
/// and others that count, divided by that with all in full. A newcomer gets the list of the room
/// where all watch in full, and no list where most count.
pub(super) async fn measure(server: &ServerProcess, size: Size) -> anyhow::Result<Measured> {
    let counts = joins_beside(server, size, FULL, ("hall:counts", "counted:counts")).await?;
    let all = size.hall as usize;
    let full = joins_beside(server, size, all, ("hall:full", "listed:full")).await?;
    Ok(Measured {
        figure: counts / full,
        ..Measured::default()
    })
}

/// Returns the server's CPU seconds for the joins. The members join and the newcomers join these
/// topics.
async fn joins_beside(
    server: &ServerProcess,
    size: Size,
    full: usize,
    (hall, newcomers): (&str, &str),
) -> anyhow::Result<f64> {
    let counter = Counter::default();
    let mut members = Vec::new();
    for joined in 1..=size.hall {
        members.push(BenchClient::join(server, hall, &counter).await?);
        if joined % AT_ONCE == 0 {
            counter.reach(joined).await?;
        }
    }
    // Only now: a full room that fills up would be most of the load.
    for (number, member) in members.iter_mut().enumerate() {
        let watch = match number < full {
            true => r#"{"presence":"full"}"#,
            false => r#"{"presence":"count"}"#,
        };
        member.tell("watch", watch).await?;
    }
    counter.quiet(QUIET).await;

    let effort = Effort::begin(server)?;
    let mut ticks = tokio::time::interval(Duration::from_secs(1) / RATE as u32);
    for _ in 0..size.newcomers {
        ticks.tick().await;
        members.push(BenchClient::join(server, newcomers, &counter).await?);
    }
    counter.quiet(QUIET).await;
    let (measured, _) = effort.end(server, 1, 0, 0)?;
    eprintln!(
        "{hall}: {} CPU s, {} frames",
        1.0 / measured.figure,
        counter.get()
    );
    Ok(1.0 / measured.figure)
}
