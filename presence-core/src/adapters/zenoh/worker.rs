//! The task of a zenoh node: it sends, subscribes, and looks for peers.

use std::{collections::HashMap, sync::Arc, time::Duration};

use bytes::Bytes;
use tokio::time::{MissedTickBehavior, interval, sleep};
use zenoh::{
    Session, Wait,
    liveliness::LivelinessToken,
    pubsub::Subscriber,
    qos::CongestionControl,
    sample::{Locality, Sample, SampleKind},
};

use super::{
    Living, OpenedZenoh, ZenohOptions, open,
    peers::{Missing, Plan},
    unlinked::Unlinked,
};
use crate::{
    adapters::engine::{EngineNode, Item, Target},
    pubsub::{Inbox, PeerHint},
};

/// The wait after a session could not be opened again, before the next attempt.
const REOPEN_WAIT: Duration = Duration::from_secs(1);

pub(super) struct ZenohWorker {
    node: Arc<EngineNode>,
    living: Arc<Living>,
    inbox: Inbox,
    options: ZenohOptions,
    session: Session,
    /// The plan that the session was opened with.
    plan: Plan,
    missing: Missing,
    unlinked: Unlinked,
    declared: Declared,
    /// The numbers of links and listed nodes at the last log line.
    logged: (usize, usize),
}

/// The declarations of this node in its session. Dropping one takes it back.
#[derive(Default)]
struct Declared {
    buckets: HashMap<u16, Subscriber<()>>,
    rest: Option<(LivelinessToken, Subscriber<()>, Subscriber<()>)>,
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
        } = ready;
        Self {
            node,
            living,
            inbox,
            options,
            session,
            plan,
            missing: Missing::default(),
            unlinked: Unlinked::default(),
            declared: Declared::default(),
            logged: (0, 1),
        }
    }

    pub(super) async fn run(mut self) {
        self.declare().await;
        let mut refresh = interval(self.options.refresh.max(Duration::from_millis(100)));
        refresh.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let node = self.node.clone();
        loop {
            tokio::select! {
                () = node.interests.changed() => self.subscribe_as_wanted().await,
                _ = refresh.tick() => self.look_for_peers().await,
                batch = node.outgoing.next() => {
                    // `None` when the node stops and all frames are sent.
                    let Some(batch) = batch else { break };
                    // A link carries both, in order.
                    if node.interests.stale() {
                        self.subscribe_as_wanted().await;
                    }
                    self.send(batch).await;
                }
            }
        }
        self.declared = Declared::default();
        self.close().await;
    }

    async fn close(&self) {
        if let Err(error) = self.session.close().await {
            tracing::debug!("zenoh did not close in order: {error}");
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

    /// Sends a batch on a blocking thread, because a put blocks while a peer is too slow.
    async fn send(&self, batch: Vec<Item>) {
        let (node, session) = (self.node.clone(), self.session.clone());
        let put_all = move || {
            for item in batch {
                put(&node, &session, item);
            }
        };
        // An error is a panic in zenoh, or the end of the runtime. The unsent frames are lost.
        if let Err(error) = tokio::task::spawn_blocking(put_all).await {
            tracing::error!("zenoh failed to send: {error}");
        }
    }

    async fn look_for_peers(&mut self) {
        let listed = match self.options.peers.now().await {
            Ok(listed) => listed,
            Err(error) => {
                tracing::warn!("cannot learn which nodes there are: {error}");
                return;
            }
        };
        let links = self.session.info().peers_zid().await.count();
        let figures = (links, listed.len());
        if figures != self.logged {
            self.logged = figures;
            tracing::info!(
                links,
                listed = listed.len(),
                "links to other nodes, and nodes in the list"
            );
        }
        let others = self.plan.others(&listed);
        self.unlinked.look(others, links, &self.options);
        let listen = &self.options.listen;
        if let Some(plan) = self.missing.look(&listed, &self.plan, listen, links).await {
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

fn put(node: &EngineNode, session: &Session, item: Item) {
    let put = session
        .put(node.subjects.of(&item.target), item.frame)
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
