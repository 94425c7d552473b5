//! The changes of a topic.

mod parts;

use bytes::Bytes;
use serde::{Serialize, Serializer};

use super::{Presences, json};
use crate::pubsub::Payload;
use crate::replication::shard::TopicDiff;

/// The net change of a topic since its last diff.
///
/// An update is one diff: the new meta joins, with `phx_ref_prev`, and the old one leaves.
///
/// As JSON: `{"joins": {..}, "leaves": {..}}`, the form of phoenix.js's `presence_diff`.
#[derive(Clone, Debug, Default)]
pub struct Diff {
    /// Metas that are new.
    pub joins: Presences,
    /// Metas that are gone. A meta that is also in `joins` joined first and left after.
    pub leaves: Presences,
}

impl Diff {
    pub(crate) fn new(changes: &TopicDiff) -> Self {
        Self {
            joins: Presences::from_sorted(&changes.joins),
            leaves: Presences::from_sorted(&changes.leaves),
        }
    }

    /// Takes over the fields that `fetch` added, on both sides.
    pub(crate) fn dress_as(&mut self, fetched: &Presences) {
        self.joins.dress_as(fetched);
        self.leaves.dress_as(fetched);
    }

    /// Splits the diff into diffs of at most `limit` bytes of JSON each. A single meta that is
    /// larger has a diff of its own. A client that applies them in order ends in the state that it
    /// would have after the whole diff.
    ///
    /// All changes of a key stay in one diff if they fit. If they do not, the key's joins come
    /// before its leaves, so that no client sees a key leave that is present before and after.
    pub(crate) fn parts(&self, limit: usize) -> Vec<Self> {
        parts::of(self, limit)
    }

    /// Returns whether nobody joins or leaves by this diff.
    pub fn is_empty(&self) -> bool {
        self.joins.is_empty() && self.leaves.is_empty()
    }

    /// Returns the diff as JSON text, made by joining the texts of the metas.
    pub fn to_json(&self) -> Bytes {
        let mut out = Vec::new();
        let sides = [("joins", &self.joins), ("leaves", &self.leaves)];
        json::object(&mut out, sides.into_iter(), |out, side| side.write(out));
        out.into()
    }
}

impl Serialize for Diff {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map([("joins", &self.joins), ("leaves", &self.leaves)])
    }
}

impl From<&Diff> for Payload {
    fn from(diff: &Diff) -> Self {
        Self::Json(diff.to_json())
    }
}
