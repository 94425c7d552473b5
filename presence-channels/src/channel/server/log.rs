//! The log of a channel: each line names the topic, the user and the client's address.

use super::ChannelServer;
use crate::{
    channel::{Channel, TerminateReason},
    telemetry::{Cut, event_at, target},
};

/// The error of a callback that took too long.
pub(super) const OVER_TIME: &str = "over Config::handler_timeout";

impl<C: Channel> ChannelServer<C> {
    /// Logs a failure of the app's code. `event` is the client's event, or the callback.
    pub(super) fn log_error(&self, event: &str, error: &str, message: &'static str) {
        tracing::error!(
            topic = &*self.topic,
            event = Cut(event).to_string(),
            user = self.shared.logged_user(),
            address = self.shared.logged_address(),
            channel = std::any::type_name::<C>(),
            error = Cut(error).to_string(),
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
            error = Cut(error).to_string(),
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

    /// Logs an end that no callback returned.
    pub(super) fn log_abnormal(&self, reason: &TerminateReason) {
        if let TerminateReason::Failed(error) | TerminateReason::Panicked(error) = reason {
            self.log_error("", error, "a channel ended abnormally");
        }
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
