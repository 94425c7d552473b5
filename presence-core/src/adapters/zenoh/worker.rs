//! The task of a zenoh node: it sends, subscribes, and looks for peers.

use std::{collections::HashMap, sync::Arc, time::Duration};

use bytes::Bytes;
use tokio::{
    task::{JoinError, JoinSet},
    time::{MissedTickBehavior, interval, sleep, timeout},
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
    adapters::engine::{Batch, EngineNode, Item, Target},
    pubsub::{EngineState, Inbox, PeerHint, TrafficClass},
};

/// The wait after a session could not be opened again, before the next attempt.
const REOPEN_WAIT: Duration = Duration::from_secs(1);
/// The longest that a session may take to close.
const CLOSE_PATIENCE: Duration = Duration::from_secs(2);

pub(super) struct ZenohWorker {
    node: Arc<EngineNode>,
    living: Arc<Living>,
    inbox: Inbox,
    options: ZenohOptions,
    session: Session,
    /// The plan that the session was opened with.
    plan: Plan,
    /// The search for peers, while it does not run.
    lookout: Option<Lookout>,
    /// The search for peers, while it runs: at most one task.
    looks: JoinSet<Sighting>,
    unlinked: Unlinked,
    declared: Declared,
    /// The numbers of links and listed nodes at the last log line.
    logged: (usize, usize),
    lanes: Lanes,
}

/// The declarations of this node in its session. Dropping one takes it back.
#[derive(Default)]
struct Declared {
    buckets: HashMap<u16, Subscriber<()>>,
    rest: Option<(LivelinessToken, Subscriber<()>, Subscriber<()>)>,
}

/// The senders: at most one task for each class, so that no class waits for another one's slow
/// peer.
#[derive(Default)]
struct Lanes {
    control: JoinSet<()>,
    live: JoinSet<()>,
    bulk: JoinSet<()>,
}

impl Lanes {
    /// Waits until the sender of a class has sent all that it had.
    ///
    /// This method is cancel safe.
    async fn next_sent(&mut self) -> Result<(), JoinError> {
        tokio::select! {
            Some(sent) = self.control.join_next() => sent,
            Some(sent) = self.live.join_next() => sent,
            Some(sent) = self.bulk.join_next() => sent,
            else => std::future::pending().await,
        }
    }

    /// Waits until all senders have ended.
    async fn finish(&mut self) {
        for lane in [&mut self.control, &mut self.live, &mut self.bulk] {
            while lane.join_next().await.is_some() {}
        }
    }
}

impl ZenohWorker {
    pub(super) fn new(
        node: Arc<EngineNode>,
        living: Arc<Living>,
        inbox: Inbox,
        ready: OpenedZenoh,
    ) -> Self {
        let OpenedZenoh {
            options,
            session,
            plan,
            lookout,
        } = ready;
        Self {
            node,
            living,
            inbox,
            options,
            session,
            plan,
            lookout: Some(lookout),
            looks: JoinSet::new(),
            unlinked: Unlinked::default(),
            declared: Declared::default(),
            logged: (0, 1),
            lanes: Lanes::default(),
        }
    }

    pub(super) async fn run(mut self) {
        self.inbox.engine_is(EngineState::Connecting);
        self.declare().await;
        let mut refresh = interval(self.options.refresh.max(Duration::from_millis(100)));
        refresh.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let node = self.node.clone();
        loop {
            let Lanes {
                control,
                live,
                bulk,
            } = &self.lanes;
            let (control, live, bulk) = (control.is_empty(), live.is_empty(), bulk.is_empty());
            let takes = |class| match class {
                TrafficClass::Control => control,
                TrafficClass::Live => live,
                TrafficClass::Bulk => bulk,
            };
            tokio::select! {
                () = node.interests.changed() => self.subscribe_as_wanted().await,
                sent = self.lanes.next_sent() => {
                    // A panic in zenoh, or the end of the runtime. The unsent frames are lost.
                    if let Err(error) = sent {
                        tracing::error!("zenoh failed to send: {error}");
                    }
                }
                _ = refresh.tick() => self.look_for_peers(),
                Some(seen) = self.looks.join_next() => self.found_peers(seen).await,
                batch = node.outgoing.next(takes) => {
                    // `None` when the node stops and all frames are taken.
                    let Some(Batch { control, live, bulk }) = batch else { break };
                    self.send(TrafficClass::Control, control);
                    // A link carries both, and a declaration is more urgent than a message.
                    if node.interests.stale() {
                        self.subscribe_as_wanted().await;
                    }
                    self.send(TrafficClass::Live, live);
                    self.send(TrafficClass::Bulk, bulk);
                }
            }
        }
        self.lanes.finish().await;
        self.declared = Declared::default();
        self.close().await;
    }

    async fn close(&self) {
        match timeout(CLOSE_PATIENCE, async { self.session.close().await }).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::debug!("zenoh did not close in order: {error}"),
            Err(_) => tracing::debug!("zenoh did not close in time"),
        }
    }

    /// Shows this node to the others, and subscribes to its direct messages and to the live nodes.
    async fn declare(&mut self) {
        match self.try_declare().await {
            Ok(declared) => self.declared.rest = Some(declared),
            Err(error) => tracing::error!("zenoh does not take a declaration: {error}"),
        }
        self.subscribe_as_wanted().await;
    }

    async fn try_declare(
        &self,
    ) -> zenoh::Result<(LivelinessToken, Subscriber<()>, Subscriber<()>)> {
        let session = &self.session;
        let subjects = &self.node.subjects;
        let own = Target::Node(self.node.name().into());
        let direct = self.subscribe(&own).await?;
        let (node, living, inbox) = (self.node.clone(), self.living.clone(), self.inbox.clone());
        let others = session
            .liveliness()
            .declare_subscriber(subjects.all_alive())
            .history(true)
            .callback(move |sample| notice(&sample, &node, &living, &inbox))
            .await?;
        // Last: a node that sees this one may send at once.
        let alive = subjects.alive(self.node.name(), self.node.start());
        let token = session.liveliness().declare_token(alive).await?;
        Ok((token, direct, others))
    }

    async fn subscribe_as_wanted(&mut self) {
        let wanted = self.node.interests.wanted();
        self.declared
            .buckets
            .retain(|bucket, _| wanted.contains(bucket));
        for bucket in wanted {
            if self.declared.buckets.contains_key(&bucket) {
                continue;
            }
            match self.subscribe(&Target::Bucket(bucket)).await {
                Ok(subscriber) => {
                    self.declared.buckets.insert(bucket, subscriber);
                }
                Err(error) => tracing::error!("zenoh does not take a subscription: {error}"),
            }
            // Each declaration takes up to a millisecond without an await, and there may be a
            // thousand.
            tokio::task::yield_now().await;
        }
    }

    async fn subscribe(&self, target: &Target) -> zenoh::Result<Subscriber<()>> {
        let (node, inbox) = (self.node.clone(), self.inbox.clone());
        self.session
            .declare_subscriber(self.node.subjects.of(target))
            .allowed_origin(Locality::Remote)
            .callback(move |sample| {
                let frame = Bytes::copy_from_slice(&sample.payload().to_bytes());
                node.receive(&frame, &inbox);
            })
            .await
    }

    /// Sends frames of a class on a blocking thread of that class, because a put blocks while a
    /// peer is too slow.
    fn send(&mut self, class: TrafficClass, items: Vec<Item>) {
        if items.is_empty() {
            return;
        }
        let lane = match class {
            TrafficClass::Control => &mut self.lanes.control,
            TrafficClass::Live => &mut self.lanes.live,
            TrafficClass::Bulk => &mut self.lanes.bulk,
        };
        let (node, session) = (self.node.clone(), self.session.clone());
        lane.spawn_blocking(move || {
            for item in items {
                put(&node, &session, class, item);
            }
        });
    }

    /// Starts a look for peers, unless one is under way.
    fn look_for_peers(&mut self) {
        if let Some(lookout) = self.lookout.take() {
            let (options, session) = (self.options.clone(), self.session.clone());
            let look = lookout.look(options, session, self.plan.clone());
            self.looks.spawn(look);
        }
    }

    /// Handles the end of a look for peers.
    async fn found_peers(&mut self, seen: Result<Sighting, JoinError>) {
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
                tracing::error!("the look for other nodes failed: {error}");
                self.lookout = Some(Lookout::default());
                return;
            }
        };
        self.lookout = Some(lookout);
        if (links, listed) != self.logged {
            self.logged = (links, listed);
            tracing::info!(links, listed, "links to other nodes, and nodes in the list");
        }
        // Once: a node that has found its cluster is of use while another one starts, or dies.
        if complete {
            self.inbox.engine_is(EngineState::Connected);
        }
        self.unlinked.look(others, links, &self.options);
        if let Some(plan) = plan {
            tracing::info!(
                "nodes that are there are not linked; starting over with all that are listed now"
            );
            self.plan = plan;
            self.reopen().await;
        }
    }

    /// Closes the session and opens one for the present peers. Messages sent meanwhile are lost.
    async fn reopen(&mut self) {
        self.declared = Declared::default();
        self.close().await;
        self.living.clear();
        loop {
            match open(&self.options, &self.plan).await {
                Ok(session) => break self.session = session,
                Err(error) => tracing::error!("{error}; trying again"),
            }
            sleep(REOPEN_WAIT).await;
        }
        self.declare().await;
    }
}

/// Handles a sample by which a start of a node shows that it is alive, or no longer is.
fn notice(sample: &Sample, node: &EngineNode, living: &Living, inbox: &Inbox) {
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
