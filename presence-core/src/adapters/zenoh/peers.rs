//! Who the other nodes are.

use std::{collections::BTreeSet, error::Error, fmt, future::Future, pin::Pin, sync::Arc};

use super::options::check_address;

type Answer = Result<Vec<String>, Box<dyn Error + Send + Sync>>;
type Ask = dyn Fn() -> Pin<Box<dyn Future<Output = Answer> + Send>> + Send + Sync;

/// Where a node learns of all nodes of its cluster.
///
/// All, because a link that zenoh found by hearsay does not come back once the node that told of it is gone;
/// a listed one does.
#[derive(Clone)]
#[non_exhaustive]
pub enum Peers {
    /// These, as `host:port`. A host's name is looked up at each attempt to connect, so it may get
    /// another address.
    List(Vec<String>),
    /// What the DNS says of this `name:port` now: an address for each node, as of a headless service of
    /// Kubernetes.
    Dns(String),
    /// What a function of yours says now; [`Peers::ask`] makes one.
    Ask(Arc<Ask>),
}

impl Peers {
    /// Asks `ask` for all nodes as `host:port`, at the start and every
    /// [`refresh`](super::ZenohOptions::refresh). When it fails, what it said last counts on.
    ///
    /// ```
    /// use presence_core::adapters::Peers;
    ///
    /// let peers = Peers::ask(async || {
    ///     let text = tokio::fs::read_to_string("peers.txt").await?;
    ///     Ok(text.lines().map(str::to_owned).collect())
    /// });
    /// # let _ = peers;
    /// ```
    pub fn ask<F, Fut>(ask: F) -> Self
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Answer> + Send + 'static,
    {
        Self::Ask(Arc::new(move || Box::pin(ask())))
    }

    /// The nodes as of now. What is no address is left out and logged.
    pub(super) async fn now(&self) -> Result<BTreeSet<String>, Box<dyn Error + Send + Sync>> {
        let addresses = match self {
            Self::List(list) => list.clone(),
            Self::Dns(name) => {
                let addresses = tokio::net::lookup_host(name).await?;
                addresses.map(|address| address.to_string()).collect()
            }
            Self::Ask(ask) => ask().await?,
        };
        let good = |address: &String| {
            let result = check_address(address);
            if let Err(error) = &result {
                tracing::warn!("left out of the list of nodes: {error}");
            }
            result.is_ok()
        };
        Ok(addresses.into_iter().filter(good).collect())
    }

    /// Whether it can say something else later.
    pub(super) fn change(&self) -> bool {
        !matches!(self, Self::List(_))
    }
}

impl fmt::Debug for Peers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::List(list) => f.debug_tuple("List").field(list).finish(),
            Self::Dns(name) => f.debug_tuple("Dns").field(name).finish(),
            Self::Ask(_) => f.write_str("Ask"),
        }
    }
}

/// Whether the session must be opened again, for the sake of nodes it does not know of.
///
/// A zenoh session connects to the peers it was opened with and to no others. Mostly that is enough: a node
/// that is new connects to the older ones. It is not if two start at once and neither is listed yet. So a
/// session is opened again only if there is a node that it cannot connect to and fewer links than nodes,
/// and both was so a `refresh` ago too.
#[derive(Debug, Default)]
pub(super) struct Missing {
    before: bool,
}

impl Missing {
    /// `listed` are the nodes there are, this one among them; `known` those that the session was opened with.
    pub(super) fn look(
        &mut self,
        listed: &BTreeSet<String>,
        known: &BTreeSet<String>,
        links: usize,
    ) -> bool {
        let now = links + 1 < listed.len() && !listed.is_subset(known);
        let again = now && self.before;
        self.before = now && !again;
        again
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn a_session_is_opened_again_for_a_node_that_stays_out_of_reach() {
        let (none, both) = (set(&[]), set(&["a:1", "b:1"]));
        let mut missing = Missing::default();
        assert!(!missing.look(&both, &none, 0));
        assert!(missing.look(&both, &none, 0));
        // It has been opened again; if that did not help, not at once once more.
        assert!(!missing.look(&both, &none, 0));
    }

    #[test]
    fn a_session_stays_while_all_are_linked_or_known() {
        let (own, both) = (set(&["a:1"]), set(&["a:1", "b:1"]));
        let mut missing = Missing::default();
        for _ in 0..3 {
            // The new node has connected to this one.
            assert!(!missing.look(&both, &own, 1));
            // It is dead, and zenoh keeps trying.
            assert!(!missing.look(&both, &both, 0));
        }
        // What was so once only does not count.
        assert!(!missing.look(&both, &own, 0));
        assert!(!missing.look(&both, &own, 1));
        assert!(!missing.look(&both, &own, 0));
    }

    #[tokio::test]
    async fn lists_are_read_and_bad_entries_left_out() {
        let list = Peers::List(vec![
            "b:1".to_owned(),
            "a:1".to_owned(),
            "nonsense".to_owned(),
        ]);
        assert_eq!(list.now().await.unwrap(), set(&["a:1", "b:1"]));
        let dns = Peers::Dns("127.0.0.1:7447".to_owned());
        assert_eq!(dns.now().await.unwrap(), set(&["127.0.0.1:7447"]));
        let asked = Peers::ask(async || Ok(vec!["c:1".to_owned()]));
        assert_eq!(asked.now().await.unwrap(), set(&["c:1"]));
        let failing = Peers::ask(async || Err("no list today".into()));
        assert_eq!(
            failing.now().await.unwrap_err().to_string(),
            "no list today"
        );
    }
}
