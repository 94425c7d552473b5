//! The check of a new token, which a client sends before its token expires.

#[cfg(test)]
mod tests;

use std::sync::Arc;

use presence_core::pubsub::Payload;
use serde::Deserialize;

use super::{ConnectError, ConnectionShared, UserSocket};
use crate::{
    channel::Work,
    guard::{CallbackOutcome, call_guarded, guard},
    message::{Ref, TopicRef},
    node::{Expiry, expiry::TOPIC},
    telemetry::{CutError, Refused, event_at, target},
};

/// The event by which a client sends a new token.
pub(super) const EVENT: &str = "refresh_token";

#[derive(Deserialize)]
struct NewToken {
    token: String,
}

/// The check of a new token that is under way. Dropping it lets the next one begin, also after a
/// panic, and if the work is dropped before its end.
struct Refresh(Arc<Expiry>);

impl Refresh {
    /// Returns `None` if a check is under way already.
    fn begin(expiry: Arc<Expiry>) -> Option<Self> {
        expiry.begin_refresh().then(|| Self(expiry))
    }
}

impl Drop for Refresh {
    fn drop(&mut self) {
        self.0.end_refresh();
    }
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
    let Some(under_way) = Refresh::begin(shared.expiry.clone()?) else {
        return refuse("a refresh is under way");
    };
    let shared = shared.clone();
    Some(Box::pin(async move {
        let limit = shared.node().handler_timeout();
        let refreshing = || shared.user.refresh(&token, &shared.mount.state);
        let refusal = match guard(limit, refreshing).await {
            CallbackOutcome::Done(Ok(expires_at)) => {
                under_way.0.refreshed(expires_at, shared.node().now());
                None
            }
            CallbackOutcome::Done(Err(refusal)) => {
                // Code of the app's error type runs in it.
                let settled = call_guarded(|| refusal.settle::<S>());
                let panicked = |panic| fault(format!("the error of refresh panicked: {panic}"));
                Some(settled.unwrap_or_else(panicked))
            }
            CallbackOutcome::Panicked(panic) => Some(fault(format!("refresh panicked: {panic}"))),
            CallbackOutcome::TimedOut => Some(fault("refresh took too long".to_owned())),
        };
        drop(under_way);
        let Some(refusal) = refusal else {
            return shared.confirm(&Ref::NULL, &reference, TopicRef::Text(TOPIC));
        };
        log(&shared, &refusal);
        // As at connecting, the reason stays here. The client must only know whether to try again.
        let reason = match refusal.http_status().is_server_error() {
            true => "internal error",
            false => "token refused",
        };
        shared.refuse(&Ref::NULL, &reference, TopicRef::Text(TOPIC), reason);
    }))
}

/// Logs a refused token as a refused client is logged: a failure of the app as an error.
fn log<S: UserSocket>(shared: &ConnectionShared<S>, refusal: &ConnectError) {
    let mount = &shared.mount;
    let (socket, status) = (&*mount.path, refusal.http_status());
    let (user, address) = (shared.logged_user(), shared.logged_address());
    let reason = CutError(refusal.reason()).to_string();
    if status.is_server_error() {
        if let Some(suppressed) = mount.meters.limits().pass(Refused::FailedToken) {
            tracing::error!(target: target::CONNECT, socket, user, address, reason, suppressed, "refresh failed");
        }
    } else if let Some(suppressed) = mount.meters.limits().pass(Refused::Token) {
        let (level, status) = (mount.options.log, status.as_u16());
        event_at!(
            level,
            target::CONNECT,
            socket,
            user,
            address,
            status,
            reason,
            suppressed,
            "refused a new token"
        );
    }
}

fn fault(reason: String) -> ConnectError {
    ConnectError::new(reason).status(http::StatusCode::INTERNAL_SERVER_ERROR)
}
