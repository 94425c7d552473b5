//! Thousands of joined and tracked sockets for minutes, of which some leave and others come: the
//! memory of the server and the latency of its replies must stay flat.

mod judge;

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use anyhow::{bail, ensure};
use serde_json::json;
use tokio::{task::LocalSet, time::MissedTickBehavior};

use crate::{
    child::{Program, ServerProcess, Stable},
    client::BenchClient,
    cores::Cores,
    counter::{Counter, Latencies},
    scenario::room_of,
    wire::Wire,
};
use judge::{Flatness, Interval};

/// The members of a room.
const ROOM: u64 = 50;
/// The clients whose pings are timed.
const PINGERS: u64 = 10;
/// The time between two pings of a client.
const PING_EVERY: Duration = Duration::from_millis(100);

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The sockets.
    #[arg(long, default_value_t = 15_000)]
    sockets: u64,
    /// The minutes after all sockets have joined.
    #[arg(long, default_value_t = 10.0)]
    minutes: f64,
    /// The percentage of the sockets that are closed in a second and replaced.
    #[arg(long, default_value_t = 1.0)]
    churn: f64,
    /// The seconds of an interval.
    #[arg(long, default_value_t = 10.0)]
    interval: f64,
    /// The cores of the server: the first, or all.
    #[arg(long)]
    one_core: bool,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    ensure!(args.sockets > 0, "--sockets is 0");
    let intervals = (args.minutes * 60.0 / args.interval) as usize;
    if intervals < Flatness::FEWEST {
        bail!(
            "{intervals} intervals are too few to see whether the server is flat: at least {}",
            Flatness::FEWEST
        );
    }
    let stable = Stable {
        peers: None,
        cores: Cores::take(args.one_core),
    };
    let server = stable.start(Program::Ours)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    LocalSet::new().block_on(&runtime, soak(&server, args, intervals))
}

async fn soak(server: &ServerProcess, args: &Args, intervals: usize) -> anyhow::Result<()> {
    let empty = server.memory()?;
    let counter = Counter::default();
    let topic = |n: u64| format!("lobby:{}", n / ROOM);
    let clients = room_of(server, args.sockets, &counter, 1, topic).await?;
    let mut clients = VecDeque::from(clients);
    let latencies = Latencies::new();
    for _ in 0..PINGERS {
        tokio::task::spawn_local(ping(server.port, server.wire, latencies.clone()));
    }
    let each = Duration::from_secs_f64(args.interval);
    let mut measured = Vec::new();
    let (mut next, mut replaced) = (args.sockets, 0);
    for number in 1..=intervals {
        let (begun, cpu, before) = (Instant::now(), server.cpu_seconds()?, replaced);
        if args.churn > 0.0 {
            let a_second = args.sockets as f64 * args.churn / 100.0;
            let mut ticks = tokio::time::interval(Duration::from_secs_f64(1.0 / a_second));
            ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
            while begun.elapsed() < each {
                ticks.tick().await;
                drop(clients.pop_front());
                next += 1;
                clients.push_back(BenchClient::join(server, &topic(next), &counter).await?);
                replaced += 1;
            }
        } else {
            tokio::time::sleep(each).await;
        }
        let samples = latencies.take();
        let interval = Interval {
            bytes_per_socket: server.memory()?.saturating_sub(empty) as f64 / args.sockets as f64,
            p50: samples.median() * 1e6,
            p99: samples.percentile(99.0) * 1e6,
            replaced,
        };
        println!(
            "{}",
            json!({
                "interval": number,
                "seconds": (number as f64 * args.interval).round(),
                "sockets": clients.len(),
                "replaced": replaced - before,
                "cpu_percent": percent(server.cpu_seconds()? - cpu, begun.elapsed()),
                "bytes_per_socket": interval.bytes_per_socket.round(),
                "pings": samples.len(),
                "p50_us": interval.p50.round(),
                "p99_us": interval.p99.round(),
                "max_us": (samples.max() * 1e6).round(),
            })
        );
        measured.push(interval);
    }
    let flatness = Flatness::of(&measured);
    println!("{}", flatness.json());
    ensure!(flatness.is_flat(), "the server is not flat");
    Ok(())
}

fn percent(cpu: f64, elapsed: Duration) -> f64 {
    (1000.0 * cpu / elapsed.as_secs_f64()).round() / 10.0
}

/// Pings now and then, each time when the last ping was answered.
async fn ping(port: u16, wire: Wire, latencies: Latencies) -> anyhow::Result<()> {
    let counter = Counter::default();
    let mut client = BenchClient::join_at(port, wire, "room:pings", &counter).await?;
    counter.reach(1).await?;
    let mut ticks = tokio::time::interval(PING_EVERY);
    for answers in 2.. {
        ticks.tick().await;
        counter.begin_timing(&latencies);
        counter.sent();
        client.ask("ping", "{}").await?;
        counter.reach(answers).await?;
    }
    Ok(())
}
