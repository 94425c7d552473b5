//! The scenarios, one per file.

mod bad;
mod broker;
mod catch_up;
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

/// A test of a cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Scenario {
    /// Measure how long a join takes until clients of the other nodes see it
    Latency,
    /// Kill a node, and measure how long the others show its users
    Kill,
    /// Pause a node (SIGSTOP) for longer than the down period
    Stop,
    /// Kill a node, and start it again under its name
    Restart,
    /// Kill the broker under load, and start it again
    Broker,
    /// Try garbage, strangers, addresses in use, and odd lists of peers
    Bad,
    /// Run nodes on hosts of their own: parted, half parted, on poor links, the first one dead
    Netns,
    /// Restart three nodes one after the other under thousands of clients
    Rolling,
    /// Count with NATS what three nodes send each other, idle and busy
    Traffic,
    /// Let nodes join over slow links, under an app's messages, and after a partition
    CatchUp,
    /// Run what CI runs: latency, kill, stop, restart and bad, small
    Short,
}

/// The size of a scenario.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Size {
    /// The joins that `latency` measures
    #[arg(long, default_value_t = 300, value_name = "N")]
    pub(crate) joins: usize,
    /// The clients of `rolling`
    #[arg(long, default_value_t = 3000, value_name = "N")]
    pub(crate) clients: usize,
    /// The clients in each room of `rolling`
    #[arg(long, default_value_t = 30, value_name = "N")]
    pub(crate) room: usize,
    #[command(flatten)]
    pub(crate) catch_up: catch_up::Options,
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
        Scenario::CatchUp => catch_up::run(setup, &size.catch_up, figures).await,
        Scenario::Short => {
            latency::run(setup, 60, figures).await?;
            kill::run(setup, figures).await?;
            stop::run(setup, figures).await?;
            restart::run(setup, figures).await?;
            bad::run(setup, figures).await
        }
    }
}

/// The longest time between two attempts of an engine to connect.
const RECONNECTING: Duration = Duration::from_secs(2);
/// The delay that a loaded machine may add.
const LATE: Duration = Duration::from_secs(1);

/// Returns the longest time for which the users of a killed node may be shown.
fn gone_within(engine: Engine) -> Duration {
    match engine.gives_hints() {
        true => Duration::from_secs(3),
        // One heartbeat was perhaps on its way, and one turn may come late.
        false => DOWN_PERIOD + 2 * BROADCAST_PERIOD,
    }
}

/// Returns the longest time for which nodes may differ once they can be linked again. They link
/// `after` this time.
fn healing(heartbeat: Duration, after: Duration) -> Duration {
    after + 2 * heartbeat + LATE
}
