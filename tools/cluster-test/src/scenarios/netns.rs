//! Nodes on hosts of their own, under the faults of a network.

mod crash_parted;
mod one_way;
mod poor_link;
mod seed_dead;
mod split;

use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use serde_json::{Value, json};

use super::healing;
use crate::cluster::{Cluster, Setup};
use crate::engine::Engine;
use crate::figures::{Printer, ms};
use crate::namespaces::Network;

/// The longest time until links come back after a fault. TCP waits longer before each attempt to
/// open a connection: in the end some seconds, about as long as the network was parted.
const LINKING: Duration = Duration::from_secs(8);

pub(super) async fn run(setup: &Setup, figures: &Printer) -> Result<()> {
    if setup.engine != Engine::Zenoh {
        bail!(
            "netns tests links between nodes, but nodes with a broker have no links\nhint: --engine zenoh"
        );
    }
    if let Err(error) = Network::new(1) {
        let reason = format!("this machine allows no network namespaces: {error:#}");
        figures.print("netns", json!({ "skipped": reason }));
        return Ok(());
    }
    split::run(setup, figures).await?;
    one_way::run(setup, figures).await?;
    crash_parted::run(setup, figures).await?;
    seed_dead::run(setup, figures).await?;
    poor_link::run(setup, figures).await
}

/// Returns the time since the fault ended. Fails if it is too long.
fn healed(since: Instant, heartbeat: Duration) -> Result<Value> {
    let (took, limit) = (since.elapsed(), healing(heartbeat, LINKING));
    ensure!(
        took < limit,
        "it took {took:?} to heal, longer than {limit:?}"
    );
    Ok(json!({ "healed_ms": ms(took), "limit_ms": ms(limit) }))
}

/// Starts three nodes on a network of their own, and moves this thread to that network.
async fn three_hosts(setup: &Setup, environment: Vec<(String, String)>) -> Result<Cluster> {
    let network = Network::new(3)?;
    network.enter()?;
    Cluster::start_on(setup, network, environment).await
}
