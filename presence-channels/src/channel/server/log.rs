//! The log of a channel: each line names the topic, the user and the client's address.

use super::ChannelServer;
use crate::{
    channel::{Channel, TerminateReason},
    serializer::FrameError,
    telemetry::{Cut, CutError, Refused, event_at, target},
};

/// The error of a callback that took too long.
pub(super) const OVER_TIME: &str = "over Config::handler_timeout";

impl<C: Channel> ChannelServer<C> {
    /// Logs a failure of the app's code. `event` is the client's event, or the callback, if there
    /// is one.
    pub(super) fn log_error<'a>(
        &self,
        event: impl Into<Option<&'a str>>,
        error: &str,
        message: &'static str,
    ) {
        tracing::error!(
            topic = &*self.topic,
            event = event.into().map(|event| Cut(event).to_string()),
            user = self.shared.logged_user(),
            address = self.shared.logged_address(),
            channel = std::any::type_name::<C>(),
            error = CutError(error).to_string(),
            "{message}"
        );
    }

    /// Logs a refusal, or an error that the client caused.
    pub(super) fn log_refusal(&self, event: &str, error: &str) {
        event_at!(
            C::LOG_HANDLE_IN,
            target::HANDLE_IN,
            topic = &*self.topic,
            event = Cut(event).to_string(),
            user = self.shared.logged_user(),
            address = self.shared.logged_address(),
            error = CutError(error).to_string(),
            "refused a message"
        );
    }

    /// Logs an event that the channel does not know. The client caused it, but the channel ends.
    pub(super) fn log_unhandled(&self, event: &str, error: &str) {
        tracing::warn!(
            topic = &*self.topic,
            event = Cut(event).to_string(),
            user = self.shared.logged_user(),
            address = self.shared.logged_address(),
            channel = std::any::type_name::<C>(),
            error,
            "ended a channel that has no handler for the event"
        );
    }

    /// Logs an end that no callback returned. `event` is the callback that asked for it, if one
    /// did.
    pub(super) fn log_abnormal(&self, event: Option<&str>, reason: &TerminateReason) {
        if let TerminateReason::Failed(error) | TerminateReason::Panicked(error) = reason {
            self.log_error(event, error, "a channel ended abnormally");
        }
    }

    /// Logs a reply that has no form in the client's version of the protocol. A client that chose
    /// a version without binary payloads, or a long topic or ref, causes no error.
    pub(super) fn log_unsent_reply(&self, error: &FrameError) {
        let is_clients = match error {
            FrameError::NoBinary => true,
            FrameError::TooLong { field, .. } => *field != "status",
            _ => false,
        };
        if !is_clients {
            return self.log_error("phx_reply", &error.to_string(), "a reply cannot be sent");
        }
        let Some(suppressed) = self.shared.mount.meters.limits().pass(Refused::Frame) else {
            return;
        };
        tracing::warn!(
            topic = Cut(&*self.topic).to_string(),
            event = "phx_reply",
            user = self.shared.logged_user(),
            address = self.shared.logged_address(),
            %error,
            suppressed,
            "a reply cannot be sent in the client's version of the protocol"
        );
    }

    /// Logs a broadcast that has no form in the client's version of the protocol. A big room may
    /// have many such clients.
    pub(super) fn log_unsent_broadcast(&self, event: &str, error: &FrameError) {
        let Some(suppressed) = self.shared.mount.meters.limits().pass(Refused::Frame) else {
            return;
        };
        tracing::warn!(
            topic = Cut(&*self.topic).to_string(),
            event = Cut(event).to_string(),
            user = self.shared.logged_user(),
            address = self.shared.logged_address(),
            error = CutError(&error.to_string()).to_string(),
            suppressed,
            "a broadcast was dropped for a client"
        );
    }

    /// Logs the end of the channel. Its errors are logged where they happen.
    pub(super) fn log_end(&self, reason: &TerminateReason) {
        tracing::debug!(
            topic = &*self.topic,
            user = self.shared.logged_user(),
            address = self.shared.logged_address(),
            ?reason,
            "a channel ended"
        );
    }
}
