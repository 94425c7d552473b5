//! Events and rolls for the tests of the window and the queues.

use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::SystemTime;

use super::window::Event;
use crate::replication::set::{
    Clock, Entry, Incarnation, Meta, MetaBody, Origin, OwnerId, PhxRefs, ReplicaName, Tag,
};
use crate::replication::shard::KeyChange;

pub(super) fn origin(name: &str) -> Arc<Origin> {
    Arc::new(Origin {
        name: ReplicaName::new(name),
        incarnation: Incarnation {
            started_ms: 1,
            nonce: 1,
        },
    })
}

/// A change of a key whose presence is on the node `on`.
pub(super) fn change(key: &str, came: bool, on: &Arc<Origin>) -> KeyChange {
    change_with(&serde_json::json!({}), key, came, on)
}

fn change_with(meta: &serde_json::Value, key: &str, came: bool, on: &Arc<Origin>) -> KeyChange {
    let body = MetaBody::encode(meta, usize::MAX).unwrap();
    let entry = Arc::new(Entry {
        tag: Tag {
            origin: Arc::clone(on),
            clock: Clock::ZERO,
        },
        topic: "t".into(),
        key: key.into(),
        owner: OwnerId::new(NonZeroU64::MIN).into(),
        meta: Meta::new(PhxRefs::new(0).make(), None, &body),
    });
    KeyChange { entry, came }
}

pub(super) fn event(topic: &str, key: &str, came: bool) -> Event {
    Event {
        topic: topic.into(),
        change: change(key, came, &origin("a")),
        at: SystemTime::UNIX_EPOCH,
        is_repeated: false,
    }
}

/// An event of the topic "t" with a meta of more than `bytes`.
pub(super) fn large_event(key: &str, came: bool, bytes: usize) -> Event {
    let meta = serde_json::json!({ "text": "x".repeat(bytes) });
    Event {
        change: change_with(&meta, key, came, &origin("a")),
        ..event("t", key, came)
    }
}
