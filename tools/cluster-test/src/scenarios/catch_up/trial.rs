//! One case over one link, with the cluster that all cases share.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use futures_util::future::try_join_all;
use tokio::time::{sleep, sleep_until};

use super::Case;
use super::field::Field;
use super::joiner::{Arrived, Joiner};
use super::outcome::Outcome;
use crate::cluster::{Cluster, DEFAULT_BROADCAST_PERIOD, Setup};
use crate::link::Quality;
use crate::load::{MESSAGE, Sender, Sent};
use crate::node::NodeProcess;
use crate::scenarios::RECONNECTING;
use crate::view::Replica;

/// The part of a link's bandwidth that the app's messages take. The promise is for 0.2.
const LOAD: f64 = 0.17;
/// The bytes that are reckoned for a message of the app beside its padding.
const ENVELOPE: usize = 150;
/// The bandwidth for whose load the app sends if the link has no limit, in Mbit/s.
const UNLIMITED_LOAD: u32 = 100;
/// The time after its first connection in which a node that joins has made the links to all others.
const LINKING: Duration = Duration::from_secs(2);
/// The time after the catching up in which messages of the app are still sent and counted.
const AFTERWARDS: Duration = Duration::from_secs(2);
/// The time in which the app sends and nothing else happens.
const ALONE: Duration = Duration::from_secs(2);
/// The time that messages of the app have to arrive before they count as lost.
const ARRIVING: Duration = Duration::from_secs(5);
/// The time after which a joiner is given up.
const GIVEN_UP: Duration = Duration::from_secs(90);
/// The time for which a joiner's link may be unused before its node counts as gone.
const CONNECTING: Duration = Duration::from_secs(30);

/// The cluster, and what its cases need.
pub(super) struct Trial<'a> {
    setup: &'a Setup,
    cluster: Cluster,
    field: Field,
    parted: Duration,
    /// The number of joiners so far, for their names.
    joiners: usize,
}

/// The part of a link that the app's messages take.
#[derive(Clone, Copy, Debug)]
struct Load {
    /// The bytes of the link for each message that arrives, heartbeats of nodes included.
    message_bytes: f64,
    bytes_per_second: f64,
}

/// The begin of what is measured.
struct Begin {
    at: Instant,
    bytes: u64,
    sent_bytes: u64,
    messages: u64,
    cpu: Duration,
}

impl<'a> Trial<'a> {
    pub(super) fn new(setup: &'a Setup, cluster: Cluster, field: Field, parted: Duration) -> Self {
        Self {
            setup,
            cluster,
            field,
            parted,
            joiners: 0,
        }
    }

    pub(super) fn nobody_panicked(&self) -> Result<()> {
        self.cluster.nobody_panicked()
    }

    /// Runs a case, and returns what each joiner took.
    pub(super) async fn run(&mut self, case: Case, quality: Quality) -> Result<Vec<Outcome>> {
        let sent = Sent::default();
        let senders = self.send(quality, &sent).await?;
        let wanted = self.field.settled(&self.cluster, 1).await?;
        let mut joiners = Vec::new();
        let count = if case == Case::Three { 3 } else { 1 };
        let mut logs = self.log_lengths(&[]);
        for _ in 0..count {
            self.joiners += 1;
            let name = format!("joiner-{}", self.joiners);
            let (setup, cluster) = (self.setup, &self.cluster);
            joiners.push(Joiner::start(setup, cluster, &joiners, name, quality).await?);
        }
        let mut begins = Vec::new();
        for joiner in &joiners {
            begins.push(connected(joiner).await?);
        }
        let mut minimum = self.field.bytes();
        let mut completed = complete(&mut joiners, &wanted).await?;

        if case == Case::Partition {
            let [joiner] = &joiners[..] else {
                unreachable!("one joiner is parted")
            };
            joiner.link.part(true);
            let change = self.field.churn(&self.cluster, self.parted).await?;
            minimum = change.bytes();
            let wanted = self.field.settled(&self.cluster, 1).await?;
            logs = self.log_lengths(&joiners);
            let arrived = joiner.arrived();
            begins = vec![Begin {
                at: arrived.at,
                bytes: arrived.bytes,
                sent_bytes: arrived.sent_bytes,
                messages: arrived.messages,
                cpu: arrived.cpu,
            }];
            joiner.link.part(false);
            completed = complete(&mut joiners, &wanted).await?;
        }

        let linking = match case {
            Case::Partition => RECONNECTING + DEFAULT_BROADCAST_PERIOD,
            Case::Join | Case::Three => LINKING,
        };
        // All links exist for some time before the end, so that a loss over one is seen.
        if let Some(last) = begins.iter().map(|begin| begin.at).max() {
            sleep_until((last + linking).into()).await;
        }
        sleep(AFTERWARDS).await;
        let end = Instant::now();
        let drained = drained(&joiners, &senders).await?;
        let load = self.app_alone(&joiners, &senders).await?;
        let down = self.seen_down(&joiners, &logs);
        let mut outcomes = Vec::new();
        for (number, joiner) in joiners.iter().enumerate() {
            let (begin, drained, load) = (&begins[number], drained[number], &load[number]);
            let of_app = (drained.messages - begin.messages) as f64 * load.message_bytes;
            let received = (drained.bytes - begin.bytes) as f64;
            let arrived = completed[number].unwrap_or(drained);
            let linked = joiner.watcher.linked(&sent, begin.at, senders.len());
            let app = joiner.watcher.outcome(
                &sent,
                begin.at,
                end,
                begin.at + linking,
                quality.round_trip,
            );
            outcomes.push(Outcome {
                case,
                joiner: joiner.node.name().to_owned(),
                quality,
                took: completed[number].map(|arrived| arrived.at.duration_since(begin.at)),
                linked_after: linked.map(|at| at.duration_since(begin.at)),
                relinking: match case {
                    Case::Partition => linking,
                    Case::Join | Case::Three => Duration::ZERO,
                },
                bytes: (received - of_app).max(0.0) as u64,
                message_bytes: load.message_bytes,
                cpu: arrived.cpu.saturating_sub(begin.cpu),
                minimum,
                sent_bytes: arrived.sent_bytes - begin.sent_bytes,
                load: quality
                    .bytes_per_second()
                    .map(|rate| load.bytes_per_second / rate),
                app,
                down: down.clone(),
                warnings: warnings(&joiner.node),
            });
        }
        self.end(joiners, senders).await?;
        Ok(outcomes)
    }

    /// Starts the app's load, which all nodes that are up send together.
    async fn send(&self, quality: Quality, sent: &Sent) -> Result<Vec<Sender>> {
        let mbit = quality.mbit.or(Some(UNLIMITED_LOAD));
        let rate = Quality { mbit, ..quality }.bytes_per_second();
        let bytes_per_second = rate.context("the load is limited")? * LOAD;
        let each = self.cluster.nodes.len() * (MESSAGE + ENVELOPE);
        let per_second = bytes_per_second / each as f64;
        let nodes = self.cluster.nodes.iter().enumerate();
        let starting = nodes
            .map(|(number, node)| Sender::start(node.address(), number, per_second, sent.clone()));
        try_join_all(starting).await
    }

    /// Has the app send alone, and returns what its messages take of each joiner's link. No message
    /// is on its way before and after, so the count of messages and that of bytes agree.
    async fn app_alone(&self, joiners: &[Joiner], senders: &[Sender]) -> Result<Vec<Load>> {
        let before: Vec<_> = joiners.iter().map(Joiner::arrived).collect();
        senders.iter().for_each(|sender| sender.pause(false));
        sleep(ALONE).await;
        let after = drained(joiners, senders).await?;
        let loads = before.iter().zip(after).map(|(before, after)| {
            let bytes = (after.bytes - before.bytes) as f64;
            Load {
                message_bytes: bytes / (after.messages - before.messages).max(1) as f64,
                bytes_per_second: bytes / ALONE.as_secs_f64(),
            }
        });
        Ok(loads.collect())
    }

    /// Stops the joiners, so that the next case finds no trace of them.
    async fn end(&self, joiners: Vec<Joiner>, senders: Vec<Sender>) -> Result<()> {
        drop(senders);
        for joiner in joiners {
            let Joiner {
                mut node,
                link,
                watcher,
                ..
            } = joiner;
            drop(watcher);
            node.stop().await?;
            drop(link);
        }
        self.field.settled(&self.cluster, 0).await.map(drop)
    }

    /// Returns the lengths of the logs of all nodes, these joiners included.
    fn log_lengths(&self, joiners: &[Joiner]) -> Vec<usize> {
        let nodes = self.cluster.nodes.iter();
        let all = nodes.chain(joiners.iter().map(|joiner| &joiner.node));
        all.map(|node| node.log().len()).collect()
    }

    /// Returns a text for each time since `logs` that a node took another for down.
    fn seen_down(&self, joiners: &[Joiner], logs: &[usize]) -> Vec<String> {
        let nodes = self.cluster.nodes.iter();
        let all = nodes.chain(joiners.iter().map(|joiner| &joiner.node));
        let names: Vec<_> = all.clone().map(NodeProcess::name).collect();
        let mut down = Vec::new();
        for (number, node) in all.enumerate() {
            let log = node.log();
            let since = logs.get(number).copied().unwrap_or_default();
            let lines = log.get(since..).unwrap_or_default().lines();
            for line in lines.filter(|line| line.contains("a node is down")) {
                let name = line.rsplit_once("node=").map_or("?", |(_, name)| name);
                // A joiner of an earlier case runs no longer.
                if names.contains(&name) {
                    down.push(format!("{name} by {}", node.name()));
                }
            }
        }
        down
    }
}

/// Waits for the first connection of a joiner, from which on its time counts.
async fn connected(joiner: &Joiner) -> Result<Begin> {
    let end = Instant::now() + CONNECTING;
    loop {
        if let Some(at) = joiner.link.first_connection() {
            return Ok(Begin {
                at,
                bytes: 0,
                sent_bytes: 0,
                messages: 0,
                cpu: Duration::ZERO,
            });
        }
        let name = joiner.node.name();
        ensure!(
            Instant::now() < end,
            "{name} has not used its link{}",
            joiner.node.log_tail()
        );
        sleep(Duration::from_millis(1)).await;
    }
}

/// Pauses the app, and returns what has arrived when no message is on its way any more.
async fn drained(joiners: &[Joiner], senders: &[Sender]) -> Result<Vec<Arrived>> {
    senders.iter().for_each(|sender| sender.pause(true));
    sleep(ARRIVING).await;
    ensure!(
        senders.iter().all(Sender::is_connected),
        "a sender's connection was closed"
    );
    Ok(joiners.iter().map(Joiner::arrived).collect())
}

async fn complete(joiners: &mut [Joiner], wanted: &[Replica]) -> Result<Vec<Option<Arrived>>> {
    let waiting = joiners
        .iter_mut()
        .map(|joiner| joiner.complete(wanted, GIVEN_UP));
    try_join_all(waiting).await
}

fn warnings(node: &NodeProcess) -> usize {
    let log = node.log();
    let marked = |line: &&str| line.contains(" WARN ") || line.contains(" ERROR ");
    log.lines().filter(marked).count()
}
