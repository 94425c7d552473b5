//! Changes: track, update, untrack.

use std::future::Future;
use std::sync::Arc;

use serde::Serialize;
use serde_json::{Map, Value};

use super::{Owner, TrackError, Tracked, Tracker, UpdateError};
use crate::presence::Presence;
use crate::replication::set::{MetaBody, MetaError, PhxRef};
use crate::replication::shard::{TrackRefused, UpdateRefused, Which};

/// The longest topic and the longest key, in bytes.
pub(super) const MAX_NAME_BYTES: usize = 16 * 1024;

/// The identity of a presence, which a future keeps.
struct PresenceKey {
    owner: Owner,
    topic: Arc<str>,
    key: Arc<str>,
}

impl PresenceKey {
    fn new(owner: &Owner, topic: impl AsRef<str>, key: impl AsRef<str>) -> Self {
        Self {
            owner: owner.clone(),
            topic: topic.as_ref().into(),
            key: key.as_ref().into(),
        }
    }

    /// A presence must fit into a message between nodes.
    fn check(&self, limit: usize) -> Result<(), TrackError> {
        let bytes = self.topic.len().max(self.key.len());
        if bytes > limit {
            return Err(TrackError::TooLong { bytes, limit });
        }
        Ok(())
    }

    fn which(&self) -> Which<'_> {
        Which {
            owner: self.owner.id(),
            topic: &self.topic,
            key: &self.key,
        }
    }
}

impl From<TrackRefused> for TrackError {
    fn from(refused: TrackRefused) -> Self {
        match refused {
            TrackRefused::AlreadyTracked => Self::AlreadyTracked,
            TrackRefused::Stopped => Self::Stopped,
        }
    }
}

impl From<UpdateRefused> for UpdateError {
    fn from(refused: UpdateRefused) -> Self {
        match refused {
            // The presence has ended meanwhile.
            UpdateRefused::NotTracked | UpdateRefused::Changed => Self::NotTracked,
            UpdateRefused::Stopped => Self::Stopped,
        }
    }
}

impl<P: Presence> Tracker<P> {
    /// Tracks a presence of `who` on its topic, under `key`.
    ///
    /// `meta` is any value that serializes to a JSON object. The call encodes it at once, and
    /// replaces a `phx_ref` in it. The presence ends with [`untrack`](Self::untrack) or with its
    /// owner. A later `list` or `count` includes it.
    ///
    /// # Errors
    ///
    /// See [`TrackError`]. Nothing has changed then.
    pub fn track(
        &self,
        who: &impl Tracked,
        key: impl AsRef<str>,
        meta: impl Serialize,
    ) -> impl Future<Output = Result<PhxRef, TrackError>> + Send {
        self.track_as(who.owner(), who.topic(), key, meta)
    }

    /// Tracks a presence as [`track`](Self::track) does, for an owner and a topic of your choice.
    ///
    /// # Errors
    ///
    /// See [`TrackError`]. Nothing has changed then.
    pub fn track_as(
        &self,
        owner: &Owner,
        topic: impl AsRef<str>,
        key: impl AsRef<str>,
        meta: impl Serialize,
    ) -> impl Future<Output = Result<PhxRef, TrackError>> + Send {
        // The future keeps no value of the arguments' types, so it is `Send` for all of them.
        let presence = PresenceKey::new(owner, topic, key);
        let meta = self.encode(&meta);
        async move {
            let meta = meta?;
            presence.check(self.shared.max_name_bytes)?;
            let limit = self.shared.options.max_presences_per_owner;
            let host = &self.shared.host;
            host.and_then_carry_out(|effects| {
                presence.owner.with(host, |holding| {
                    if holding.presences >= limit {
                        return Err(TrackError::TooManyPresences { limit });
                    }
                    let phx_ref = host.track(presence.which(), &meta, effects)?;
                    holding.presences += 1;
                    Ok(phx_ref)
                })
            })
        }
    }

    /// Replaces the meta of a presence of `who`. Subscribers get one diff: the new meta joins, with
    /// the reference of the old meta as `phx_ref_prev`, and the old meta leaves.
    ///
    /// # Errors
    ///
    /// See [`UpdateError`]. Nothing has changed then.
    pub fn update(
        &self,
        who: &impl Tracked,
        key: impl AsRef<str>,
        meta: impl Serialize,
    ) -> impl Future<Output = Result<PhxRef, UpdateError>> + Send {
        self.update_as(who.owner(), who.topic(), key, meta)
    }

    /// Updates a presence as [`update`](Self::update) does, for an owner and a topic of your
    /// choice.
    ///
    /// # Errors
    ///
    /// See [`UpdateError`]. Nothing has changed then.
    pub fn update_as(
        &self,
        owner: &Owner,
        topic: impl AsRef<str>,
        key: impl AsRef<str>,
        meta: impl Serialize,
    ) -> impl Future<Output = Result<PhxRef, UpdateError>> + Send {
        let presence = PresenceKey::new(owner, topic, key);
        let meta = self.encode(&meta);
        async move { Ok(self.replace(&presence, None, &meta?)?) }
    }

    /// Replaces the meta of a presence of `who` by the result of `change`, which gets the present
    /// meta: the function form of `Phoenix.Presence.update`.
    ///
    /// `change` runs without a lock. It is called again if the meta was updated meanwhile.
    ///
    /// # Errors
    ///
    /// See [`UpdateError`]. Nothing has changed then.
    pub fn update_with(
        &self,
        who: &impl Tracked,
        key: impl AsRef<str>,
        change: impl FnMut(Map<String, Value>) -> Map<String, Value> + Send,
    ) -> impl Future<Output = Result<PhxRef, UpdateError>> + Send {
        self.update_with_as(who.owner(), who.topic(), key, change)
    }

    /// Updates as [`update_with`](Self::update_with) does, for an owner and a topic of your choice.
    ///
    /// # Errors
    ///
    /// See [`UpdateError`]. Nothing has changed then.
    pub fn update_with_as(
        &self,
        owner: &Owner,
        topic: impl AsRef<str>,
        key: impl AsRef<str>,
        mut change: impl FnMut(Map<String, Value>) -> Map<String, Value> + Send,
    ) -> impl Future<Output = Result<PhxRef, UpdateError>> + Send {
        let presence = PresenceKey::new(owner, topic, key);
        async move {
            loop {
                let host = &self.shared.host;
                let present = host.meta(presence.which())?;
                let fields = present.json().map_err(MetaError::Encode)?;
                let meta = self.encode(&change(fields))?;
                match self.replace(&presence, Some(present.reference()), &meta) {
                    Err(UpdateRefused::Changed) => {}
                    replaced => return Ok(replaced?),
                }
            }
        }
    }

    /// Ends a presence of `who`. Does nothing if there is no such presence.
    pub fn untrack(
        &self,
        who: &impl Tracked,
        key: impl AsRef<str>,
    ) -> impl Future<Output = ()> + Send {
        self.untrack_as(who.owner(), who.topic(), key)
    }

    /// Ends a presence as [`untrack`](Self::untrack) does, for an owner and a topic of your choice.
    pub fn untrack_as(
        &self,
        owner: &Owner,
        topic: impl AsRef<str>,
        key: impl AsRef<str>,
    ) -> impl Future<Output = ()> + Send {
        let presence = PresenceKey::new(owner, topic, key);
        async move {
            let host = &self.shared.host;
            host.and_then_carry_out(|effects| {
                presence.owner.with(host, |holding| {
                    if host.untrack(presence.which(), effects) {
                        holding.presences -= 1;
                    }
                });
            });
        }
    }

    /// Ends all presences of the owner in this tracker. The owner can track again.
    pub async fn untrack_all(&self, owner: &Owner) {
        let host = &self.shared.host;
        host.and_then_carry_out(|effects| {
            owner.with(host, |holding| {
                host.owner_gone(owner.id(), effects);
                holding.presences = 0;
            });
        });
    }

    fn encode<M: Serialize + ?Sized>(&self, meta: &M) -> Result<MetaBody, MetaError> {
        MetaBody::encode(meta, self.shared.options.max_meta_bytes)
    }

    fn replace(
        &self,
        presence: &PresenceKey,
        expected: Option<PhxRef>,
        meta: &MetaBody,
    ) -> Result<PhxRef, UpdateRefused> {
        self.shared.host.update(presence.which(), expected, meta)
    }
}
