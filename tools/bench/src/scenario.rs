//! The loads that are measured.

mod crowd;
mod fan_out;
mod idle;
mod join;
mod large;
mod neighbour;
mod push_reply;
mod watching;

use std::time::{Duration, Instant};

use support::quantiles::Samples;
use tokio::task::LocalSet;

use crate::{
    child::{Program, ServerProcess, Stable},
    client::BenchClient,
    counter::Counter,
    packets,
};

/// One kind of load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scenario {
    /// Broadcasts to a room of 1,000 clients. At most `in_flight` broadcasts are undelivered.
    FanOut { in_flight: u64 },
    /// Pushes of 100 clients. At most `in_flight` of a client's pushes are not answered.
    PushReply { in_flight: u64 },
    /// As `PushReply`, but each client sends all its pushes in one write, and then waits for all
    /// replies. So the server has something to do all the time.
    PushBurst { pushes: u64 },
    /// Clients that connect and join a room. The handshake is included.
    Join,
    /// As `Join`, each in a room of its own, with a presence, its state and its first diff.
    JoinWithPresence,
    /// 1,000 clients with presences join one room at once.
    Crowd,
    /// Replies of a handler that waits, beside a large room that gets broadcasts, and without it.
    Neighbour,
    /// Joins of a large room of which few members watch the presences in full, and others count.
    Watching,
    /// The memory of idle clients that have joined.
    Idle,
    /// The memory of idle clients that have joined and are tracked, each in a room of its own.
    IdleTracked,
    /// Messages of this many MiB, each answered with its size.
    Large { mebibytes: usize },
    /// Messages of this many MiB, each sent back.
    LargeEcho { mebibytes: usize },
}

/// The amount of work in one measurement.
#[derive(Clone, Copy)]
pub(crate) struct Size {
    pub(crate) broadcasts: u64,
    pub(crate) pings: u64,
    pub(crate) joins: u64,
    pub(crate) idle: u64,
    pub(crate) large_mebibytes: usize,
    /// The members of the room beside neighbours.
    pub(crate) room: u64,
    /// The members of the hall, and the users who join it.
    pub(crate) hall: u64,
    pub(crate) newcomers: u64,
    /// The time for which neighbours are measured, with the room and without it.
    pub(crate) beside: Duration,
    /// The time for which latencies are measured, at half of the throughput.
    pub(crate) paced: Duration,
}

/// The result of one measurement.
#[derive(Default)]
pub(crate) struct Measured {
    /// In the scenario's [unit](Scenario::unit).
    pub(crate) figure: f64,
    pub(crate) frames_per_packet: Option<f64>,
    /// In seconds.
    pub(crate) latencies: Option<Samples>,
    /// The latencies without what the scenario puts beside the measured clients, in seconds.
    pub(crate) alone: Option<Samples>,
    /// The frames of a crowd.
    pub(crate) frames: Option<Frames>,
}

/// The frames that the clients of a crowd got.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Frames {
    pub(crate) delivered: u64,
    /// One reply for each, and for each a diff in each period.
    pub(crate) most: u64,
}

/// The clients of a room, and the clients that join a room at once.
pub(crate) const ROOM: u64 = 1_000;
/// The clients that connect at once: fewer than a listener queues.
pub(crate) const AT_ONCE: u64 = 100;
/// The topic of the loads that have one.
const TOPIC: &str = "room:bench";

impl Scenario {
    pub(crate) const ALL: [Self; 17] = [
        Self::FanOut { in_flight: 8 },
        Self::FanOut { in_flight: 1 },
        Self::PushReply { in_flight: 1 },
        Self::PushReply { in_flight: 8 },
        Self::PushBurst { pushes: 8 },
        Self::Join,
        Self::JoinWithPresence,
        Self::Crowd,
        Self::Neighbour,
        Self::Watching,
        Self::Idle,
        Self::IdleTracked,
        Self::Large { mebibytes: 1 },
        Self::Large { mebibytes: 16 },
        Self::LargeEcho { mebibytes: 1 },
        Self::LargeEcho { mebibytes: 4 },
        Self::LargeEcho { mebibytes: 16 },
    ];

    pub(crate) fn name(self) -> String {
        match self {
            Self::FanOut { in_flight } => format!("fan-out w{in_flight}"),
            Self::PushReply { in_flight } => format!("push-reply w{in_flight}"),
            Self::PushBurst { pushes } => format!("push-reply bursts of {pushes}"),
            Self::Join => "join".into(),
            Self::JoinWithPresence => "join with presence".into(),
            Self::Crowd => "1,000 join one room".into(),
            Self::Neighbour => "neighbour".into(),
            Self::Watching => "watching less".into(),
            Self::Idle => "idle memory".into(),
            Self::IdleTracked => "idle memory, tracked".into(),
            Self::Large { mebibytes } => format!("large {mebibytes} MiB"),
            Self::LargeEcho { mebibytes } => format!("large echo {mebibytes} MiB"),
        }
    }

    /// Returns the unit of the scenario's figure.
    pub(crate) fn unit(self) -> &'static str {
        match self {
            Self::FanOut { .. } => "deliveries per CPU-second",
            Self::PushReply { .. } | Self::PushBurst { .. } => "replies per CPU-second",
            Self::Join | Self::JoinWithPresence => "joins per CPU-second",
            Self::Crowd => "CPU-ms for 1,000 joins",
            Self::Watching => "CPU with counts / CPU in full",
            Self::Neighbour => "p99 beside a room / p99 alone",
            Self::Idle | Self::IdleTracked => "bytes per socket",
            Self::Large { .. } | Self::LargeEcho { .. } => "CPU-ms per MiB",
        }
    }

    /// Returns whether a smaller figure is the better one.
    pub(crate) fn is_cost(self) -> bool {
        !matches!(
            self,
            Self::FanOut { .. }
                | Self::PushReply { .. }
                | Self::PushBurst { .. }
                | Self::Join
                | Self::JoinWithPresence
        )
    }

    /// Returns the programs that the load is measured on: ours, and then what it is compared with.
    pub(crate) fn programs(self) -> &'static [Program] {
        use Program::{Axum, Floor, Ours, Socketioxide, Tungstenite};
        match self {
            Self::FanOut { .. }
            | Self::PushReply { .. }
            | Self::PushBurst { .. }
            | Self::Join
            | Self::Idle => &[Ours, Floor, Axum, Socketioxide],
            Self::JoinWithPresence | Self::Crowd => &[Ours, Floor],
            Self::Neighbour | Self::Watching | Self::IdleTracked => &[Ours],
            Self::Large { .. } | Self::LargeEcho { .. } => &[Ours, Tungstenite],
        }
    }

    pub(crate) fn measure(
        self,
        stable: &Stable,
        program: Program,
        size: Size,
    ) -> anyhow::Result<Measured> {
        let server = stable.start(program)?;
        let is_ours = program == Program::Ours;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        LocalSet::new().block_on(&runtime, async {
            match self {
                Self::FanOut { in_flight } => fan_out::measure(&server, size, in_flight).await,
                Self::PushReply { in_flight } => {
                    push_reply::measure(&server, size, in_flight).await
                }
                Self::PushBurst { pushes } => {
                    push_reply::measure_bursts(&server, size, pushes).await
                }
                Self::Join => join::measure(&server, size.joins, false).await,
                Self::JoinWithPresence => join::measure(&server, size.joins, is_ours).await,
                Self::Crowd => crowd::measure(&server, is_ours).await,
                Self::Neighbour => neighbour::measure(&server, size).await,
                Self::Watching => watching::measure(&server, size).await,
                Self::Idle => idle::measure(&server, size.idle, false).await,
                Self::IdleTracked => idle::measure(&server, size.idle, true).await,
                Self::Large { mebibytes } => large::measure(&server, size, mebibytes, "size").await,
                Self::LargeEcho { mebibytes } => {
                    large::measure(&server, size, mebibytes, "ping").await
                }
            }
        })
    }
}

/// Connects `count` clients to the topics that `topic` returns, and waits until each has received
/// `frames`.
pub(crate) async fn room_of(
    server: &ServerProcess,
    count: u64,
    counter: &Counter,
    frames: u64,
    topic: impl Fn(u64) -> String,
) -> anyhow::Result<Vec<BenchClient>> {
    let mut clients = Vec::new();
    let before = counter.get();
    for joined in 1..=count {
        clients.push(BenchClient::join(server, &topic(joined), counter).await?);
        if joined % AT_ONCE == 0 || joined == count {
            counter.reach(before + joined * frames).await?;
        }
    }
    Ok(clients)
}

/// The CPU time of the server and the packets of the machine during a load.
struct Effort {
    begun: Instant,
    cpu: f64,
    packets: u64,
}

impl Effort {
    fn begin(server: &ServerProcess) -> anyhow::Result<Self> {
        Ok(Self {
            begun: Instant::now(),
            cpu: server.cpu_seconds()?,
            packets: packets::sent()?,
        })
    }

    /// Returns what `done` units of work were, which took `pushes` packets of the clients and
    /// `frames` of the server; and the units per second.
    fn end(
        self,
        server: &ServerProcess,
        done: u64,
        pushes: u64,
        frames: u64,
    ) -> anyhow::Result<(Measured, f64)> {
        let elapsed = self.begun.elapsed().as_secs_f64();
        let cpu = server.cpu_seconds()? - self.cpu;
        let packets = (packets::sent()? - self.packets)
            .saturating_sub(pushes)
            .max(1);
        let measured = Measured {
            figure: done as f64 / cpu,
            frames_per_packet: Some(frames as f64 / packets as f64),
            ..Measured::default()
        };
        Ok((measured, done as f64 / elapsed))
    }
}

/// Waits until `at`, to the microsecond, and lets the clients read meanwhile.
async fn until(at: Instant) {
    while Instant::now() < at {
        tokio::task::yield_now().await;
    }
}
