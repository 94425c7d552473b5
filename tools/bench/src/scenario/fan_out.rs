use std::time::{Duration, Instant};

use super::{Effort, Measured, ROOM, Size, TOPIC, room_of, until};
use crate::{
    child::ServerProcess,
    client::BenchClient,
    counter::{Counter, Latencies},
};

const PAYLOAD: &str = r#"{"body":"the quick brown fox jumps over the lazy dog"}"#;

pub(super) async fn measure(
    server: &ServerProcess,
    size: Size,
    in_flight: u64,
) -> anyhow::Result<Measured> {
    let counter = Counter::default();
    let mut clients = room_of(server, ROOM, &counter, 1, |_| TOPIC.into()).await?;
    let start = counter.get();
    let effort = Effort::begin(server)?;
    for sent in 1..=size.broadcasts {
        clients[0].tell("shout", PAYLOAD).await?;
        let due = sent.saturating_sub(in_flight - 1);
        counter.reach(start + due * ROOM).await?;
    }
    let done = size.broadcasts * ROOM;
    counter.reach(start + done).await?;
    let (mut measured, rate) = effort.end(server, done, size.broadcasts, done)?;
    let pace = rate / ROOM as f64 / 2.0;
    measured.latencies = Some(paced(&mut clients[0], &counter, pace, size.paced).await?);
    Ok(measured)
}

/// Broadcasts `pace` times a second for `time`. Returns the latencies of the deliveries.
async fn paced(
    client: &mut BenchClient,
    counter: &Counter,
    pace: f64,
    time: Duration,
) -> anyhow::Result<support::quantiles::Samples> {
    let latencies = Latencies::new();
    counter.begin_timing(&latencies);
    let (begun, start) = (Instant::now(), counter.get());
    let count = ((time.as_secs_f64() * pace) as u64).max(10);
    for sent in 0..count {
        until(begun + Duration::from_secs_f64(sent as f64 / pace)).await;
        counter.sent();
        client.tell("shout", PAYLOAD).await?;
    }
    counter.reach(start + count * ROOM).await?;
    Ok(latencies.take())
}
