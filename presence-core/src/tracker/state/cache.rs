//! The chunks that are held for the next clients.

use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use crate::sync::Mutex;
use tokio::runtime::Handle;
use tokio::time::Instant;

use super::Begin;
use super::chunk::Chunk;
use crate::telemetry::StateMeter;

/// The most bytes of chunks that one tracker holds.
const MAX_BYTES: usize = 64 * 1024 * 1024;
/// The time for which an unused chunk is held.
const HELD_FOR: Duration = Duration::from_secs(10);
/// The time between two looks for unused chunks.
const LOOK: Duration = Duration::from_secs(1);
/// A whole list of fewer bytes is not held: its frames are copies in any case.
const SMALL: usize = 16 * 1024;

/// A topic, and the place in its list where a chunk begins.
pub(super) type SlotId = (Arc<str>, Begin);

/// The chunks of all topics of one tracker.
pub(in crate::tracker) struct StateCache {
    slots: Mutex<Slots>,
    runtime: Handle,
    meter: StateMeter,
}

#[derive(Default)]
struct Slots {
    slots: HashMap<SlotId, Slot>,
    /// The bytes of all held chunks.
    bytes: usize,
    /// Set while a task looks for unused slots.
    is_swept: bool,
}

struct Slot {
    chunk: Option<Arc<Chunk>>,
    /// Held by the walk that builds the chunk.
    builder: Arc<tokio::sync::Mutex<()>>,
    used: Instant,
}

impl Slots {
    fn slot(&mut self, id: &SlotId) -> &mut Slot {
        let slot = self.slots.entry(id.clone()).or_insert_with(|| Slot {
            chunk: None,
            builder: Arc::default(),
            used: Instant::now(),
        });
        slot.used = Instant::now();
        slot
    }

    fn remove(&mut self, id: &SlotId) {
        if let Some(slot) = self.slots.remove(id) {
            self.bytes -= bytes(&slot);
        }
    }

    /// Drops the chunks that were used least recently, until the others fit.
    fn fit(&mut self) {
        while self.bytes > MAX_BYTES {
            let held = self.slots.iter().filter(|(_, slot)| slot.chunk.is_some());
            let Some((oldest, _)) = held.min_by_key(|(_, slot)| slot.used) else {
                return;
            };
            let oldest = oldest.clone();
            self.remove(&oldest);
        }
    }

    /// Drops the slots that are not used any more. Returns whether slots are left.
    fn sweep(&mut self, now: Instant) -> bool {
        let Self {
            slots, bytes: held, ..
        } = self;
        slots.retain(|_, slot| {
            let is_used = slot.used + HELD_FOR > now;
            if !is_used {
                *held -= bytes(slot);
            }
            is_used
        });
        self.is_swept = !self.slots.is_empty();
        self.is_swept
    }
}

fn bytes(slot: &Slot) -> usize {
    slot.chunk.as_ref().map_or(0, |chunk| chunk.bytes())
}

impl StateCache {
    /// For the presence of this `NAME`.
    pub(in crate::tracker) fn new(name: &'static str, runtime: Handle) -> Arc<Self> {
        Arc::new(Self {
            slots: Mutex::default(),
            runtime,
            meter: StateMeter::new(name),
        })
    }

    pub(super) fn get(&self, id: &SlotId) -> Option<Arc<Chunk>> {
        let mut slots = self.slots.lock();
        let slot = slots.slots.get_mut(id)?;
        slot.used = Instant::now();
        slot.chunk.clone()
    }

    /// Returns the lock of the walk that builds the chunk.
    pub(super) fn builder(self: &Arc<Self>, id: &SlotId) -> Arc<tokio::sync::Mutex<()>> {
        let mut slots = self.slots.lock();
        let builder = Arc::clone(&slots.slot(id).builder);
        self.have_swept(&mut slots);
        builder
    }

    /// Holds a chunk in the place of the one before.
    pub(super) fn put(self: &Arc<Self>, id: SlotId, chunk: &Arc<Chunk>) {
        let mut slots = self.slots.lock();
        if (chunk.is_all() && chunk.bytes() < SMALL) || chunk.bytes() > MAX_BYTES {
            slots.remove(&id);
            return;
        }
        let slot = slots.slot(&id);
        let before = bytes(slot);
        slot.chunk = Some(Arc::clone(chunk));
        slots.bytes = slots.bytes - before + chunk.bytes();
        slots.fit();
        self.have_swept(&mut slots);
    }

    fn have_swept(self: &Arc<Self>, slots: &mut Slots) {
        if !std::mem::replace(&mut slots.is_swept, true) {
            self.runtime.spawn(sweep(Arc::downgrade(self)));
        }
    }

    pub(super) fn count_encoded(&self, parts: usize) {
        self.meter.encoded(parts);
    }

    pub(super) fn count_shared(&self, parts: usize) {
        self.meter.shared(parts);
    }

    #[cfg(test)]
    pub(in crate::tracker) fn held(&self) -> (usize, usize) {
        let slots = self.slots.lock();
        (slots.slots.len(), slots.bytes)
    }
}

/// Drops unused slots from time to time, until none are left.
async fn sweep(cache: Weak<StateCache>) {
    loop {
        tokio::time::sleep(LOOK).await;
        let Some(cache) = cache.upgrade() else {
            return;
        };
        if !cache.slots.lock().sweep(Instant::now()) {
            return;
        }
    }
}
