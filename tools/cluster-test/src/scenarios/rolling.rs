//! Three nodes behind a balancer are restarted one after the other, under thousands of clients,
//! while users join and leave.

mod churn;

use std::collections::{BTreeSet, HashMap};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use futures_util::future::try_join_all;
use serde_json::json;

use super::Size;
use crate::PATIENCE;
use crate::balancer::Balancer;
use crate::bounded::until;
use crate::cluster::{Cluster, Setup, counts};
use crate::figures::{Durations, Printer, ms};
use crate::member::{Home, Member, Page};

/// The number of clients that connect at once in the beginning.
const BATCH: usize = 50;
/// The time over which a stopping node drops its clients.
const SPREAD: Duration = Duration::from_secs(5);

/// The times at which users left, by topic and key.
type Departures = HashMap<(String, String), Instant>;

pub(super) async fn run(setup: &Setup, size: &Size, figures: &Printer) -> Result<()> {
    let spread = ("DRAIN_SPREAD_MS".to_owned(), SPREAD.as_millis().to_string());
    let mut cluster = Cluster::start(setup, 3, vec![spread]).await?;
    let balancer = Balancer::start(&cluster.addresses());
    all_ready(&cluster, &balancer).await?;
    let home = Home::Any(Arc::clone(&balancer));
    let rooms = size.clients.div_ceil(size.room);
    let mut members = Vec::new();
    let users: Vec<usize> = (0..size.clients).collect();
    for batch in users.chunks(BATCH) {
        let joining = batch.iter().map(|number| {
            let (home, room) = (home.clone(), format!("room:{}", number % rooms));
            async move { Member::join(home, &format!("user-{number}"), &room).await }
        });
        members.extend(try_join_all(joining).await?);
    }
    all_see_all(&members, &[]).await?;

    let mut churn = churn::Churn::new(home, rooms);
    let since = Instant::now();
    let restarts = async {
        let mut took = Vec::new();
        for node in &mut cluster.nodes {
            took.push(restart(node, &balancer).await?);
        }
        anyhow::Ok(took)
    };
    let took = tokio::select! {
        took = restarts => took?,
        broken = churn.run() => return Err(broken),
    };
    let all = since.elapsed();
    let churn = churn.end().await?;

    all_see_all(&members, &churn.stayed).await?;
    let truth = counts(members.iter().chain(&churn.stayed));
    let agreed = cluster.agree(&truth, Duration::from_secs(30)).await?;
    cluster.nobody_panicked()?;

    let mut report = Report::default();
    for member in members.iter().chain(&churn.stayed) {
        report.read(&member.key, &member.topic, &member.page(), &churn.left);
    }
    for (key, topic, page) in &churn.pages {
        report.read(key, topic, page, &churn.left);
    }
    figures.print(
        "rolling",
        json!({
            "clients": size.clients,
            "room": size.room,
            "came_and_went": churn.left.len(),
            "stop_ms": took.iter().map(|(stop, _)| ms(*stop)).collect::<Vec<_>>(),
            "start_ms": took.iter().map(|(_, start)| ms(*start)).collect::<Vec<_>>(),
            "all_ms": ms(all),
            "reconnects": report.away.len(),
            "away_median_ms": report.away.percentile_ms(50.0),
            "away_max_ms": report.away.percentile_ms(100.0),
            "agreed_after_that_ms": ms(agreed),
            "departures_seen": report.departures,
            "false_departures": report.wrong.len(),
        }),
    );
    let first: Vec<_> = report.wrong.iter().take(5).collect();
    ensure!(
        first.is_empty(),
        "{} times a client saw a user leave who had not left: {first:?}",
        report.wrong.len()
    );
    Ok(())
}

/// Stops a node in order and starts it again, as a deploy does. Returns the time of each.
async fn restart(
    node: &mut crate::node::NodeProcess,
    balancer: &Balancer,
) -> Result<(Duration, Duration)> {
    let since = Instant::now();
    node.stop().await?;
    let stopped = since.elapsed();
    node.restart().await?;
    let address = node.address();
    until(PATIENCE, "the balancer to see a node", async || {
        Ok(balancer.is_ready(address))
    })
    .await?;
    Ok((stopped, since.elapsed() - stopped))
}

async fn all_ready(cluster: &Cluster, balancer: &Balancer) -> Result<()> {
    let addresses: Vec<SocketAddr> = cluster.addresses();
    until(PATIENCE, "the balancer to see all nodes", async || {
        let mut ready = addresses.iter().map(|address| balancer.is_ready(*address));
        Ok(ready.all(|ready| ready))
    })
    .await
}

/// Waits until every member sees exactly the members of its room.
async fn all_see_all(members: &[Member], others: &[Member]) -> Result<()> {
    let mut rooms = HashMap::<&str, BTreeSet<&str>>::new();
    for member in members.iter().chain(others) {
        rooms.entry(&member.topic).or_default().insert(&member.key);
    }
    for member in members.iter().chain(others) {
        let keys = rooms
            .get(&*member.topic)
            .context("a member is in its room")?;
        let what = format!("all {} in its room", keys.len());
        let sees =
            |page: &Page| page.node.is_some() && page.presence.is_synced() && page.keys() == *keys;
        member.until(&what, sees).await?;
    }
    Ok(())
}

/// The history of all pages.
#[derive(Default)]
struct Report {
    away: Durations,
    departures: usize,
    /// The departures of users who had not left, as text.
    wrong: Vec<String>,
}

impl Report {
    /// Adds a page. A departure is true if the user had left by then.
    fn read(&mut self, key: &str, topic: &str, page: &Page, left: &Departures) {
        for away in &page.away {
            self.away.add(*away);
        }
        for (gone, at) in page.departures() {
            self.departures += 1;
            let truly = left.get(&(topic.to_owned(), gone.to_owned()));
            if truly.is_none_or(|left| at < *left) {
                self.wrong.push(format!("{key} at {at:?}: {gone}"));
            }
        }
    }
}
