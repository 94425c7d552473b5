//! A user joins on one node. The time until clients on the two others see it is measured.

use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::json;

use crate::cluster::{Cluster, Setup, counts};
use crate::figures::{Durations, Printer};
use crate::member::Member;

/// The number of rooms that take turns. A room's diffs are at least 50 ms apart, so each join needs
/// a quiet room.
const ROOMS: usize = 30;

pub(super) async fn run(setup: &Setup, joins: usize, figures: &Printer) -> Result<()> {
    let cluster = Cluster::start(setup, 3, Vec::new()).await?;
    let mut watchers = Vec::new();
    for number in 0..ROOMS {
        let room = room(number);
        for node in [1, 2] {
            let key = format!("watcher-{node}");
            watchers.push(Member::join(cluster.home(node), &key, &room).await?);
        }
    }
    let mut users = Vec::new();
    let mut took = Durations::default();
    for number in 0..joins {
        let (key, room) = (format!("user-{number}"), room(number % ROOMS));
        let user = Member::join(cluster.home(0), &key, &room).await?;
        let asked = user.page().asked.context("it has asked to join")?;
        for watcher in watchers.iter().filter(|watcher| watcher.topic == room) {
            let what = format!("{key}, who has joined on another node");
            watcher
                .until(&what, |page| page.first_saw(&key).is_some())
                .await?;
            let seen = watcher.page().first_saw(&key).context("it was seen")?;
            took.add(seen.saturating_duration_since(asked));
        }
        users.push(user);
    }
    let truth = counts(users.iter().chain(&watchers));
    cluster.agree(&truth, Duration::from_secs(10)).await?;
    cluster.nobody_panicked()?;
    figures.print(
        "latency",
        json!({
            "joins": joins,
            "median_ms": took.percentile_ms(50.0),
            "p99_ms": took.percentile_ms(99.0),
            "max_ms": took.percentile_ms(100.0),
        }),
    );
    Ok(())
}

fn room(number: usize) -> String {
    format!("room:{number}")
}
