//! The presences of the nodes that are up.

use std::collections::VecDeque;
use std::time::Duration;

use anyhow::{Result, ensure};
use futures_util::future::try_join_all;
use tokio::time::{Instant, sleep_until};

use crate::bounded::until;
use crate::cluster::Cluster;
use crate::holder::{Holder, ROOMS_MAX};
use crate::view::Replica;

/// The users of one node in each room.
const MATES: usize = 5;
/// The connections that join at once.
const BATCH: usize = 8;
/// The longest time until all nodes hold what was tracked last.
const SETTLING: Duration = Duration::from_secs(120);

/// The connections that hold the presences, of each node the oldest first.
pub(super) struct Field {
    of_node: Vec<VecDeque<Holder>>,
    presences: usize,
    /// The number of the next connection.
    next: usize,
}

/// The changes that a node lacks after it was away.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Change {
    /// The bytes of the rows of the presences that are new.
    pub(super) came: u64,
    /// The number of presences that are gone.
    pub(super) went: u64,
}

/// The bytes that name a removed tag. Tags are written as differences, so most take one byte.
const GONE: u64 = 1;

impl Change {
    /// Returns the bytes of all that is lacking.
    pub(super) fn bytes(&self) -> u64 {
        self.came + self.went * GONE
    }
}

impl Field {
    /// Tracks `presences` on each node.
    pub(super) async fn fill(cluster: &Cluster, presences: usize) -> Result<Self> {
        let mut field = Self {
            of_node: cluster.nodes.iter().map(|_| VecDeque::new()).collect(),
            presences,
            next: 0,
        };
        let connections: Vec<_> = (0..presences).step_by(ROOMS_MAX).collect();
        for node in 0..cluster.nodes.len() {
            for batch in connections.chunks(BATCH) {
                let joining = batch.iter().map(|first| field.join(cluster, node, *first));
                let joined = try_join_all(joining.collect::<Vec<_>>()).await?;
                field.of_node[node].extend(joined);
            }
        }
        Ok(field)
    }

    /// Opens a connection for the presences from the number `first` on.
    fn join(
        &mut self,
        cluster: &Cluster,
        node: usize,
        first: usize,
    ) -> impl Future<Output = Result<Holder>> + use<> {
        let node = &cluster.nodes[node];
        let key = format!("user-{}{}", node.name(), self.next);
        self.next += 1;
        let count = ROOMS_MAX.min(self.presences - first);
        let group = first / ROOMS_MAX / MATES * ROOMS_MAX;
        let rooms = (group..group + count).map(|room| format!("room:{room}"));
        Holder::join(node.address(), key, rooms.collect())
    }

    /// Replaces a quarter of the connections of each node, spread over `time`.
    pub(super) async fn churn(&mut self, cluster: &Cluster, time: Duration) -> Result<Change> {
        let of_node = self.presences.div_ceil(ROOMS_MAX).div_ceil(4);
        let nodes = cluster.nodes.len();
        let (begin, step) = (Instant::now(), time / (of_node * nodes) as u32);
        let mut change = Change::default();
        for number in 0..of_node * nodes {
            sleep_until(begin + step * number as u32).await;
            let node = number % nodes;
            let Some(old) = self.of_node[node].pop_front() else {
                continue;
            };
            let rooms = old.rooms.clone();
            change.went += rooms.len() as u64;
            drop(old);
            let key = format!("user-{}{}", cluster.nodes[node].name(), self.next);
            self.next += 1;
            let new = Holder::join(cluster.nodes[node].address(), key, rooms).await?;
            change.came += row_bytes(&new);
            self.of_node[node].push_back(new);
        }
        sleep_until(begin + time).await;
        Ok(change)
    }

    /// Returns the bytes of the rows of all presences.
    pub(super) fn bytes(&self) -> u64 {
        self.of_node.iter().flatten().map(row_bytes).sum()
    }

    /// Waits until each node holds its presences and `more` others, and until all nodes agree.
    /// Returns what each of them holds itself.
    pub(super) async fn settled(&self, cluster: &Cluster, more: usize) -> Result<Vec<Replica>> {
        let mut held = Vec::new();
        until(SETTLING, "the nodes to hold all presences", async || {
            let mut views = Vec::new();
            for node in &cluster.nodes {
                views.push(node.view().await?);
            }
            held = views
                .iter()
                .filter_map(|view| view.own().cloned())
                .collect();
            let tracked = held.len() == views.len()
                && held.iter().zip(&self.of_node).all(|(own, holders)| {
                    let rooms: usize = holders.iter().map(|holder| holder.rooms.len()).sum();
                    own.presences == rooms + more
                });
            let shown = |own| views.iter().all(|view| view.shows(own));
            Ok(tracked && held.iter().all(shown))
        })
        .await?;
        ensure!(
            held.len() == cluster.nodes.len(),
            "a node does not show itself"
        );
        Ok(held)
    }
}

/// Returns the bytes of a connection's presences, each encoded alone as nodes encode it: one byte
/// for the clock's difference, the topic behind a byte for its presence and one for its length, and
/// the key and the meta behind their lengths. Headers of messages and of parts are not included.
fn row_bytes(holder: &Holder) -> u64 {
    let rows = holder.rooms.iter().map(|room| {
        1 + (2 + room.len()) + text_bytes(holder.key.len()) + text_bytes(holder.meta_bytes)
    });
    rows.sum::<usize>() as u64
}

/// Returns the bytes of a text of this length, behind its length.
fn text_bytes(length: usize) -> usize {
    length + if length < 128 { 1 } else { 2 }
}
