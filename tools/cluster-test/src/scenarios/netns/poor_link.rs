//! Links are slow and lose packets, while users join and leave.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use serde_json::json;

use super::three_hosts;
use crate::cluster::{Setup, counts};
use crate::figures::{Printer, ms};
use crate::member::Member;
use crate::scenarios::crowd::{Crowd, ROOM};

const LOSS_PERCENT: u8 = 5;
const COMING: usize = 100;

pub(super) async fn run(setup: &Setup, figures: &Printer) -> Result<()> {
    let cluster = three_hosts(setup, Vec::new()).await?;
    let mut crowd = Crowd::gather(&cluster, 5).await?;
    let stayers = crowd.keys();

    let mut by = "";
    for host in 0..cluster.nodes.len() {
        by = cluster.network().worsen(host, LOSS_PERCENT)?;
    }
    for number in 0..COMING {
        let node = number % cluster.nodes.len();
        let key = format!("coming-{number}");
        let member = Member::join(cluster.home(node), &key, ROOM).await?;
        match number % 2 {
            0 => drop(member.leave().await?),
            _ => crowd.of_node[node].push(member),
        }
    }
    let since = Instant::now();
    let truth = counts(crowd.all());
    // The links are still poor.
    cluster.agree(&truth, Duration::from_secs(60)).await?;
    crowd.all_see_all().await?;
    for member in crowd.all() {
        let page = member.page();
        let wrong = page.departures().find(|(key, _)| stayers.contains(*key));
        ensure!(wrong.is_none(), "{} saw {wrong:?} leave", member.key);
    }
    cluster.nobody_panicked()?;
    figures.print(
        "netns-poor-link",
        json!({
            "by": by,
            "loss_percent": LOSS_PERCENT,
            "came": COMING,
            "agreed_ms": ms(since.elapsed()),
        }),
    );
    Ok(())
}
