//! The batches that are on their way into an engine, by class.

use std::{future::Future, pin::Pin};

use futures_util::{StreamExt, stream::FuturesOrdered};

use super::{
    Item,
    networked::{Connection, Outlet},
};
use crate::pubsub::TrafficClass;

/// A batch on its way.
type Sending<L> = Pin<Box<dyn Future<Output = Result<(), L>> + Send>>;

/// The batches that an engine has not taken yet. Each class has a lane of its own, so no class
/// waits for another one's slow receiver. A lane with as many batches as the engine allows is full.
pub(super) struct Lanes<C: Connection> {
    control: FuturesOrdered<Sending<C::Lost>>,
    live: FuturesOrdered<Sending<C::Lost>>,
    bulk: FuturesOrdered<Sending<C::Lost>>,
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
            control: FuturesOrdered::new(),
            live: FuturesOrdered::new(),
            bulk: FuturesOrdered::new(),
        }
    }
}

impl<C: Connection> Lanes<C> {
    pub(super) fn room(&self) -> Room {
        let has_room = |class, lane: &FuturesOrdered<_>| lane.len() < C::most_batches(class);
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
        lane.push_back(Box::pin(outlet.send(class, frames)));
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
