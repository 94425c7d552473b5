//! Unread answers to polls of other nodes' sessions.
//!
//! The node that answers the client has the bytes, so it counts them.

use std::{
    collections::HashMap,
    sync::{Arc, Weak},
};

use parking_lot::Mutex;

use super::Unread;
use crate::{outgoing::Flushers, transport::longpoll::session_token::SessionKey};

type Places = Arc<Mutex<HashMap<SessionKey, Weak<Unread>>>>;

/// The other nodes' sessions that poll here, or whose answers are unread here.
pub(in crate::transport::longpoll) struct UnreadElsewhere {
    places: Places,
    /// The limit on one session.
    max_bytes: usize,
}

/// The place of one session, until this is dropped.
pub(super) struct Place {
    places: Places,
    key: SessionKey,
}

impl UnreadElsewhere {
    pub(in crate::transport::longpoll) fn new(max_bytes: usize) -> Self {
        Self {
            places: Places::default(),
            max_bytes,
        }
    }

    /// Returns the unread answers of a session.
    pub(in crate::transport::longpoll) fn of(
        &self,
        key: &SessionKey,
        flushers: &Arc<Flushers>,
    ) -> Arc<Unread> {
        let mut places = self.places.lock();
        if let Some(unread) = places.get(key).and_then(Weak::upgrade) {
            return unread;
        }
        let unread = Arc::new(Unread {
            answers: Mutex::default(),
            max_bytes: self.max_bytes,
            flushers: flushers.clone(),
            outbox: None,
            bell: Arc::default(),
            _place: Some(Place {
                places: self.places.clone(),
                key: key.clone(),
            }),
        });
        places.insert(key.clone(), Arc::downgrade(&unread));
        unread
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.places.lock().len()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut places = self.places.lock();
        // Another request may have begun the place anew meanwhile.
        let is_gone = |unread: &Weak<Unread>| unread.strong_count() == 0;
        if places.get(&self.key).is_some_and(is_gone) {
            places.remove(&self.key);
        }
    }
}
