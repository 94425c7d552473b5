//! A node crashes while the two others are parted from each other, and is started again later.

use std::time::{Duration, Instant};

use anyhow::Result;

use super::{healed, three_hosts};
use crate::cluster::{BROADCAST_PERIOD, Setup, counts, short_periods};
use crate::figures::Printer;
use crate::scenarios::crowd::Crowd;

pub(super) async fn run(setup: &Setup, figures: &Printer) -> Result<()> {
    let mut cluster = three_hosts(setup, short_periods()).await?;
    let mut crowd = Crowd::gather(&cluster, 5).await?;

    cluster.network().part(1, 2)?;
    // The crash interrupts the last messages of the node a: some reach one peer only, or no peer.
    let last = crowd.of_node[0].remove(0);
    drop(last);
    cluster.nodes[0].kill()?;
    let of_a = std::mem::take(&mut crowd.of_node[0]);
    for node in [1, 2] {
        let own = crowd.keys_on(&[node]);
        crowd.on_node_see(node, &own).await?;
    }

    cluster.network().heal()?;
    let since = Instant::now();
    let truth = counts(crowd.all());
    cluster.agree(&truth, Duration::from_secs(60)).await?;
    crowd.all_see_all().await?;
    let healed = healed(since, BROADCAST_PERIOD)?;

    // The node's clients have kept trying.
    crowd.of_node[0] = of_a;
    cluster.nodes[0].restart().await?;
    crowd.all_see_all().await?;
    let truth = counts(crowd.all());
    cluster.agree(&truth, Duration::from_secs(30)).await?;
    cluster.nobody_panicked()?;
    figures.print("netns-crash-parted", healed);
    Ok(())
}
