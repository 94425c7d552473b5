//! A node's process is paused for longer than the down period, and resumes.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use serde_json::json;
use tokio::time::sleep;

use super::crowd::{Crowd, ROOM};
use super::{RECONNECTING, healing};
use crate::cluster::{BROADCAST_PERIOD, Cluster, DOWN_PERIOD, Setup, counts, short_periods};
use crate::figures::{Printer, ms};
use crate::member::Member;

/// The length of the pause. It exceeds the down period, and the time for which an engine keeps a
/// silent link.
const PAUSE: Duration = Duration::from_secs(7);

pub(super) async fn run(setup: &Setup, figures: &Printer) -> Result<()> {
    let cluster = Cluster::start(setup, 3, short_periods()).await?;
    let mut crowd = Crowd::gather(&cluster, 10).await?;

    cluster.nodes[0].pause()?;
    let paused = Instant::now();
    let others = crowd.keys_on(&[1, 2]);
    for node in [1, 2] {
        crowd.on_node_see(node, &others).await?;
    }
    let hidden = paused.elapsed();
    sleep(PAUSE.saturating_sub(hidden)).await;
    // Changes during the pause must reach the node, too.
    let newcomer = Member::join(cluster.home(1), "newcomer", ROOM).await?;
    crowd.of_node[1].push(newcomer);
    if let Some(leaver) = crowd.of_node[2].pop() {
        leaver.leave().await?;
    }

    cluster.nodes[0].resume()?;
    let since = Instant::now();
    let truth = counts(crowd.all());
    cluster.agree(&truth, Duration::from_secs(30)).await?;
    crowd.all_see_all().await?;
    let healed = since.elapsed();
    // The engine's links are down, so its first attempt to connect counts, too.
    let limit = healing(BROADCAST_PERIOD, RECONNECTING);
    ensure!(
        healed < limit,
        "it took {healed:?} to heal, longer than {limit:?}"
    );
    // The paused node could not receive heartbeats, but must not mark the others as down.
    for member in &crowd.of_node[0] {
        let page = member.page();
        let wrong = page
            .departures()
            .find(|(key, _)| crowd.keys().contains(*key));
        ensure!(wrong.is_none(), "{} saw {wrong:?} leave", member.key);
    }
    cluster.nobody_panicked()?;
    figures.print(
        "stop",
        json!({
            "down_period_ms": ms(DOWN_PERIOD),
            "hidden_ms": ms(hidden),
            "paused_ms": ms(PAUSE),
            "healed_ms": ms(healed),
            "limit_ms": ms(limit),
        }),
    );
    Ok(())
}
