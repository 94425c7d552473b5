//! The check of a new token, which a client sends before its token expires.

#[cfg(test)]
mod tests;

use std::sync::Arc;

use presence_core::pubsub::Payload;
use serde::Deserialize;

use super::{ConnectError, ConnectionShared, UserSocket};
use crate::{
    channel::Work,
    guard::{CallbackOutcome, guard},
    message::{Ref, TopicRef},
    node::expiry::TOPIC,
    telemetry::{CutError, Refused, event_at, target},
};

/// The event by which a client sends a new token.
pub(super) const EVENT: &str = "refresh_token";

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
    if !expiry.begin_refresh() {
        return refuse("a refresh is under way");
    }
    let shared = shared.clone();
    Some(Box::pin(async move {
        let limit = shared.node().handler_timeout();
        let refreshing = || shared.user.refresh(&token, &shared.mount.state);
        let refusal = match guard(limit, refreshing).await {
            CallbackOutcome::Done(Ok(expires_at)) => {
                expiry.refreshed(expires_at, shared.node().now());
                None
            }
            CallbackOutcome::Done(Err(refusal)) => Some(refusal.settle::<S>()),
            CallbackOutcome::Panicked(panic) => Some(fault(format!("refresh panicked: {panic}"))),
            CallbackOutcome::TimedOut => Some(fault("refresh took too long".to_owned())),
        };
        expiry.end_refresh();
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
        tracing::error!(target: target::CONNECT, socket, user, address, reason, "refresh failed");
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
