//! A scenario a file.

mod bad;
mod broker;
mod crowd;
mod kill;
mod latency;
mod netns;
mod restart;
mod rolling;
mod stop;
mod traffic;

use std::time::Duration;

use anyhow::Result;
use clap::ValueEnum;

use crate::cluster::{BROADCAST_PERIOD, DOWN_PERIOD, Setup};
use crate::engine::Engine;
use crate::figures::Printer;

/// What is done to a cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Scenario {
    /// How long a join on one node takes to be seen on the others
    Latency,
    /// A node is killed: how long its users are shown on the others
    Kill,
    /// A node is stopped (SIGSTOP) for longer than the down period, and goes on
    Stop,
    /// A node is killed and started again under its name
    Restart,
    /// The broker is killed under load, and comes back
    Broker,
    /// Garbage, strangers, addresses in use, odd lists of peers
    Bad,
    /// Nodes on hosts of their own: parted, half parted, badly linked, the first one dead
    Netns,
    /// Three nodes restarted one after the other under thousands of clients
    Rolling,
    /// What three nodes send each other, idle and busy, as NATS counts it
    Traffic,
    /// What every change is run against: latency, kill, stop, restart and bad, small
    Short,
}

/// How much of it.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Size {
    /// Joins that `latency` measures
    #[arg(long, default_value_t = 300, value_name = "N")]
    pub(crate) joins: usize,
    /// Clients of `rolling`
    #[arg(long, default_value_t = 3000, value_name = "N")]
    pub(crate) clients: usize,
    /// Clients of `rolling` in a room
    #[arg(long, default_value_t = 30, value_name = "N")]
    pub(crate) room: usize,
}

pub(crate) async fn run(
    scenario: Scenario,
    setup: &Setup,
    size: &Size,
    figures: &Printer,
) -> Result<()> {
    match scenario {
        Scenario::Latency => latency::run(setup, size.joins, figures).await,
        Scenario::Kill => kill::run(setup, figures).await,
        Scenario::Stop => stop::run(setup, figures).await,
        Scenario::Restart => restart::run(setup, figures).await,
        Scenario::Broker => broker::run(setup, figures).await,
        Scenario::Bad => bad::run(setup, figures).await,
        Scenario::Netns => netns::run(setup, figures).await,
        Scenario::Rolling => rolling::run(setup, size, figures).await,
        Scenario::Traffic => traffic::run(setup, figures).await,
        Scenario::Short => {
            latency::run(setup, 60, figures).await?;
            kill::run(setup, figures).await?;
            stop::run(setup, figures).await?;
            restart::run(setup, figures).await?;
            bad::run(setup, figures).await
        }
    }
}

/// The longest wait of an engine between two attempts to connect.
const RECONNECTING: Duration = Duration::from_secs(2);
/// What a loaded machine may add to anything.
const LATE: Duration = Duration::from_secs(1);

/// For how long the users of a killed node may be shown.
fn gone_within(engine: Engine) -> Duration {
    match engine.gives_hints() {
        true => Duration::from_secs(3),
        // Two heartbeats for what was on its way, and for a turn that comes late.
        false => DOWN_PERIOD + 2 * BROADCAST_PERIOD,
    }
}

/// How long nodes with this heartbeat may differ, once they can be linked again and are `after` so
/// long.
fn healing(heartbeat: Duration, after: Duration) -> Duration {
    after + 2 * heartbeat + LATE
}
