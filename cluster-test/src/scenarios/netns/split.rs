//! One node is parted from the two others, for longer than the down period.

use std::time::{Duration, Instant};

use anyhow::Result;

use super::{healed, three_hosts};
use crate::cluster::{Setup, counts, short_periods};
use crate::figures::Printer;
use crate::member::Member;
use crate::scenarios::crowd::{Crowd, ROOM};

pub(super) async fn run(setup: &Setup, figures: &Printer) -> Result<()> {
    let cluster = three_hosts(setup, short_periods()).await?;
    let mut crowd = Crowd::gather(&cluster, 5).await?;

    cluster.network().part(0, 1)?;
    cluster.network().part(0, 2)?;
    let (alone, together) = (crowd.keys_on(&[0]), crowd.keys_on(&[1, 2]));
    crowd.on_node_see(0, &alone).await?;
    for node in [1, 2] {
        crowd.on_node_see(node, &together).await?;
    }
    // Both sides go on.
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
    let healed = healed(since)?;
    cluster.nobody_panicked()?;
    figures.print("netns-split", healed);
    Ok(())
}
