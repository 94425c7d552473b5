//! The expiry of clients' tokens during a connection. A client is told some time before, may send a
//! new token, and is closed otherwise.
//!
//! The endpoint's watch looks at all connections about once a second, which spares each a timer.

#[cfg(test)]
mod tests;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, SystemTime},
};

use parking_lot::Mutex;
use presence_core::pubsub::Payload;
use serde::Deserialize;

use super::{ConnectError, ConnectionShared, UserSocket};
use crate::{
    channel::Work,
    guard::{CallbackOutcome, guard},
    message::{Outgoing, Ref, TopicRef},
    serializer::{FrameError, Version},
    transport::{Frame, Outbox, close_code},
};

/// The topic of messages between a connection and its server.
pub(super) const TOPIC: &str = "phoenix";
/// The event by which a client shows a new token.
pub(super) const REFRESH: &str = "refresh_token";
/// The event that asks a client for a new token.
const EXPIRING: &str = "token_expiring";

/// The expiry of a connection's token.
pub(crate) struct Expiry {
    deadlines: Mutex<Deadlines>,
    /// Milliseconds.
    notice: u64,
    /// Set while a new token is checked: one at a time, so that a client cannot pile them up.
    refreshing: AtomicBool,
    version: Version,
}

/// The times of an expiry, in the endpoint's milliseconds.
struct Deadlines {
    /// `None` once the client has been told.
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
        Self {
            tell: Some(close.saturating_sub(notice)),
            close: Some(close),
        }
    }
}

impl Expiry {
    pub(super) fn new(
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

    fn refreshed(&self, expires_at: Option<SystemTime>, now: u64) {
        *self.deadlines.lock() = Deadlines::new(expires_at, self.notice, now);
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[derive(Deserialize)]
struct NewToken {
    token: String,
}

/// Returns the work of checking a new token. Returns `None` if the client is already answered, or
/// its token does not expire.
pub(super) fn refresh<S: UserSocket>(
    shared: &Arc<ConnectionShared<S>>,
    reference: Ref,
    payload: Payload,
) -> Option<Work> {
    let refuse = |reason: &str| {
        shared.refuse(&Ref::NULL, &reference, TopicRef::Text(TOPIC), reason);
        None
    };
    let token = match payload.json() {
        Ok(NewToken { token }) => token,
        Err(error) => return refuse(&format!("invalid payload: {error}")),
    };
    let expiry = shared.expiry.clone()?;
    if expiry.refreshing.swap(true, Ordering::AcqRel) {
        return refuse("a refresh is under way");
    }
    let shared = shared.clone();
    Some(Box::pin(async move {
        let limit = shared.endpoint.handler_timeout();
        let refreshing = || shared.user.refresh(&token, &shared.mount.state);
        let refusal = match guard(limit, refreshing).await {
            CallbackOutcome::Done(Ok(expires_at)) => {
                expiry.refreshed(expires_at, shared.endpoint.now());
                None
            }
            CallbackOutcome::Done(Err(refusal)) => Some(refusal),
            CallbackOutcome::Panicked(panic) => Some(fault(format!("refresh panicked: {panic}"))),
            CallbackOutcome::TimedOut => Some(fault("refresh took too long".to_owned())),
        };
        expiry.refreshing.store(false, Ordering::Release);
        let Some(refusal) = refusal else {
            return shared.confirm(&Ref::NULL, &reference, TopicRef::Text(TOPIC));
        };
        let path = &shared.mount.path;
        tracing::info!(path, reason = refusal.reason(), "refused a new token");
        // As at connecting, the reason stays here. The client must only know whether to try again.
        let reason = match refusal.http_status().is_server_error() {
            true => "internal error",
            false => "token refused",
        };
        shared.refuse(&Ref::NULL, &reference, TopicRef::Text(TOPIC), reason);
    }))
}

fn fault(reason: String) -> ConnectError {
    ConnectError::new(reason).status(http::StatusCode::INTERNAL_SERVER_ERROR)
}
