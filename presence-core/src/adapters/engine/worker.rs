//! The task of a node, which is the same for all engines: it subscribes, sends, and recovers.

use std::{
    collections::{BTreeMap, BTreeSet},
    pin::pin,
    sync::Arc,
    time::Duration,
};

use tokio::time::sleep;

use super::{Batch, EngineNode, Item, lanes::Lanes, networked::Connection};
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
        self.connection.begin().await?;
        self.subscribe_as_wanted().await?;
        self.connection.began();
        loop {
            let away = self.connection.is_away();
            let room = self.lanes.room();
            let Self {
                node,
                connection,
                lanes,
                ..
            } = self;
            tokio::select! {
                () = node.interests.changed() => self.subscribe_as_wanted().await?,
                lost = connection.lost() => return Err(lost),
                sent = lanes.next_sent() => sent?,
                batch = node.outgoing.next(|class| room.of(class)), if !away => match batch {
                    Some(batch) => self.send(batch).await?,
                    None => break,
                },
                () = sleep(AWAY_POLL), if away => {}
            }
        }
        self.lanes.finish().await;
        Ok(())
    }

    async fn send(&mut self, batch: Batch<Item>) -> Result<(), C::Lost> {
        let Batch {
            control,
            live,
            bulk,
        } = batch;
        // Heartbeats do not wait for a subscription.
        self.hand_over(TrafficClass::Control, control);
        // Subscriptions come before the messages that were sent after them: a node that sends may
        // be answered at once.
        if self.node.interests.stale() {
            self.subscribe_as_wanted().await?;
        }
        self.hand_over(TrafficClass::Live, live);
        self.hand_over(TrafficClass::Bulk, bulk);
        Ok(())
    }

    fn hand_over(&mut self, class: TrafficClass, frames: Vec<Item>) {
        if !frames.is_empty() {
            let sending = self.connection.send(class, frames);
            self.lanes.push(class, sending);
        }
    }

    /// Subscribes to the wanted buckets and to no others, while what is under way goes on.
    async fn subscribe_as_wanted(&mut self) -> Result<(), C::Lost> {
        let wanted = self.node.interests.wanted();
        let Self {
            connection,
            subscriptions,
            lanes,
            ..
        } = self;
        let mut changing = pin!(change(connection, subscriptions, &wanted));
        loop {
            tokio::select! {
                biased;
                changed = &mut changing => return changed,
                sent = lanes.next_sent() => sent?,
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
