//! The state of a topic in parts, for clients of large rooms.
//!
//! The module `replication::shard::index::state` says when a part may be sent to a client.

mod cache;
mod chunk;
mod cut;

use std::sync::Arc;

pub(super) use cache::StateCache;
use chunk::{Chunk, Part, Read};

use super::handle::Shared;
use super::{PRESENCE_DIFF, PRESENCE_STATE, Tracker};
use crate::presence::{Presence, Presences};
use crate::pubsub::Payload;
use crate::replication::node::Stale;
use crate::replication::shard::{ListPlace, Moment};

/// The parts of a topic's state, one after the other. Made by [`Tracker::state_parts`].
pub struct StateParts<P: Presence> {
    shared: Arc<Shared<P>>,
    topic: Arc<str>,
    /// The moment at which the walk began.
    begun: Moment,
    /// The chunk that the next part is in, and its place there. `None` before the first.
    at: Option<(Arc<Chunk>, usize)>,
    /// Set if the first chunk is read once more, as joins.
    again: bool,
}

/// The place where a chunk begins, and the form of its first part.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Begin {
    /// The beginning of the list, as a state.
    State,
    /// The beginning of the list, as joins.
    Again,
    /// A place in the list, as joins.
    From(ListPlace),
}

impl Begin {
    fn place(&self) -> Option<&ListPlace> {
        match self {
            Self::From(place) => Some(place),
            Self::State | Self::Again => None,
        }
    }
}

/// A part of a topic's state. See [`StateParts::next`].
#[derive(Clone, Debug)]
pub struct StatePart(Arc<Part>);

impl StatePart {
    /// Returns the event to send: [`PRESENCE_STATE`] for the first part, and [`PRESENCE_DIFF`] for
    /// the others.
    pub fn event(&self) -> &'static str {
        match self.0.is_first {
            true => PRESENCE_STATE,
            false => PRESENCE_DIFF,
        }
    }

    /// Returns the JSON to send. Clients that get the same part share it.
    pub fn payload(&self) -> &Payload {
        &self.0.payload
    }
}

impl<P: Presence> StateParts<P> {
    /// Returns the next part, or `None` after the last one. The part stays the next one until
    /// [`queue`](Self::queue) has queued it.
    pub async fn next(&mut self) -> Option<StatePart> {
        loop {
            let begin = match &mut self.at {
                None => Begin::State,
                Some((chunk, place)) => match chunk.part(*place) {
                    // All users of the part have left.
                    Some(part) if part.is_idle() => {
                        *place += 1;
                        continue;
                    }
                    Some(part) => return Some(StatePart(part)),
                    None if std::mem::take(&mut self.again) => Begin::Again,
                    None => Begin::From(chunk.next()?.clone()),
                },
            };
            let chunk = self.chunk(begin).await;
            self.at = Some((chunk, 0));
        }
    }

    /// Calls `queue` if the part may be sent to the client now. Returns whether it did. If not,
    /// users of the part have left meanwhile, and [`next`](Self::next) returns the part without
    /// them.
    ///
    /// `queue` must put the part into the queue of the client's messages, in which the topic's
    /// diffs are. It runs under a lock of the tracker: it must not block, and must not call the
    /// tracker.
    pub fn queue(&mut self, part: &StatePart, queue: impl FnOnce()) -> bool {
        let Some((chunk, place)) = &mut self.at else {
            return false;
        };
        let StatePart(part) = part;
        let node = self.shared.host.node();
        let metas = part.presences.metas();
        let metas = metas.map(|(key, meta)| (&**key, meta.reference()));
        match node.queue_if_current(&self.topic, part.valid(), metas, queue) {
            Ok(taken) => {
                part.set_valid(taken);
                *place += 1;
                if part.is_first && !(chunk.is_all() && chunk.len() == 1) {
                    // Clients without phoenix.js's `Presence` object apply diffs before the state,
                    // and then lose what those joined. So all that follows is read after the last
                    // diff before the state, and what was read before is read again.
                    self.begun.taken = taken;
                    self.again = chunk.moment().taken != taken;
                }
                true
            }
            Err(Stale { taken, gone }) => {
                chunk.remove_from(*place, part, &gone, taken);
                false
            }
        }
    }

    /// Returns the chunk that begins at a place, which other walks may have built.
    async fn chunk(&self, begin: Begin) -> Arc<Chunk> {
        let Self { shared, topic, .. } = self;
        let host = &shared.host;
        let most = shared.options.part_bytes;
        host.ready().await;
        let slot = (Arc::clone(topic), begin);
        if let Some(chunk) = self.held(&slot) {
            return chunk;
        }
        if slot.1 == Begin::State {
            let read = Read::new(host.node(), topic, None, most);
            if read.is_all() {
                // A small list: `fetch` of one client does not wait for that of another.
                return self.build(slot, read).await;
            }
        }
        // Many may come at once. One builds the chunk, and the others wait for it.
        let builder = shared.states.builder(&slot);
        let _builds = builder.lock().await;
        if let Some(chunk) = self.held(&slot) {
            return chunk;
        }
        let read = Read::new(host.node(), topic, slot.1.place(), most);
        self.build(slot, read).await
    }

    /// Returns the chunk of a slot if it serves this walk.
    fn held(&self, slot: &cache::SlotId) -> Option<Arc<Chunk>> {
        let chunk = self.shared.states.get(slot)?;
        let serves = match chunk.is_all() {
            // A small list has all that was tracked before the call, as in Phoenix.
            true => chunk.moment() == self.shared.host.node().moment(&self.topic),
            false => chunk.moment().taken >= self.begun.taken,
        };
        serves.then(|| {
            self.shared.states.count_shared(chunk.len());
            chunk
        })
    }

    async fn build(&self, slot: cache::SlotId, read: Read) -> Arc<Chunk> {
        let Self { shared, topic, .. } = self;
        let fetched = shared.fetch(topic, read.presences()).await;
        // If the callback failed, it took the presences with it.
        let presences: Presences = fetched.unwrap_or_else(|| read.presences());
        let is_first = slot.1 == Begin::State;
        let chunk = Chunk::encode(read, presences, is_first, shared.options.part_bytes).await;
        shared.states.count_encoded(chunk.len());
        let chunk = Arc::new(chunk);
        shared.states.put(slot, &chunk);
        chunk
    }
}

impl<P: Presence> Tracker<P> {
    /// Returns the topic's state in parts, for a client that gets the topic's diffs already: a
    /// [`PRESENCE_STATE`], and then [`PRESENCE_DIFF`]s that only join. Each has at most 256 KiB of
    /// JSON, unless a single meta has more. phoenix.js's `Presence` merges them as it is.
    ///
    /// Channels use `Socket::push_presence_state` of `presence-channels`. This method is for
    /// programs with a protocol of their own. The client must be subscribed before the call.
    ///
    /// A list of at most 256 KiB is one part, and has all that was tracked before the call. Parts
    /// of a larger list are shared: they may lack the newest presences, among them those that the
    /// caller has just tracked. The topic's next diff has them. With [`fetch`](Presence::fetch),
    /// the fetched fields are shared too.
    ///
    /// A part is encoded once for all clients that ask between two diffs. The tracker keeps at
    /// most 64 MiB of parts, each for at most 10 s after its last use.
    ///
    /// # Examples
    ///
    /// ```
    /// # use presence_core::{Owner, Presence, PubSub, Tracker};
    /// # use serde_json::json;
    /// # use std::sync::Mutex;
    /// # struct Online;
    /// # impl Presence for Online {
    /// #     const NAME: &str = "docs.online";
    /// # }
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let pubsub = PubSub::local();
    /// # let online = Tracker::start(&pubsub, Online);
    /// # let owner = Owner::new();
    /// # online.track_as(&owner, "hall", "alice", json!({})).await?;
    /// // The client's queue, to which the topic's diffs go too.
    /// let queue = Mutex::new(Vec::new());
    ///
    /// let mut parts = online.state_parts("hall");
    /// while let Some(part) = parts.next().await {
    ///     let message = (part.event(), part.payload().clone());
    ///     parts.queue(&part, || queue.lock().unwrap().push(message));
    ///     // Here a server waits until the client has read enough.
    /// }
    /// assert_eq!(queue.lock().unwrap()[0].0, "presence_state");
    /// # Ok(())
    /// # }
    /// ```
    pub fn state_parts(&self, topic: impl AsRef<str>) -> StateParts<P> {
        let topic: Arc<str> = topic.as_ref().into();
        StateParts {
            begun: self.shared.host.node().moment(&topic),
            shared: Arc::clone(&self.shared),
            topic,
            at: None,
            again: false,
        }
    }
}

impl<P: Presence> std::fmt::Debug for StateParts<P> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StateParts")
            .field("topic", &self.topic)
            .finish_non_exhaustive()
    }
}
