//! Garbage and wrong settings are logged, and have no other effect.

mod garbage;
mod settings;
mod strangers;

use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::json;

use super::crowd::Crowd;
use crate::cluster::{Cluster, Setup, counts};
use crate::engine::Engine;
use crate::figures::Printer;

/// The memory by which a node may grow. More than that is sent.
const MOST_GROWTH: u64 = 24 * 1024 * 1024;

pub(super) async fn run(setup: &Setup, figures: &Printer) -> Result<()> {
    let mut cluster = Cluster::start(setup, 2, Vec::new()).await?;
    let crowd = Crowd::gather(&cluster, 5).await?;
    let truth = counts(crowd.all());

    // The first time is not measured, because it gives reused buffers their size.
    let sent = garbage::send(&cluster).await?;
    let before = cluster.nodes[0].memory()?;
    let sent = sent + garbage::send(&cluster).await?;
    cluster.agree(&truth, Duration::from_secs(30)).await?;
    garbage::is_logged(&cluster)?;
    let grown = cluster.nodes[0].memory()?.saturating_sub(before);
    ensure!(
        grown < MOST_GROWTH,
        "garbage made a node's memory grow by {grown} bytes"
    );

    let refused = settings::try_out(&mut cluster).await?;
    cluster.agree(&truth, Duration::from_secs(30)).await?;
    crowd.all_see_all().await?;
    cluster.nobody_panicked()?;
    drop((crowd, cluster));
    if setup.engine == Engine::Zenoh {
        strangers::knock(setup).await?;
    }
    figures.print(
        "bad",
        json!({ "garbage_bytes": sent, "grown_bytes": grown, "settings_refused": refused }),
    );
    Ok(())
}
