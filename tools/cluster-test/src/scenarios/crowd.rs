//! Users on each node, in one room.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::cluster::Cluster;
use crate::member::Member;

/// The room of all users.
pub(super) const ROOM: &str = "room:lobby";

/// The users of each node.
pub(super) struct Crowd {
    pub(super) of_node: Vec<Vec<Member>>,
}

impl Crowd {
    /// Joins `on_each` users on each node, and waits until all users see each other.
    pub(super) async fn gather(cluster: &Cluster, on_each: usize) -> Result<Self> {
        let mut of_node = Vec::new();
        for (number, node) in cluster.nodes.iter().enumerate() {
            let mut members = Vec::new();
            for user in 0..on_each {
                let key = format!("{}{user}", node.name());
                members.push(Member::join(cluster.home(number), &key, ROOM).await?);
            }
            of_node.push(members);
        }
        let crowd = Self { of_node };
        crowd.all_see_all().await?;
        Ok(crowd)
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Member> {
        self.of_node.iter().flatten()
    }

    pub(super) fn keys(&self) -> BTreeSet<String> {
        self.all().map(|member| member.key.clone()).collect()
    }

    /// Waits until every user sees exactly the users of the crowd. Returns the time that it took.
    pub(super) async fn all_see_all(&self) -> Result<Duration> {
        let keys = self.keys();
        let since = Instant::now();
        for member in self.all() {
            see(member, &keys).await?;
        }
        Ok(since.elapsed())
    }

    /// Waits until the users of `node` see exactly these keys. Returns the time that it took.
    pub(super) async fn on_node_see(
        &self,
        node: usize,
        keys: &BTreeSet<String>,
    ) -> Result<Duration> {
        let since = Instant::now();
        for member in &self.of_node[node] {
            see(member, keys).await?;
        }
        Ok(since.elapsed())
    }

    /// Returns the keys of the users on these nodes.
    pub(super) fn keys_on(&self, nodes: &[usize]) -> BTreeSet<String> {
        let members = nodes.iter().flat_map(|node| &self.of_node[*node]);
        members.map(|member| member.key.clone()).collect()
    }
}

async fn see(member: &Member, keys: &BTreeSet<String>) -> Result<()> {
    let what = format!("those {} it should see", keys.len());
    member
        .until(&what, |page| {
            page.presence.is_synced() && page.presence.shown().keys().eq(keys)
        })
        .await
}
