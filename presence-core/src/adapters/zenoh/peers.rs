//! The list of the other nodes, and the plan of the links to them.

use std::{
    collections::BTreeSet, error::Error, fmt, future::Future, pin::Pin, sync::Arc, time::Duration,
};

use tokio::time::timeout;

use super::options::check_address;

type Answer = Result<Vec<String>, Box<dyn Error + Send + Sync>>;
type AskPeers = dyn Fn() -> Pin<Box<dyn Future<Output = Answer> + Send>> + Send + Sync;

/// The source of the list of all nodes of the cluster.
///
/// The list has all nodes, because a link that zenoh found by gossip does not come back after the
/// node that announced it is gone; a listed link does. The list is the same on all nodes, this node
/// included: of two nodes, the one later in the list (sorted as text) connects to the other. If
/// lists differ so that neither connects, the link takes half a minute longer.
#[derive(Clone)]
#[non_exhaustive]
pub enum Peers {
    /// A fixed list, as `host:port`. A host's name is looked up at each attempt to connect, so its
    /// address may change.
    List(Vec<String>),
    /// The addresses that the DNS has for this `name:port`, one for each node, as for a headless
    /// service of Kubernetes.
    Dns(String),
    /// The result of a function of yours, from [`Peers::ask`].
    Ask(Arc<AskPeers>),
}

impl Peers {
    /// Calls `ask` for all nodes as `host:port`, at the start and every
    /// [`refresh`](super::ZenohOptions::refresh). If it fails, its last result stays valid.
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

    /// Returns the present nodes. A text that is not an address is left out and logged.
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

/// The plan of a session: the nodes that this node connects to.
///
/// Of two nodes, one connects and the other waits. If both connected, zenoh would add the second
/// link to the first, and messages on their way at that moment would be lost. So a node that finds
/// itself in the list connects to the nodes before it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// All nodes.
    pub(super) listed: BTreeSet<String>,
    /// The address of this node in the list, if it can be found.
    own: Option<String>,
    /// If set, the node connects to all others. This is the last resort: lists that differ may
    /// leave two nodes waiting for each other.
    pub(super) all: bool,
}

impl Plan {
    pub(super) async fn new(listed: BTreeSet<String>, listen: &[String], all: bool) -> Self {
        // Together: each may wait for a name server.
        let listen: Arc<[String]> = listen.into();
        let asked = listed.iter().cloned().map(|address| {
            let listen = listen.clone();
            let ask = async move { is_own(&address, &listen).await.then_some(address) };
            tokio::spawn(timeout(OWN_PATIENCE, ask))
        });
        let mut own = None;
        for answer in asked.collect::<Vec<_>>() {
            if let Ok(Ok(Some(address))) = answer.await {
                own = own.or(Some(address));
            }
        }
        Self { listed, own, all }
    }

    /// Fills in the address of this node from an earlier plan, if it could not be found.
    fn or_own_of(mut self, earlier: &Self) -> Self {
        let known = earlier.own.clone();
        self.own = self.own.or(known.filter(|own| self.listed.contains(own)));
        self
    }

    /// Returns the nodes to connect to.
    pub(super) fn dial(&self) -> Vec<String> {
        let other = |address: &&String| match &self.own {
            Some(own) => *address < own || (self.all && *address != own),
            None => true,
        };
        self.listed.iter().filter(other).cloned().collect()
    }

    /// Returns all nodes but this one.
    pub(super) fn others(&self, listed: &BTreeSet<String>) -> Vec<String> {
        let other = |address: &&String| Some(*address) != self.own.as_ref();
        listed.iter().filter(other).cloned().collect()
    }

    /// Returns the number of other nodes that accept a connection now.
    async fn reachable(&self) -> usize {
        let others = self.others(&self.listed);
        let tries = others.into_iter().map(|address| {
            let connect = tokio::net::TcpStream::connect(address);
            tokio::spawn(timeout(REACH, connect))
        });
        let mut reachable = 0;
        for attempt in tries.collect::<Vec<_>>() {
            reachable += usize::from(matches!(attempt.await, Ok(Ok(Ok(_)))));
        }
        reachable
    }
}

/// The longest that the look-up of a listed name may take.
const OWN_PATIENCE: Duration = Duration::from_secs(5);
/// The longest that another node may take to accept a connection.
const REACH: Duration = Duration::from_secs(1);

/// Returns whether `address` is an address of this machine with a port that this node listens on.
/// Behind a translation of addresses, the answer is always `false`.
async fn is_own(address: &str, listen: &[String]) -> bool {
    let port = |address: &str| address.rsplit_once(':').map(|(_, port)| port.to_owned());
    if !listen.iter().any(|own| port(own) == port(address)) {
        return false;
    }
    let Ok(mut sockets) = tokio::net::lookup_host(address).await else {
        return false;
    };
    // Only an address of this machine can be bound to.
    sockets.any(|socket| std::net::TcpListener::bind((socket.ip(), 0)).is_ok())
}

/// Decides when a session must be opened again, because a session connects only to the peers that
/// it was opened with.
///
/// That is enough in most cases: a new node connects to the older ones, or they wait for it. It is
/// not enough if nodes start together before they are listed, or if their lists differ. Opening
/// again loses messages on their way. So it needs nodes that can be reached and are not linked, for
/// a while.
#[derive(Debug, Default)]
pub(super) struct Missing {
    /// The number of looks in a row at which nodes were missing.
    looks: u32,
}

/// The number of looks in a row at which nodes must be missing, if this node did not know them when
/// it opened its session.
const UNKNOWN_LOOKS: u32 = 2;
/// The same, for nodes that this node knows and waits for.
const WAITED_LOOKS: u32 = 6;

/// The result of [`Missing::look`].
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    /// Set if all nodes that can be reached are linked.
    pub(super) complete: bool,
    /// The new plan, if the session must be opened again.
    pub(super) plan: Option<Plan>,
}

impl Missing {
    /// Compares the nodes `listed` now with the `plan` of the session.
    ///
    /// A node that this one has to connect to, and did not know when it opened its session, waits
    /// for this one: the session is opened again at once. Other missing nodes connect by
    /// themselves, and get the time for it.
    pub(super) async fn look(
        &mut self,
        listed: &BTreeSet<String>,
        plan: &Plan,
        listen: &[String],
        links: usize,
    ) -> Found {
        let unknown = !listed.is_subset(&plan.listed);
        let waiting = plan.own.is_some() && !plan.all;
        let now = Plan::new(listed.clone(), listen, plan.all).await;
        let now = now.or_own_of(plan);
        let others = listed.len() - usize::from(now.own.is_some());
        let complete = links >= others || now.reachable().await <= links;
        if complete || !(unknown || waiting) {
            self.looks = 0;
            let plan = None;
            return Found { complete, plan };
        }
        self.looks += 1;
        let dials = now.dial();
        let awaited = now.own.is_some() && dials.iter().any(|node| !plan.listed.contains(node));
        let all = self.looks >= WAITED_LOOKS;
        let again = all || (unknown && self.looks == UNKNOWN_LOOKS) || awaited;
        let all = all || now.all;
        let plan = again.then_some(Plan { all, ..now });
        Found { complete, plan }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn plan(listed: &[&str], own: Option<&str>, all: bool) -> Plan {
        let own = own.map(str::to_owned);
        Plan {
            listed: set(listed),
            own,
            all,
        }
    }

    #[test]
    fn of_two_nodes_one_connects() {
        let listed = ["a:1", "b:1", "c:1"];
        assert!(plan(&listed, Some("a:1"), false).dial().is_empty());
        assert_eq!(plan(&listed, Some("c:1"), false).dial(), ["a:1", "b:1"]);
        assert_eq!(plan(&listed, Some("b:1"), true).dial(), ["a:1", "c:1"]);
        assert_eq!(plan(&listed, None, false).dial(), listed);
    }

    /// Nodes of which these can be reached, by the addresses of the listeners that are kept.
    async fn nodes(count: usize) -> (Vec<tokio::net::TcpListener>, Vec<String>) {
        let mut listeners = Vec::new();
        for _ in 0..count {
            listeners.push(tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap());
        }
        let mut addresses: Vec<_> = listeners
            .iter()
            .map(|listener| listener.local_addr().unwrap().to_string())
            .collect();
        addresses.sort();
        (listeners, addresses)
    }

    #[tokio::test]
    async fn a_node_finds_itself() {
        let (_listeners, addresses) = nodes(2).await;
        let listed: BTreeSet<_> = addresses.iter().cloned().collect();
        let anywhere = addresses[1].replace("127.0.0.1", "0.0.0.0");
        for listen in [&addresses[1], &anywhere] {
            let plan = Plan::new(listed.clone(), std::slice::from_ref(listen), false).await;
            assert_eq!(plan.own, Some(addresses[1].clone()));
            assert_eq!(plan.dial(), [addresses[0].clone()]);
        }
        let elsewhere = Plan::new(set(&["192.0.2.1:7"]), &["0.0.0.0:7".to_owned()], false).await;
        assert_eq!(elsewhere.own, None);
    }

    const WAIT: Found = Found {
        complete: false,
        plan: None,
    };
    const FINE: Found = Found {
        complete: true,
        plan: None,
    };

    /// As after a deploy: the addresses of all others are new.
    #[tokio::test]
    async fn a_node_that_waits_for_this_one_is_connected_to_at_the_first_look() {
        let (_listeners, addresses) = nodes(3).await;
        let listen = [addresses[1].clone()];
        let before = set(&["127.0.0.1:1", &addresses[1]]);
        let plan = Plan::new(before, &listen, false).await;
        let mut missing = Missing::default();
        // The later one connects by itself.
        let later: BTreeSet<_> = addresses[1..].iter().cloned().collect();
        assert_eq!(missing.look(&later, &plan, &listen, 0).await, WAIT);
        let all: BTreeSet<_> = addresses.iter().cloned().collect();
        let mut missing = Missing::default();
        let again = missing.look(&all, &plan, &listen, 0).await.plan.unwrap();
        assert_eq!(again.dial(), [addresses[0].clone()]);
    }

    #[tokio::test]
    async fn a_session_is_opened_again_for_nodes_that_stay_away_though_they_are_there() {
        let (_listeners, addresses) = nodes(2).await;
        let listen = [addresses[0].clone()];
        let listed: BTreeSet<_> = addresses.iter().cloned().collect();
        let nobody = Plan::new(BTreeSet::new(), &listen, false).await;
        let mut missing = Missing::default();
        assert_eq!(missing.look(&listed, &nobody, &listen, 0).await, WAIT);
        let again = missing.look(&listed, &nobody, &listen, 0).await;
        let again = again.plan.unwrap();
        assert_eq!((again.listed.len(), again.all), (2, false));
        // This node is the first of the list, so it waits for the other, which does not come.
        for _ in UNKNOWN_LOOKS + 1..WAITED_LOOKS {
            assert_eq!(missing.look(&listed, &again, &listen, 0).await, WAIT);
        }
        let all = missing
            .look(&listed, &again, &listen, 0)
            .await
            .plan
            .unwrap();
        assert_eq!(all.dial(), [addresses[1].clone()]);
        // There is nothing more to try.
        for _ in 0..2 * WAITED_LOOKS {
            assert_eq!(missing.look(&listed, &all, &listen, 0).await, WAIT);
        }
    }

    #[tokio::test]
    async fn a_session_stays_while_all_are_linked_or_dead() {
        let (listeners, addresses) = nodes(2).await;
        let listen = [addresses[0].clone()];
        let listed: BTreeSet<_> = addresses.iter().cloned().collect();
        let nobody = Plan::new(BTreeSet::new(), &listen, false).await;
        let mut missing = Missing::default();
        for _ in 0..2 * WAITED_LOOKS {
            assert_eq!(missing.look(&listed, &nobody, &listen, 1).await, FINE);
        }
        drop(listeners);
        for _ in 0..2 * WAITED_LOOKS {
            assert_eq!(missing.look(&listed, &nobody, &listen, 0).await, FINE);
        }
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
