use std::time::Duration;

use support::quantiles::Samples;

use super::{Measured, Size};
use crate::{
    child::ServerProcess,
    client::BenchClient,
    counter::{Counter, Latencies},
    room::RoomProcess,
};

/// The clients that are measured, in a room of their own.
const NEIGHBOURS: u64 = 10;
/// The time between two messages of one of them.
const EVERY: Duration = Duration::from_millis(50);
const TOPIC: &str = "room:neighbours";
/// The broadcasts in a second of the room beside them.
const RATE: u64 = 10;
/// The time in which the room's first broadcasts find their pace.
const SETTLE: Duration = Duration::from_millis(500);

/// Replies of a handler that awaits a millisecond: alone, and beside a large room with broadcasts.
pub(super) async fn measure(server: &ServerProcess, size: Size) -> anyhow::Result<Measured> {
    let alone = ask(server, size.beside).await?;
    let room = RoomProcess::start(server, size.room, RATE)?;
    tokio::time::sleep(SETTLE).await;
    let beside = ask(server, size.beside).await?;
    room.end()?;
    Ok(Measured {
        figure: beside.percentile(99.0) / alone.percentile(99.0),
        latencies: Some(beside),
        alone: Some(alone),
        ..Measured::default()
    })
}

/// Returns the latencies of the replies that the neighbours get within `time`.
async fn ask(server: &ServerProcess, time: Duration) -> anyhow::Result<Samples> {
    let latencies = Latencies::new();
    let mut tasks = Vec::new();
    for number in 0..NEIGHBOURS {
        let counter = Counter::default();
        let mut client = BenchClient::join(server, TOPIC, &counter).await?;
        counter.reach(1).await?;
        // They do not ask at the same moment.
        let begin = tokio::time::Instant::now() + EVERY * number as u32 / NEIGHBOURS as u32;
        let latencies = latencies.clone();
        tasks.push(tokio::task::spawn_local(async move {
            let mut ticks = tokio::time::interval_at(begin, EVERY);
            for answers in 2.. {
                if ticks.tick().await.duration_since(begin) >= time {
                    break;
                }
                counter.begin_timing(&latencies);
                counter.sent();
                client.ask("wait", "{}").await?;
                counter.reach(answers).await?;
            }
            anyhow::Ok(())
        }));
    }
    for task in tasks {
        task.await??;
    }
    Ok(latencies.take())
}
