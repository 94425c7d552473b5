//! The batches that are on their way into an engine, by class.

use std::{future::Future, pin::Pin};

use futures_util::{StreamExt, stream::FuturesOrdered};

use super::{
    Item,
    networked::{Connection, Outlet},
    queue::OVERHEAD,
};
use crate::pubsub::TrafficClass;

/// A batch on its way. Returns its bytes too.
type Sending<L> = Pin<Box<dyn Future<Output = (usize, Result<(), L>)> + Send>>;

/// The batches that an engine has not taken yet. Each class has a lane of its own, so no class
/// waits for another one's slow receiver. A lane with as many batches, or as many bytes, as the
/// engine allows is full.
pub(super) struct Lanes<C: Connection> {
    control: Lane<C::Lost>,
    live: Lane<C::Lost>,
    bulk: Lane<C::Lost>,
}

/// The batches of one class.
struct Lane<L> {
    batches: FuturesOrdered<Sending<L>>,
    /// The bytes of all batches.
    bytes: usize,
}

impl<L> Default for Lane<L> {
    fn default() -> Self {
        Self {
            batches: FuturesOrdered::new(),
            bytes: 0,
        }
    }
}

impl<L> Lane<L> {
    /// Lets all batches go on until the first one is sent. Returns `None` if there is no batch.
    ///
    /// This method is cancel safe.
    async fn next(&mut self) -> Option<Result<(), L>> {
        let (bytes, sent) = self.batches.next().await?;
        self.bytes -= bytes;
        Some(sent)
    }
}

/// The lanes that are not full.
#[derive(Clone, Copy, Debug)]
pub(super) struct Room {
    control: bool,
    live: bool,
    bulk: bool,
}

impl Room {
    pub(super) fn of(self, class: TrafficClass) -> bool {
        match class {
            TrafficClass::Control => self.control,
            TrafficClass::Live => self.live,
            TrafficClass::Bulk => self.bulk,
        }
    }
}

impl<C: Connection> Default for Lanes<C> {
    fn default() -> Self {
        Self {
            control: Lane::default(),
            live: Lane::default(),
            bulk: Lane::default(),
        }
    }
}

impl<C: Connection> Lanes<C> {
    pub(super) fn room(&self) -> Room {
        let has_room = |class, lane: &Lane<_>| {
            lane.batches.len() < C::most_batches(class) && lane.bytes < C::most_bytes(class)
        };
        Room {
            control: has_room(TrafficClass::Control, &self.control),
            live: has_room(TrafficClass::Live, &self.live),
            bulk: has_room(TrafficClass::Bulk, &self.bulk),
        }
    }

    /// Hands a batch over to the engine. It begins when [`next_sent`](Self::next_sent) is awaited.
    pub(super) fn hand_over(&mut self, outlet: &C::Outlet, class: TrafficClass, frames: Vec<Item>) {
        if frames.is_empty() {
            return;
        }
        let lane = match class {
            TrafficClass::Control => &mut self.control,
            TrafficClass::Live => &mut self.live,
            TrafficClass::Bulk => &mut self.bulk,
        };
        let bytes = frames.iter().map(|item| item.frame.len() + OVERHEAD).sum();
        let sending = outlet.send(class, frames);
        lane.bytes += bytes;
        let sending = async move { (bytes, sending.await) };
        lane.batches.push_back(Box::pin(sending));
    }

    /// Lets all batches go on until one of them is sent. Waits for ever if all lanes are empty.
    ///
    /// This method is cancel safe.
    pub(super) async fn next_sent(&mut self) -> Result<(), C::Lost> {
        tokio::select! {
            biased;
            Some(sent) = self.control.next() => sent,
            Some(sent) = self.live.next() => sent,
            Some(sent) = self.bulk.next() => sent,
            else => std::future::pending().await,
        }
    }

    /// Waits until all batches are sent, or lost.
    pub(super) async fn finish(&mut self) {
        for lane in [&mut self.control, &mut self.live, &mut self.bulk] {
            while lane.next().await.is_some() {}
        }
    }
}
