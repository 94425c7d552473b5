use std::sync::Arc;

use presence_core::pubsub::Broadcast;

use super::{Outbox, UnhandledBroadcast, sending, turn::DispatchTurn};
use crate::{
    message::Outgoing,
    serializer::{Frame, FrameError, Serializer, Version},
    telemetry::Deliveries,
};

type Encoded = Result<Frame, FrameError>;

/// The frames of one broadcast, a serializer each, shared by all subscribers of a dispatch.
#[derive(Default)]
pub(crate) struct BroadcastFrames {
    built_in: [Option<Encoded>; 2],
    /// Those of serializers that apps have added: few, if any, so that looking for one is cheap.
    added: Vec<(Arc<dyn Serializer>, Encoded)>,
    /// Ends with the dispatch: then the outboxes that got a frame are handed to the flushers.
    turn: Option<DispatchTurn>,
    /// The client that has caused the broadcast, and the broadcast as one of its own. Looked for
    /// once a handler is to get it.
    unhandled: Option<Option<(Arc<Outbox>, Arc<UnhandledBroadcast>)>>,
    /// The frames that clients got, and those that were dropped for them.
    deliveries: Deliveries,
}

impl BroadcastFrames {
    /// Queues a frame for a client.
    pub(crate) fn send(&mut self, outbox: &Arc<Outbox>, frame: Frame) {
        let begin = || {
            if let Some(client) = sending::client() {
                client.sender().note_broadcast();
            }
            DispatchTurn::begin(outbox.flushers())
        };
        let turn = self.turn.get_or_insert_with(begin);
        outbox.send_broadcast(frame, turn, &mut self.deliveries);
    }

    /// Returns the broadcast, of `bytes`, as one that waits for a handler of `member`. Returns
    /// `None` if no client has caused it, or the member itself: it would wait for itself.
    pub(crate) fn unhandled(
        &mut self,
        member: &Arc<Outbox>,
        bytes: usize,
    ) -> Option<Arc<UnhandledBroadcast>> {
        let (client, broadcast) = self
            .unhandled
            .get_or_insert_with(|| {
                let client = sending::client()?;
                let broadcast = client.sender().wait_for_handlers(bytes);
                Some((client, Arc::new(broadcast)))
            })
            .as_ref()?;
        (!Arc::ptr_eq(client, member)).then(|| broadcast.clone())
    }

    /// Counts a client that does not get the broadcast, because too much is unflushed.
    pub(crate) fn drop_unflushed(&mut self, outbox: &Outbox) {
        self.deliveries.drop_unflushed(outbox.meter());
    }

    pub(crate) fn get(&mut self, version: &Version, broadcast: &Broadcast) -> &Encoded {
        let encode = || encode(version, broadcast);
        match version {
            Version::V1 => self.built_in[0].get_or_insert_with(encode),
            Version::V2 => self.built_in[1].get_or_insert_with(encode),
            Version::Added(serializer) => {
                let known = self.added.iter();
                let known = known
                    .map(|(known, _)| known)
                    .position(|known| Arc::ptr_eq(known, serializer));
                let index = known.unwrap_or_else(|| {
                    self.added.push((serializer.clone(), encode()));
                    self.added.len() - 1
                });
                &self.added[index].1
            }
        }
    }
}

fn encode(version: &Version, broadcast: &Broadcast) -> Encoded {
    version.encode(&Outgoing::Broadcast {
        topic: &broadcast.topic,
        event: &broadcast.event,
        payload: &broadcast.payload,
    })
}
