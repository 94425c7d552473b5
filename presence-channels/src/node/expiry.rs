//! The expiry of clients' tokens during a connection. A client is told some time before, may send a
//! new token, and is closed otherwise.
//!
//! The endpoint's watch looks at all connections about once a second, which spares each a timer.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, SystemTime},
};

use parking_lot::Mutex;
use presence_core::pubsub::Payload;

use crate::{
    message::{Outgoing, Ref},
    outgoing::{Outbox, close_code},
    serializer::{Frame, FrameError, Version},
};

/// The topic of messages between a connection and its server.
pub(crate) const TOPIC: &str = "phoenix";
/// The event that asks a client for a new token.
pub(crate) const EXPIRING: &str = "token_expiring";

/// The expiry of a connection's token.
pub(crate) struct Expiry {
    deadlines: Mutex<Deadlines>,
    /// Milliseconds. With 0, the client is not told.
    notice: u64,
    /// Set while a new token is checked: one at a time, so that a client cannot pile them up.
    refreshing: AtomicBool,
    version: Version,
}

/// The times of an expiry, in the endpoint's milliseconds.
struct Deadlines {
    /// `None` once the client has been told, or if there is no notice.
    tell: Option<u64>,
    /// `None` if the token never expires.
    close: Option<u64>,
}

/// The next step of an expiry.
pub(crate) enum Due {
    Tell { expires_in: u64 },
    Close,
}

impl Deadlines {
    fn new(expires_at: Option<SystemTime>, notice: u64, now: u64) -> Self {
        let Some(at) = expires_at else {
            return Self {
                tell: None,
                close: None,
            };
        };
        let left = millis(at.duration_since(SystemTime::now()).unwrap_or_default());
        let close = now.saturating_add(left);
        // Otherwise each token that is shorter than the notice would be replaced at once.
        let notice = notice.min(left / 2);
        let tell = close.saturating_sub(notice);
        Self {
            tell: (notice > 0).then_some(tell),
            close: Some(close),
        }
    }
}

impl Expiry {
    pub(crate) fn new(
        expires_at: SystemTime,
        notice: Duration,
        version: Version,
        now: u64,
    ) -> Arc<Self> {
        let notice = millis(notice);
        let deadlines = Deadlines::new(Some(expires_at), notice, now);
        Arc::new(Self {
            deadlines: Mutex::new(deadlines),
            notice,
            refreshing: AtomicBool::new(false),
            version,
        })
    }

    /// Returns the step that is due `now`. The notice is due once.
    pub(crate) fn due(&self, now: u64) -> Option<Due> {
        let mut deadlines = self.deadlines.lock();
        let close = deadlines.close?;
        if close <= now {
            return Some(Due::Close);
        }
        deadlines.tell.take_if(|tell| *tell <= now)?;
        let expires_in = close - now;
        Some(Due::Tell { expires_in })
    }

    /// Carries out a due step on `outbox`. Not under a lock, because the serializer may be the
    /// app's own.
    pub(crate) fn act(&self, due: Due, outbox: &Arc<Outbox>) {
        match due {
            Due::Close => outbox.close(close_code::TOKEN_EXPIRED, "token expired"),
            Due::Tell { expires_in } => match self.notice(expires_in) {
                Ok(frame) => outbox.send(frame),
                Err(error) => {
                    tracing::error!(%error, "a client cannot be told that its token expires");
                }
            },
        }
    }

    fn notice(&self, expires_in: u64) -> Result<Frame, FrameError> {
        let payload = serde_json::json!({ "expires_in_ms": expires_in });
        self.version.encode(&Outgoing::Push {
            join_ref: &Ref::NULL,
            reference: &Ref::NULL,
            topic: TOPIC,
            event: EXPIRING,
            payload: &Payload::encode(&payload).expect("a number has a JSON form"),
        })
    }

    /// Returns whether the check of a new token may begin. It must then be
    /// [ended](Self::end_refresh).
    pub(crate) fn begin_refresh(&self) -> bool {
        !self.refreshing.swap(true, Ordering::AcqRel)
    }

    /// Sets the time at which the new token expires.
    pub(crate) fn refreshed(&self, expires_at: Option<SystemTime>, now: u64) {
        *self.deadlines.lock() = Deadlines::new(expires_at, self.notice, now);
    }

    pub(crate) fn end_refresh(&self) {
        self.refreshing.store(false, Ordering::Release);
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// Returns the steps of a token that is valid for 10 s, in order, with their milliseconds. The
    /// last one is the close.
    fn steps(notice: Duration) -> Vec<(u64, &'static str)> {
        let expires_at = SystemTime::now() + 10 * SECOND;
        let expiry = Expiry::new(expires_at, notice, Version::V2, 0);
        let close = expiry.deadlines.lock().close.unwrap();
        let steps = (0..=close).filter_map(|now| match expiry.due(now)? {
            Due::Tell { .. } => Some((close - now, "tell")),
            Due::Close => Some((close - now, "close")),
        });
        steps.collect()
    }

    #[test]
    fn with_a_notice_of_zero_a_client_is_only_closed() {
        assert_eq!(steps(2 * SECOND), [(2000, "tell"), (0, "close")]);
        assert_eq!(steps(Duration::ZERO), [(0, "close")]);
    }
}
