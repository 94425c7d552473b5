//! The packets from one node to the two others are lost, but not those from them.

use std::time::{Duration, Instant};

use anyhow::Result;

use super::{healed, three_hosts};
use crate::cluster::{BROADCAST_PERIOD, Setup, counts, short_periods};
use crate::figures::Printer;
use crate::member::Member;
use crate::scenarios::crowd::{Crowd, ROOM};

pub(super) async fn run(setup: &Setup, figures: &Printer) -> Result<()> {
    let cluster = three_hosts(setup, short_periods()).await?;
    let mut crowd = Crowd::gather(&cluster, 5).await?;

    cluster.network().deafen(1, 0)?;
    cluster.network().deafen(2, 0)?;
    let heard = crowd.keys_on(&[1, 2]);
    for node in [1, 2] {
        crowd.on_node_see(node, &heard).await?;
    }
    let newcomer = Member::join(cluster.home(0), "newcomer", ROOM).await?;
    crowd.of_node[0].push(newcomer);

    cluster.network().heal()?;
    let since = Instant::now();
    let truth = counts(crowd.all());
    cluster.agree(&truth, Duration::from_secs(60)).await?;
    crowd.all_see_all().await?;
    let healed = healed(since, BROADCAST_PERIOD)?;
    cluster.nobody_panicked()?;
    figures.print("netns-one-way", healed);
    Ok(())
}
