//! The loads that are measured.

use tokio::task::LocalSet;

use crate::{
    child::ServerProcess,
    client::{BenchClient, Counter},
};

/// One kind of load.
#[derive(Clone, Copy)]
pub(crate) enum Scenario {
    /// Broadcasts to a room of 1,000 clients. At most `in_flight` broadcasts are undelivered.
    FanOut { in_flight: u64 },
    /// Pushes of 100 clients. Each waits for the reply to its `ping` before it sends the next.
    PushReply,
    /// Clients that connect and join a room. The handshake is included.
    Join,
    /// The memory of 5,000 idle clients that have joined.
    Memory,
}

/// The amount of work in one measurement.
#[derive(Clone, Copy)]
pub(crate) struct Size {
    pub(crate) broadcasts: u64,
    pub(crate) pings: u64,
    pub(crate) joins: u64,
}

const ROOM: u64 = 1_000;
const PINGERS: u64 = 100;
const IDLE: u64 = 5_000;
/// The clients that connect at once: fewer than a listener queues.
const AT_ONCE: u64 = 100;

impl Scenario {
    pub(crate) const ALL: [Self; 5] = [
        Self::FanOut { in_flight: 8 },
        Self::FanOut { in_flight: 1 },
        Self::PushReply,
        Self::Join,
        Self::Memory,
    ];

    pub(crate) fn name(self) -> String {
        match self {
            Self::FanOut { in_flight } => format!("fan-out w{in_flight}"),
            Self::PushReply => "push-reply".into(),
            Self::Join => "join".into(),
            Self::Memory => "memory".into(),
        }
    }

    /// Returns the unit of the scenario's figure.
    pub(crate) fn unit(self) -> &'static str {
        match self {
            Self::FanOut { .. } => "deliveries per CPU-second",
            Self::PushReply => "replies per CPU-second",
            Self::Join => "joins per CPU-second",
            Self::Memory => "bytes per idle joined socket",
        }
    }

    /// Measures the server that this program becomes with the arguments `server`.
    pub(crate) fn measure(self, server: &[String], size: Size) -> anyhow::Result<f64> {
        let server = ServerProcess::start(server)?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        LocalSet::new().block_on(&runtime, async {
            match self {
                Self::FanOut { in_flight } => fan_out(&server, size.broadcasts, in_flight).await,
                Self::PushReply => push_reply(&server, size.pings).await,
                Self::Join => joins(&server, size.joins).await,
                Self::Memory => memory(&server).await,
            }
        })
    }
}

/// Connects `count` clients, and waits until all have joined.
async fn room_of(
    server: &ServerProcess,
    count: u64,
    counter: &Counter,
) -> anyhow::Result<Vec<BenchClient>> {
    let mut clients = Vec::new();
    for joined in 1..=count {
        clients.push(BenchClient::join(server.port, counter).await?);
        if joined % AT_ONCE == 0 || joined == count {
            counter.reach(joined).await?;
        }
    }
    Ok(clients)
}

async fn fan_out(server: &ServerProcess, broadcasts: u64, in_flight: u64) -> anyhow::Result<f64> {
    let counter = Counter::default();
    let mut clients = room_of(server, ROOM, &counter).await?;
    let before = server.cpu_seconds()?;
    let start = counter.get();
    for sent in 1..=broadcasts {
        let payload = r#"{"body":"the quick brown fox jumps over the lazy dog"}"#;
        clients[0].push("shout", payload).await?;
        counter
            .reach(start + sent.saturating_sub(in_flight - 1) * ROOM)
            .await?;
    }
    counter.reach(start + broadcasts * ROOM).await?;
    Ok((broadcasts * ROOM) as f64 / (server.cpu_seconds()? - before))
}

async fn push_reply(server: &ServerProcess, pings: u64) -> anyhow::Result<f64> {
    let mut pingers = Vec::new();
    for _ in 0..PINGERS {
        let counter = Counter::default();
        let client = BenchClient::join(server.port, &counter).await?;
        counter.reach(1).await?;
        pingers.push((client, counter));
    }
    let before = server.cpu_seconds()?;
    let each = pings / PINGERS;
    let tasks: Vec<_> = pingers
        .into_iter()
        .map(|(mut client, counter)| {
            tokio::task::spawn_local(async move {
                for ping in 1..=each {
                    client.push("ping", "{}").await?;
                    counter.reach(1 + ping).await?;
                }
                anyhow::Ok(client)
            })
        })
        .collect();
    let mut kept = Vec::new();
    for task in tasks {
        kept.push(task.await??);
    }
    Ok((each * PINGERS) as f64 / (server.cpu_seconds()? - before))
}

async fn joins(server: &ServerProcess, joins: u64) -> anyhow::Result<f64> {
    let counter = Counter::default();
    let before = server.cpu_seconds()?;
    let clients = room_of(server, joins, &counter).await?;
    let figure = joins as f64 / (server.cpu_seconds()? - before);
    drop(clients);
    Ok(figure)
}

async fn memory(server: &ServerProcess) -> anyhow::Result<f64> {
    let counter = Counter::default();
    // The first clients make the process allocate what it needs for any number of clients.
    let first = room_of(server, AT_ONCE, &counter).await?;
    let before = server.memory()?;
    let counter = Counter::default();
    let clients = room_of(server, IDLE, &counter).await?;
    let figure = server.memory()?.saturating_sub(before) as f64 / IDLE as f64;
    drop((first, clients));
    Ok(figure)
}
