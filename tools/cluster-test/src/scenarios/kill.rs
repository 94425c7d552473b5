//! A node is killed. Its users must soon disappear on the others.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use serde_json::json;

use super::crowd::{Crowd, ROOM};
use super::gone_within;
use crate::cluster::{Cluster, Setup, counts, short_periods};
use crate::figures::{Printer, ms};

pub(super) async fn run(setup: &Setup, figures: &Printer) -> Result<()> {
    // An engine that reports dead processes does so with any periods.
    let periods = match setup.engine.gives_hints() {
        true => Vec::new(),
        false => short_periods(),
    };
    let mut cluster = Cluster::start(setup, 3, periods).await?;
    let mut crowd = Crowd::gather(&cluster, 10).await?;

    cluster.nodes[0].kill()?;
    let killed = Instant::now();
    let left = crowd.keys_on(&[1, 2]);
    crowd.of_node[0].clear();
    for node in [1, 2] {
        crowd.on_node_see(node, &left).await?;
    }
    let gone = killed.elapsed();
    let limit = gone_within(setup.engine);
    ensure!(
        gone < limit,
        "the users of a killed node were shown for {gone:?}, longer than {limit:?}"
    );
    for member in crowd.all() {
        let page = member.page();
        let wrong = page.departures().find(|(key, _)| left.contains(*key));
        ensure!(wrong.is_none(), "{} saw {wrong:?} leave", member.key);
    }
    cluster
        .agree(&counts(crowd.all()), Duration::from_secs(10))
        .await?;
    cluster.nobody_panicked()?;
    figures.print(
        "kill",
        json!({ "room": ROOM, "gone_ms": ms(gone), "limit_ms": ms(limit) }),
    );
    Ok(())
}
