//! The broker is killed under load and started again. Meanwhile nodes serve their own clients, and
//! go on showing what they knew of the others. Afterwards they find each other again.

use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use serde_json::json;

use super::crowd::{Crowd, ROOM};
use super::{RECONNECTING, healing};
use crate::cluster::{BROADCAST_PERIOD, Cluster, DOWN_PERIOD, Setup, counts, short_periods};
use crate::figures::{Printer, ms};
use crate::member::Member;

/// The users that join on each node while the broker is away. Every third leaves again.
const LOAD: usize = 60;

pub(super) async fn run(setup: &Setup, figures: &Printer) -> Result<()> {
    let mut cluster = Cluster::start(setup, 3, short_periods()).await?;
    let mut crowd = Crowd::gather(&cluster, 10).await?;
    let Some(mut broker) = cluster.broker.take() else {
        bail!(
            "{} has no broker\nhint: --engine nats, or redis",
            setup.engine.name()
        );
    };

    let before = crowd.keys();
    broker.kill()?;
    let killed = Instant::now();
    // Each node's clients see at once what happens on that node.
    let mut slowest = Duration::ZERO;
    for number in 0..LOAD {
        for node in 0..cluster.nodes.len() {
            let key = format!("load-{node}-{number}");
            let since = Instant::now();
            let member = Member::join(cluster.home(node), &key, ROOM).await?;
            let old = &crowd.of_node[node][0];
            old.until("a newcomer on its own node", |page| {
                page.keys().contains(&*key)
            })
            .await?;
            slowest = slowest.max(since.elapsed());
            match number % 3 {
                0 => drop(member.leave().await?),
                _ => crowd.of_node[node].push(member),
            }
        }
    }
    ensure!(
        slowest < Duration::from_secs(2),
        "without the broker, a join took {slowest:?} on its own node"
    );
    // Without heartbeats, nodes would be down by now. The engine knows that its broker is away.
    let silent = DOWN_PERIOD + 2 * BROADCAST_PERIOD;
    tokio::time::sleep(silent.saturating_sub(killed.elapsed())).await;
    for node in 0..cluster.nodes.len() {
        let mut shown = crowd.keys_on(&[node]);
        shown.extend(before.iter().cloned());
        crowd.on_node_see(node, &shown).await?;
    }

    let since = Instant::now();
    broker.restart().await?;
    let listening = since.elapsed();
    let agreed = cluster
        .agree(&counts(crowd.all()), Duration::from_secs(30))
        .await?;
    crowd.all_see_all().await?;
    let limit = healing(BROADCAST_PERIOD, RECONNECTING);
    ensure!(
        agreed < limit,
        "it took {agreed:?} to heal, longer than {limit:?}"
    );
    cluster.nobody_panicked()?;
    figures.print(
        "broker",
        json!({
            "joins_meanwhile": LOAD * cluster.nodes.len(),
            "slowest_join_ms": ms(slowest),
            "listening_ms": ms(listening),
            "agreed_after_that_ms": ms(agreed),
            "limit_ms": ms(limit),
        }),
    );
    Ok(())
}
