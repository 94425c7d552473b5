//! The first node of the list is dead. The others start anew, and find each other without it.

use std::time::{Duration, Instant};

use anyhow::Result;
use serde_json::json;

use super::three_hosts;
use crate::cluster::{Setup, counts, short_periods};
use crate::figures::{Printer, ms};
use crate::scenarios::crowd::Crowd;

pub(super) async fn run(setup: &Setup, figures: &Printer) -> Result<()> {
    let mut cluster = three_hosts(setup, short_periods()).await?;
    let mut crowd = Crowd::gather(&cluster, 5).await?;

    cluster.nodes[0].kill()?;
    crowd.of_node[0].clear();
    let left = crowd.keys_on(&[1, 2]);
    for node in [1, 2] {
        crowd.on_node_see(node, &left).await?;
    }
    let mut healed = Duration::ZERO;
    for node in [1, 2] {
        cluster.nodes[node].kill()?;
        let since = Instant::now();
        cluster.nodes[node].restart().await?;
        for member in &crowd.of_node[node] {
            member
                .until("to be back", |page| {
                    page.connections > 1 && page.presence.is_synced()
                })
                .await?;
        }
        let truth = counts(crowd.all());
        cluster.agree(&truth, Duration::from_secs(60)).await?;
        crowd.all_see_all().await?;
        healed = healed.max(since.elapsed());
    }
    cluster.nobody_panicked()?;
    figures.print(
        "netns-seed-dead",
        json!({ "restart_to_agreement_ms": ms(healed) }),
    );
    Ok(())
}
