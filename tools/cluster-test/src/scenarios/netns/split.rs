//! One node is parted from the two others for longer than the engine keeps a link. The periods are
//! the defaults.

use std::time::{Duration, Instant};

use anyhow::Result;

use super::{healed, three_hosts};
use crate::cluster::{DEFAULT_BROADCAST_PERIOD, Setup, counts};
use crate::figures::{Printer, ms};
use crate::member::Member;
use crate::scenarios::crowd::{Crowd, ROOM};

pub(super) async fn run(setup: &Setup, figures: &Printer) -> Result<()> {
    let cluster = three_hosts(setup, Vec::new()).await?;
    let mut crowd = Crowd::gather(&cluster, 5).await?;

    let parted = Instant::now();
    cluster.network().part(0, 1)?;
    cluster.network().part(0, 2)?;
    let (alone, together) = (crowd.keys_on(&[0]), crowd.keys_on(&[1, 2]));
    crowd.on_node_see(0, &alone).await?;
    for node in [1, 2] {
        crowd.on_node_see(node, &together).await?;
    }
    let hidden = parted.elapsed();
    // Users join on both sides.
    for node in [0, 1] {
        let key = format!("newcomer-{node}");
        let newcomer = Member::join(cluster.home(node), &key, ROOM).await?;
        crowd.of_node[node].push(newcomer);
        drop(crowd.of_node[node].remove(0).leave().await?);
    }

    cluster.network().heal()?;
    let since = Instant::now();
    let truth = counts(crowd.all());
    cluster.agree(&truth, Duration::from_secs(60)).await?;
    crowd.all_see_all().await?;
    let mut healed = healed(since, DEFAULT_BROADCAST_PERIOD)?;
    healed["hidden_ms"] = ms(hidden).into();
    cluster.nobody_panicked()?;
    figures.print("netns-split", healed);
    Ok(())
}
