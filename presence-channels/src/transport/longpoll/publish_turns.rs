//! Turns of publishes to sessions of other nodes: however many come at once for one session, this
//! node has one body of them in memory.

use std::{collections::HashMap, sync::Arc};

use parking_lot::Mutex;
use tokio::sync::OwnedMutexGuard;

use super::session_token::SessionKey;

/// The sessions to which publishes are under way, or wait for their turn.
#[derive(Default)]
pub(super) struct PublishTurns(Mutex<HashMap<SessionKey, Turns>>);

type Turns = Arc<tokio::sync::Mutex<()>>;

/// The turn of one publish, until this is dropped.
pub(super) struct PublishTurn<'a> {
    turns: &'a PublishTurns,
    key: &'a SessionKey,
    /// `None` while it waits.
    turn: Option<OwnedMutexGuard<()>>,
}

impl PublishTurns {
    /// Waits until no other publish to the session is under way.
    pub(super) async fn begin<'a>(&'a self, key: &'a SessionKey) -> PublishTurn<'a> {
        let turns = self.0.lock().entry(key.clone()).or_default().clone();
        // Before the wait, which may be given up.
        let mut begun = PublishTurn {
            turns: self,
            key,
            turn: None,
        };
        begun.turn = Some(turns.lock_owned().await);
        begun
    }
}

impl Drop for PublishTurn<'_> {
    fn drop(&mut self) {
        self.turn = None;
        let mut sessions = self.turns.0.lock();
        // The table's own is the last.
        let is_last = |turns: &Turns| Arc::strong_count(turns) == 1;
        if sessions.get(self.key).is_some_and(is_last) {
            sessions.remove(self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[tokio::test]
    async fn publishes_to_one_session_come_one_after_the_other_and_leave_nothing() {
        let turns = PublishTurns::default();
        let key = |id| SessionKey {
            node: "a".into(),
            instance: "i".into(),
            id,
        };
        let (one, two) = (key(1), key(2));
        let first = turns.begin(&one).await;
        let other = turns.begin(&two).now_or_never();
        assert!(other.is_some(), "another session does not wait");
        let mut second = Box::pin(turns.begin(&one));
        assert!((&mut second).now_or_never().is_none());
        let given_up = turns.begin(&one).now_or_never();
        assert!(given_up.is_none());
        drop(first);
        drop(second.await);
        drop(other);
        assert!(turns.0.lock().is_empty());
    }
}
