//! A node is killed, and started again under its name at once. Its clients reconnect to it.

use std::time::{Duration, Instant};

use anyhow::Result;
use serde_json::json;

use super::crowd::Crowd;
use crate::cluster::{Cluster, Setup, counts};
use crate::figures::{Printer, ms};

pub(super) async fn run(setup: &Setup, figures: &Printer) -> Result<()> {
    let mut cluster = Cluster::start(setup, 3, Vec::new()).await?;
    let crowd = Crowd::gather(&cluster, 10).await?;

    cluster.nodes[0].kill()?;
    let killed = Instant::now();
    cluster.nodes[0].restart().await?;
    let ready = killed.elapsed();
    for member in &crowd.of_node[0] {
        member
            .until("to be back", |page| {
                page.connections > 1 && page.presence.is_synced()
            })
            .await?;
    }
    let back = killed.elapsed();
    let truth = counts(crowd.all());
    let agreed = cluster.agree(&truth, Duration::from_secs(10)).await?;
    crowd.all_see_all().await?;
    cluster.nobody_panicked()?;
    figures.print(
        "restart",
        json!({
            "ready_ms": ms(ready),
            "clients_back_ms": ms(back),
            "agreed_after_that_ms": ms(agreed),
        }),
    );
    Ok(())
}
