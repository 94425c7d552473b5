//! The connection to a cluster over zenoh: it declares what this node wants, sends, and looks for
//! peers.

use std::{collections::BTreeSet, future::Future, sync::Arc, time::Duration};

use bytes::Bytes;
use tokio::{
    task::{JoinError, JoinSet, spawn_blocking},
    time::{Interval, MissedTickBehavior, interval, sleep, timeout},
};
use zenoh::{
    Session, Wait,
    liveliness::LivelinessToken,
    pubsub::Subscriber,
    qos::{CongestionControl, Priority},
    sample::{Locality, Sample, SampleKind},
};

use super::{
    Living, OpenedZenoh, ZenohOptions,
    lookout::{Lookout, Sighting},
    open,
    peers::Plan,
    unlinked::Unlinked,
};
use crate::{
    adapters::engine::{Connection, EngineNode, Item, NodeInbox, Outlet, Target},
    pubsub::{EngineState, PeerHint, TrafficClass},
};

/// The wait after a session could not be opened again, before the next attempt.
const REOPEN_WAIT: Duration = Duration::from_secs(1);
/// The longest that a stop waits for its session to close.
const CLOSE_PATIENCE: Duration = Duration::from_secs(2);
/// The longest that a session which is opened again waits for the earlier one to close. The others
/// see this node gone meanwhile.
const REOPEN_PATIENCE: Duration = Duration::from_millis(500);

/// A zenoh session, and the search for the peers that it should link to.
pub struct ZenohConnection {
    node: NodeInbox,
    living: Arc<Living>,
    options: ZenohOptions,
    session: Session,
    /// The plan that the session was opened with.
    plan: Plan,
    refresh: Interval,
    /// The search for peers, while it does not run.
    lookout: Option<Lookout>,
    /// The list with which the last search began. It outlives a search that panics.
    listed: BTreeSet<String>,
    /// The search for peers, while it runs: at most one task.
    looks: JoinSet<Sighting>,
    unlinked: Unlinked,
    /// The declarations of this node beside its buckets. Dropping them takes them back.
    declared: Option<Declared>,
    /// The numbers of links and listed nodes at the last log line.
    logged: (usize, usize),
    /// Set once this node has found its cluster.
    has_found: bool,
}

/// The token that shows this node to the others, and the subscriptions to its direct messages and
/// to the live nodes.
type Declared = (LivelinessToken, Subscriber<()>, Subscriber<()>);

impl ZenohConnection {
    pub(super) fn new(opened: OpenedZenoh, node: NodeInbox) -> Self {
        let OpenedZenoh {
            options,
            session,
            plan,
            lookout,
            living,
        } = opened;
        let mut refresh = interval(options.refresh);
        refresh.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let connection = Self {
            node,
            living,
            options,
            session,
            plan,
            refresh,
            lookout: Some(lookout),
            listed: BTreeSet::new(),
            looks: JoinSet::new(),
            unlinked: Unlinked::default(),
            declared: None,
            logged: (0, 1),
            has_found: false,
        };
        connection.can_receive();
        connection
    }

    async fn declare(&self) -> zenoh::Result<Declared> {
        let node = &self.node.node;
        let own = Target::Node(node.name().into());
        let direct = self.subscriber(&own).await?;
        let (here, living) = (self.node.clone(), Arc::clone(&self.living));
        let others = self
            .session
            .liveliness()
            .declare_subscriber(node.subjects.all_alive())
            .history(true)
            .callback(move |sample| notice(&sample, &here, &living))
            .await?;
        // Last: a node that sees this one may send at once.
        let alive = node.subjects.alive(node.name(), node.start());
        let token = self.session.liveliness().declare_token(alive).await?;
        Ok((token, direct, others))
    }

    async fn subscriber(&self, target: &Target) -> zenoh::Result<Subscriber<()>> {
        let node = self.node.clone();
        self.session
            .declare_subscriber(self.node.node.subjects.of(target))
            .allowed_origin(Locality::Remote)
            .callback(move |sample| {
                let frame = Bytes::copy_from_slice(&sample.payload().to_bytes());
                node.receive(&frame);
            })
            .await
    }

    /// Closes the session, in a task of its own: zenoh never ends a close that is dropped, and its
    /// listener would keep the address.
    async fn close_session(&self, patience: Duration) {
        let session = self.session.clone();
        let closing = tokio::spawn(async move {
            if let Err(error) = session.close().await {
                tracing::debug!("zenoh did not close in order: {error}");
            }
        });
        if timeout(patience, closing).await.is_err() {
            tracing::debug!("zenoh did not close in time");
        }
    }

    /// Reports that messages can arrive.
    fn can_receive(&self) {
        self.node.inbox.engine_is(match self.has_found {
            true => EngineState::Connected,
            false => EngineState::Connecting,
        });
    }

    /// Starts a look for peers, unless one is under way.
    fn look_for_peers(&mut self) {
        if let Some(lookout) = self.lookout.take() {
            self.listed.clone_from(lookout.listed());
            let (options, session) = (self.options.clone(), self.session.clone());
            let look = lookout.look(options, session, self.plan.clone());
            self.looks.spawn(look);
        }
    }

    /// Handles the end of a look for peers. Returns the plan of a new session, if one is needed.
    fn found_peers(&mut self, seen: Result<Sighting, JoinError>) -> Option<Plan> {
        let Sighting {
            lookout,
            listed,
            links,
            others,
            complete,
            plan,
        } = match seen {
            Ok(seen) => seen,
            Err(error) => {
                // A panic, as of the app's function in `Peers::ask`.
                tracing::error!("the look for other nodes failed: {error}");
                self.lookout = Some(Lookout::with(std::mem::take(&mut self.listed)));
                return None;
            }
        };
        self.lookout = Some(lookout);
        if (links, listed) != self.logged {
            self.logged = (links, listed);
            tracing::info!(links, listed, "links to other nodes, and nodes in the list");
        }
        // Once: a node that has found its cluster is of use while another one starts, or dies.
        if complete {
            self.has_found = true;
            self.can_receive();
        }
        self.unlinked.look(others, links, &self.options);
        plan
    }
}

impl Connection for ZenohConnection {
    type Outlet = ZenohOutlet;
    type Subscription = Subscriber<()>;
    /// The plan of the session that follows.
    type Lost = Plan;

    fn outlet(&self) -> ZenohOutlet {
        ZenohOutlet {
            node: Arc::clone(&self.node.node),
            session: self.session.clone(),
        }
    }

    async fn begin(&mut self) -> Result<(), Plan> {
        match self.declare().await {
            Ok(declared) => self.declared = Some(declared),
            Err(error) => tracing::error!("zenoh does not take a declaration: {error}"),
        }
        Ok(())
    }

    async fn subscribe(&mut self, buckets: Vec<u16>) -> Result<Vec<(u16, Subscriber<()>)>, Plan> {
        let mut subscribers = Vec::with_capacity(buckets.len());
        for bucket in buckets {
            match self.subscriber(&Target::Bucket(bucket)).await {
                Ok(subscriber) => subscribers.push((bucket, subscriber)),
                Err(error) => tracing::error!("zenoh does not take a subscription: {error}"),
            }
            // Each declaration takes up to a millisecond without an await, and there may be a
            // thousand.
            tokio::task::yield_now().await;
        }
        Ok(subscribers)
    }

    fn began(&mut self) {
        self.can_receive();
    }

    async fn lost(&mut self) -> Plan {
        loop {
            let plan = tokio::select! {
                _ = self.refresh.tick() => {
                    self.look_for_peers();
                    None
                }
                Some(seen) = self.looks.join_next() => self.found_peers(seen),
            };
            if let Some(plan) = plan {
                return plan;
            }
        }
    }

    /// Closes the session and opens one for the present peers. Messages sent meanwhile are lost.
    ///
    /// No message arrives until then, for which no other node is the cause: without the report,
    /// this node would take all others for down if its session cannot be opened for long. That is
    /// so before this node has found all of its cluster, too, because some nodes may be linked.
    async fn recover(&mut self, plan: Plan) {
        tracing::info!(
            "nodes that are there are not linked; starting over with all that are listed now"
        );
        self.node.inbox.engine_is(EngineState::Disconnected);
        self.plan = plan;
        self.declared = None;
        self.close_session(REOPEN_PATIENCE).await;
        self.living.clear();
        loop {
            match open(&self.options, &self.plan).await {
                Ok(session) => break self.session = session,
                Err(error) => tracing::error!("{error}; trying again"),
            }
            sleep(REOPEN_WAIT).await;
        }
    }

    async fn close(&mut self) {
        self.declared = None;
        self.close_session(CLOSE_PATIENCE).await;
    }
}

/// The session of a connection, for sending.
pub struct ZenohOutlet {
    node: Arc<EngineNode>,
    session: Session,
}

impl Outlet for ZenohOutlet {
    type Lost = Plan;

    /// Sends on a blocking thread, because a put blocks while a peer is too slow.
    fn send(
        &self,
        class: TrafficClass,
        frames: Vec<Item>,
    ) -> impl Future<Output = Result<(), Plan>> + Send + 'static {
        let (node, session) = (Arc::clone(&self.node), self.session.clone());
        let putting = spawn_blocking(move || {
            for item in frames {
                put(&node, &session, class, item);
            }
        });
        async move {
            // A panic in zenoh, or the end of the runtime. The unsent frames are lost.
            if let Err(error) = putting.await {
                tracing::error!("zenoh failed to send: {error}");
            }
            Ok(())
        }
    }
}

/// Handles a sample by which a start of a node shows that it is alive, or no longer is.
fn notice(sample: &Sample, NodeInbox { node, inbox }: &NodeInbox, living: &Living) {
    let Some((name, start)) = node.subjects.read_alive(sample.key_expr().as_str()) else {
        return;
    };
    if name == node.name() {
        if start != node.start() && sample.kind() == SampleKind::Put {
            tracing::warn!(
                "another node named {name:?} is there, or one that died is not forgotten yet"
            );
        }
        return;
    }
    let hint = match sample.kind() {
        SampleKind::Put if living.came(&name, start) => PeerHint::Seen(name.into()),
        SampleKind::Delete if living.went(&name, start) => PeerHint::Gone(name.into()),
        _ => return,
    };
    tracing::debug!(?hint, "zenoh");
    inbox.hint(hint);
}

fn put(node: &EngineNode, session: &Session, class: TrafficClass, item: Item) {
    // A link has a queue for each priority, and sends the more urgent one first. `Data` is zenoh's
    // default, which nodes of earlier versions use for all.
    let priority = match class {
        TrafficClass::Control => Priority::InteractiveHigh,
        TrafficClass::Live => Priority::Data,
        TrafficClass::Bulk => Priority::Background,
    };
    let put = session
        .put(node.subjects.of(&item.target), item.frame)
        .priority(priority)
        .congestion_control(CongestionControl::Drop)
        .allowed_destination(Locality::Remote);
    match put.wait() {
        Ok(()) => node.stats.count_sent(1),
        Err(error) => {
            node.stats.count_dropped();
            tracing::debug!("zenoh does not take a message: {error}");
        }
    }
}
