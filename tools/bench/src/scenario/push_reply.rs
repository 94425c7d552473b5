use std::time::{Duration, Instant};

use super::{Effort, Measured, Size, TOPIC, until};
use crate::{
    child::ServerProcess,
    client::BenchClient,
    counter::{Counter, Latencies},
};

/// The clients that push.
const PINGERS: u64 = 100;

struct Pinger {
    client: BenchClient,
    counter: Counter,
}

pub(super) async fn measure(
    server: &ServerProcess,
    size: Size,
    in_flight: u64,
) -> anyhow::Result<Measured> {
    let pingers = connect(server).await?;
    let each = size.pings / PINGERS;
    let effort = Effort::begin(server)?;
    let pingers = at_once(pingers, |pinger| ping(pinger, each, in_flight)).await?;
    let done = each * PINGERS;
    // The pushes of a client are separate packets, because Nagle's algorithm is off.
    let (mut measured, rate) = effort.end(server, done, done, done)?;

    let latencies = Latencies::new();
    let pace = rate / PINGERS as f64 / 2.0;
    let (begun, time) = (Instant::now(), size.paced);
    at_once(pingers.into_iter().enumerate(), |(number, pinger)| {
        // The clients do not push at the same moment.
        let offset = number as f64 / PINGERS as f64 / pace;
        let begin = begun + Duration::from_secs_f64(offset);
        paced(pinger, begin, pace, time, latencies.clone())
    })
    .await?;
    measured.latencies = Some(latencies.take());
    Ok(measured)
}

/// Measures clients that each send `pushes` in one write, and then wait for as many replies.
pub(super) async fn measure_bursts(
    server: &ServerProcess,
    size: Size,
    pushes: u64,
) -> anyhow::Result<Measured> {
    let pingers = connect(server).await?;
    let bursts = size.pings / PINGERS / pushes;
    let effort = Effort::begin(server)?;
    at_once(pingers, |mut pinger| async move {
        let start = pinger.counter.get();
        for sent in 1..=bursts {
            pinger.client.ask_at_once("ping", "{}", pushes).await?;
            pinger.counter.reach(start + sent * pushes).await?;
        }
        Ok(pinger)
    })
    .await?;
    let sent = bursts * PINGERS;
    let (measured, _) = effort.end(server, sent * pushes, sent, sent * pushes)?;
    Ok(measured)
}

async fn connect(server: &ServerProcess) -> anyhow::Result<Vec<Pinger>> {
    let mut pingers = Vec::new();
    for _ in 0..PINGERS {
        let counter = Counter::default();
        let client = BenchClient::join(server, TOPIC, &counter).await?;
        counter.reach(1).await?;
        pingers.push(Pinger { client, counter });
    }
    Ok(pingers)
}

/// Runs the work of all clients at once. Returns the clients.
async fn at_once<T, F>(
    clients: impl IntoIterator<Item = T>,
    work: impl Fn(T) -> F,
) -> anyhow::Result<Vec<Pinger>>
where
    F: Future<Output = anyhow::Result<Pinger>> + 'static,
{
    let tasks: Vec<_> = clients
        .into_iter()
        .map(|client| tokio::task::spawn_local(work(client)))
        .collect();
    let mut done = Vec::new();
    for task in tasks {
        done.push(task.await??);
    }
    Ok(done)
}

async fn ping(mut pinger: Pinger, pings: u64, in_flight: u64) -> anyhow::Result<Pinger> {
    let start = pinger.counter.get();
    for sent in 1..=pings {
        pinger.client.ask("ping", "{}").await?;
        let due = sent.saturating_sub(in_flight - 1);
        pinger.counter.reach(start + due).await?;
    }
    pinger.counter.reach(start + pings).await?;
    Ok(pinger)
}

async fn paced(
    mut pinger: Pinger,
    begin: Instant,
    pace: f64,
    time: Duration,
    latencies: Latencies,
) -> anyhow::Result<Pinger> {
    pinger.counter.begin_timing(&latencies);
    let start = pinger.counter.get();
    let count = ((time.as_secs_f64() * pace) as u64).max(1);
    for sent in 0..count {
        until(begin + Duration::from_secs_f64(sent as f64 / pace)).await;
        pinger.counter.sent();
        pinger.client.ask("ping", "{}").await?;
    }
    pinger.counter.reach(start + count).await?;
    Ok(pinger)
}
