//! Nodes on hosts of their own, and what networks do to them.

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

/// How long links take to come back once packets get through again. TCP waits longer from attempt
/// to attempt to open a connection, in the end for about as long as the network was parted: some
/// seconds.
const LINKING: Duration = Duration::from_secs(8);

pub(super) async fn run(setup: &Setup, figures: &Printer) -> Result<()> {
    if setup.engine != Engine::Zenoh {
        bail!(
            "netns is about links between nodes, and with a broker there are none\nhint: --engine zenoh"
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

/// How long it took to heal, if that was soon enough.
fn healed(since: Instant, heartbeat: Duration) -> Result<Value> {
    let (took, limit) = (since.elapsed(), healing(heartbeat, LINKING));
    ensure!(
        took < limit,
        "it took {took:?} to heal, longer than {limit:?}"
    );
    Ok(json!({ "healed_ms": ms(took), "limit_ms": ms(limit) }))
}

/// Three nodes on a network of their own, which this thread is on from now on.
async fn three_hosts(setup: &Setup, environment: Vec<(String, String)>) -> Result<Cluster> {
    let network = Network::new(3)?;
    network.enter()?;
    Cluster::start_on(setup, network, environment).await
}
