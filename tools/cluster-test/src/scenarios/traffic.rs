//! KeyCounts what nodes send each other, with a NATS server between them.

use std::collections::VecDeque;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::json;
use tokio::time::{interval, sleep};

use crate::broker::{Broker, Carried};
use crate::cluster::{Cluster, Setup};
use crate::engine::Engine;
use crate::figures::Printer;
use crate::member::Member;

/// The time over which messages are counted: ten heartbeats.
const WATCHED: Duration = Duration::from_secs(15);
const PRESENCES: usize = 300;
const ROOMS: usize = 30;
/// The time between two moves when busy. In a move, one user joins and another leaves.
const MOVE: Duration = Duration::from_millis(20);

pub(super) async fn run(setup: &Setup, figures: &Printer) -> Result<()> {
    if setup.engine != Engine::Nats {
        bail!("only NATS counts its messages\nhint: --engine nats");
    }
    let cluster = Cluster::start(setup, 3, Vec::new()).await?;
    let broker = cluster.broker.as_ref().context("NATS runs")?;
    let mut users = VecDeque::new();
    for number in 0..PRESENCES {
        users.push_back(come(&cluster, number).await?);
    }

    let before = broker.carried().await?;
    sleep(WATCHED).await;
    let idle = since(broker, before).await?;

    let before = broker.carried().await?;
    let moves = (WATCHED.as_millis() / MOVE.as_millis()) as usize;
    let mut due = interval(MOVE);
    for number in PRESENCES..PRESENCES + moves {
        due.tick().await;
        users.push_back(come(&cluster, number).await?);
        if let Some(leaver) = users.pop_front() {
            leaver.leave().await?;
        }
    }
    let busy = since(broker, before).await?;
    cluster.nobody_panicked()?;

    let (seconds, nodes) = (WATCHED.as_secs_f64(), cluster.nodes.len() as f64);
    let rate = |count: u64| (count as f64 / seconds / nodes * 10.0).round() / 10.0;
    let more = busy.in_bytes.saturating_sub(idle.in_bytes) as f64;
    figures.print(
        "traffic",
        json!({
            "nodes": nodes,
            "presences": PRESENCES,
            "idle_messages_a_node_a_second": rate(idle.in_msgs),
            "idle_bytes_a_node_a_second": rate(idle.in_bytes),
            "busy_moves_a_second": moves as f64 / seconds,
            "busy_messages_a_node_a_second": rate(busy.in_msgs),
            "busy_bytes_a_node_a_second": rate(busy.in_bytes),
            "bytes_a_move": (more / moves as f64).round(),
        }),
    );
    Ok(())
}

async fn come(cluster: &Cluster, number: usize) -> Result<Member> {
    let home = cluster.home(number % cluster.nodes.len());
    let room = format!("room:{}", number % ROOMS);
    Member::join(home, &format!("user-{number}"), &room).await
}

async fn since(broker: &Broker, before: Carried) -> Result<Carried> {
    let now = broker.carried().await?;
    Ok(Carried {
        in_msgs: now.in_msgs - before.in_msgs,
        in_bytes: now.in_bytes - before.in_bytes,
    })
}
