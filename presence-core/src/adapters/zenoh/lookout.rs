//! The search for peers, which waits for name servers and for other machines. It runs in a task of
//! its own, so that no message of this node waits for it.

use std::{collections::BTreeSet, time::Duration};

use tokio::time::timeout;
use zenoh::Session;

use super::{
    ZenohOptions,
    peers::{Missing, Plan},
};

/// The longest that the list of peers may take. A resolver may take 20 s until it has tried all its
/// servers, and its answer is still of use.
const LIST_PATIENCE: Duration = Duration::from_secs(30);
/// The same, at the start: the node then begins without a list.
const FIRST_PATIENCE: Duration = Duration::from_secs(5);

/// The state from one look to the next.
#[derive(Debug)]
pub(super) struct Lookout {
    /// The last list, which stays valid while there is no newer one.
    listed: BTreeSet<String>,
    missing: Missing,
}

/// The result of a look.
pub(super) struct Sighting {
    pub(super) lookout: Lookout,
    /// The number of nodes in the list.
    pub(super) listed: usize,
    /// The number of links to other nodes.
    pub(super) links: usize,
    /// All listed nodes but this one.
    pub(super) others: Vec<String>,
    /// Set if all nodes that can be reached are linked.
    pub(super) complete: bool,
    /// The plan of a new session, if one is needed.
    pub(super) plan: Option<Plan>,
}

impl Lookout {
    /// Returns the list of the start, and the lookout that goes on from there. The list is empty if
    /// it does not come in time.
    pub(super) async fn start(options: &ZenohOptions) -> Self {
        let listed = list(options, FIRST_PATIENCE).await.unwrap_or_else(|error| {
            tracing::warn!("cannot learn of the other nodes yet: {error}");
            BTreeSet::new()
        });
        Self::with(listed)
    }

    /// Returns a lookout that goes on from this list.
    pub(super) fn with(listed: BTreeSet<String>) -> Self {
        let missing = Missing::default();
        Self { listed, missing }
    }

    pub(super) fn listed(&self) -> &BTreeSet<String> {
        &self.listed
    }

    /// Reads the list, and compares it with the links of `session`, which was opened with `plan`.
    pub(super) async fn look(
        mut self,
        options: ZenohOptions,
        session: Session,
        plan: Plan,
    ) -> Sighting {
        match list(&options, LIST_PATIENCE).await {
            Ok(listed) => self.listed = listed,
            Err(error) => {
                tracing::warn!("cannot learn which nodes there are; the last list stays: {error}");
            }
        }
        let links = session.info().peers_zid().await.count();
        let found = self
            .missing
            .look(&self.listed, &plan, &options.listen, links)
            .await;
        Sighting {
            listed: self.listed.len(),
            links,
            others: plan.others(&self.listed),
            complete: found.complete,
            plan: found.plan,
            lookout: self,
        }
    }
}

async fn list(options: &ZenohOptions, patience: Duration) -> Result<BTreeSet<String>, String> {
    match timeout(patience, options.peers.now()).await {
        Ok(Ok(listed)) => Ok(listed),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err(format!("no answer within {} s", patience.as_secs())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapters::Peers;

    fn slow(seconds: u64) -> ZenohOptions {
        let peers = Peers::ask(move || async move {
            tokio::time::sleep(Duration::from_secs(seconds)).await;
            Ok(vec!["a:1".to_owned()])
        });
        ZenohOptions::new("b", "127.0.0.1:0", peers)
    }

    #[tokio::test(start_paused = true)]
    async fn a_start_does_not_wait_long_for_a_list_and_a_look_waits_longer() {
        let begun = tokio::time::Instant::now();
        assert!(Lookout::start(&slow(20)).await.listed().is_empty());
        assert_eq!(begun.elapsed(), FIRST_PATIENCE);
        assert_eq!(list(&slow(20), LIST_PATIENCE).await.unwrap().len(), 1);
        let never = list(&slow(3600), LIST_PATIENCE).await.unwrap_err();
        assert_eq!(never, "no answer within 30 s");
    }
}
