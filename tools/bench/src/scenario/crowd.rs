use std::time::{Duration, Instant};

use super::{Effort, Frames, Measured, ROOM, room_of};
use crate::{child::ServerProcess, counter::Counter};

/// The period in which the changes of a room become one diff.
const PERIOD: Duration = Duration::from_millis(50);
/// After such a time without a frame, all have come.
const QUIET: Duration = Duration::from_millis(500);

/// 1,000 clients join: one room of ours, whose members are tracked, or the floor, which tracks
/// nobody.
pub(super) async fn measure(server: &ServerProcess, is_ours: bool) -> anyhow::Result<Measured> {
    let counter = Counter::default();
    let effort = Effort::begin(server)?;
    let begun = Instant::now();
    let clients = room_of(server, ROOM, &counter, 1, |_| "crowd:1".into()).await?;
    counter.quiet(QUIET).await;
    let last_frame = begun.elapsed().saturating_sub(QUIET);
    let (measured, _) = effort.end(server, ROOM, 0, 0)?;
    let periods = last_frame.as_secs_f64() / PERIOD.as_secs_f64() + 1.0;
    let frames = Frames {
        delivered: counter.get(),
        most: ROOM + (ROOM as f64 * periods) as u64,
    };
    drop(clients);
    Ok(Measured {
        figure: 1e3 * ROOM as f64 / measured.figure,
        frames: is_ours.then_some(frames),
        ..Measured::default()
    })
}
