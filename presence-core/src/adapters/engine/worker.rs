//! The task of a node, which is the same for all engines: it subscribes, sends, and recovers.

use std::{
    collections::{BTreeMap, BTreeSet},
    pin::pin,
    sync::Arc,
    time::Duration,
};

use tokio::time::sleep;

use super::{
    Batch, EngineNode, Item,
    lanes::Lanes,
    networked::{Connection, Outlet},
};
use crate::pubsub::TrafficClass;

/// The time between two looks at an engine that is away.
const AWAY_POLL: Duration = Duration::from_millis(50);

/// The task of a node. It ends when the queue is closed, and all frames in it are sent.
pub(super) struct Worker<C: Connection> {
    node: Arc<EngineNode>,
    connection: C,
    subscriptions: BTreeMap<u16, C::Subscription>,
    lanes: Lanes<C>,
}

impl<C: Connection> Worker<C> {
    pub(super) fn new(node: Arc<EngineNode>, connection: C) -> Self {
        Self {
            node,
            connection,
            subscriptions: BTreeMap::new(),
            lanes: Lanes::default(),
        }
    }

    pub(super) async fn run(mut self) {
        while let Err(lost) = self.serve().await {
            // Frames that were under way are lost with the connection.
            self.lanes = Lanes::default();
            self.subscriptions.clear();
            self.connection.recover(lost).await;
        }
        self.subscriptions.clear();
        self.connection.close().await;
    }

    /// Uses the connection until it is lost. Returns `Ok` once there is nothing more to send.
    async fn serve(&mut self) -> Result<(), C::Lost> {
        let outlet = self.connection.outlet();
        self.connection.begin().await?;
        self.subscribe_as_wanted(&outlet).await?;
        self.connection.began();
        loop {
            let away = outlet.is_away();
            let room = self.lanes.room();
            let Self {
                node,
                connection,
                lanes,
                ..
            } = self;
            tokio::select! {
                () = node.interests.changed() => self.subscribe_as_wanted(&outlet).await?,
                lost = connection.lost() => return Err(lost),
                sent = lanes.next_sent() => sent?,
                batch = node.outgoing.next(|class| room.of(class)), if !away => match batch {
                    Some(batch) => self.send(&outlet, batch).await?,
                    None => break,
                },
                () = sleep(AWAY_POLL), if away => {}
            }
        }
        self.lanes.finish().await;
        Ok(())
    }

    async fn send(&mut self, outlet: &C::Outlet, batch: Batch<Item>) -> Result<(), C::Lost> {
        let Batch {
            control,
            live,
            bulk,
        } = batch;
        // Heartbeats do not wait for a subscription.
        self.lanes.hand_over(outlet, TrafficClass::Control, control);
        // Subscriptions come before the messages that were sent after them: a node that sends may
        // be answered at once.
        if self.node.interests.stale()
            && let Err(lost) = self.subscribe_as_wanted(outlet).await
        {
            let frames = live.len() + bulk.len();
            self.node.stats.count_all_dropped(frames);
            return Err(lost);
        }
        self.lanes.hand_over(outlet, TrafficClass::Live, live);
        self.lanes.hand_over(outlet, TrafficClass::Bulk, bulk);
        Ok(())
    }

    /// Subscribes to the wanted buckets and to no others. Meanwhile, what is under way goes on, and
    /// heartbeats are handed over.
    async fn subscribe_as_wanted(&mut self, outlet: &C::Outlet) -> Result<(), C::Lost> {
        let wanted = self.node.interests.wanted();
        let Self {
            node,
            connection,
            subscriptions,
            lanes,
        } = self;
        let mut changing = pin!(change(connection, subscriptions, &wanted));
        loop {
            let away = outlet.is_away();
            let room = lanes.room();
            // Messages of the other classes may need the subscription.
            let takes = |class| class == TrafficClass::Control && room.of(class);
            tokio::select! {
                biased;
                changed = &mut changing => return changed,
                sent = lanes.next_sent() => sent?,
                Some(batch) = node.outgoing.next(takes), if !away => {
                    lanes.hand_over(outlet, TrafficClass::Control, batch.control);
                }
                () = sleep(AWAY_POLL), if away => {}
            }
        }
    }
}

async fn change<C: Connection>(
    connection: &mut C,
    subscriptions: &mut BTreeMap<u16, C::Subscription>,
    wanted: &BTreeSet<u16>,
) -> Result<(), C::Lost> {
    let more = wanted.iter().copied();
    let more: Vec<_> = more
        .filter(|bucket| !subscriptions.contains_key(bucket))
        .collect();
    if !more.is_empty() {
        subscriptions.extend(connection.subscribe(more).await?);
    }
    let ended = subscriptions.extract_if(.., |bucket, _| !wanted.contains(bucket));
    let ended: Vec<_> = ended.collect();
    if !ended.is_empty() {
        connection.unsubscribe(ended).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
