//! What nobody should send or set: it is said in the log, and nothing else comes of it.

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

/// How much more memory a node may hold afterwards. What was sent is more than that.
const MOST_GROWTH: u64 = 24 * 1024 * 1024;

pub(super) async fn run(setup: &Setup, figures: &Printer) -> Result<()> {
    let mut cluster = Cluster::start(setup, 2, Vec::new()).await?;
    let crowd = Crowd::gather(&cluster, 5).await?;
    let truth = counts(crowd.all());

    // Once before it is measured, because buffers that are reused have their size after the first
    // time.
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
