//! The log of a channel: each line names the topic, the user and the client's address.

use super::ChannelServer;
use crate::{
    channel::{Channel, TerminateReason, error::may_be_clients},
    serializer::FrameError,
    telemetry::{Cut, CutError, Limit, LoggedClient, Refused, event_at, target},
};

/// The error of a callback that took too long.
pub(super) const OVER_TIME: &str = "over Config::handler_timeout";

impl<C: Channel> ChannelServer<C> {
    /// Returns the topic as it is logged: cut.
    pub(super) fn logged_topic(&self) -> String {
        Cut(&*self.topic).to_string()
    }

    /// Lets one log line a second of a refusal through, with the number of those held back.
    pub(super) fn pass(&self, refused: Refused) -> Option<u64> {
        self.shared.mount.meters.limits().pass(refused)
    }

    /// Logs a failure of the app's code, which a client may be able to cause again and again.
    /// `event` is the client's event, or the callback, if there is one.
    pub(super) fn log_error<'a>(
        &self,
        event: impl Into<Option<&'a str>>,
        error: &str,
        message: &'static str,
    ) {
        let event = event.into().map(|event| Cut(event).to_string());
        let failed_event = event.as_deref().unwrap_or_default();
        let Some(suppressed) = self.meter.pass_failure(message, failed_event) else {
            return;
        };
        tracing::error!(
            topic = self.logged_topic(),
            event,
            user = self.shared.logged_user(),
            address = self.shared.logged_address(),
            channel = std::any::type_name::<C>(),
            error = CutError(error).to_string(),
            suppressed,
            "{message}"
        );
    }

    /// Counts and logs a callback that was over its time. A client that does not take what the
    /// callback pushes can cause that again and again, and is no error.
    pub(super) fn took_too_long(&self, event: &str, message: &'static str) {
        if self.progress.waited_for_client() {
            let what = format_args!("a client that does not read what {event} pushes");
            let limits = self.shared.mount.meters.limits();
            return limits.closed_to(Limit::SlowReaderTimeout, what, || LoggedClient {
                user: self.shared.logged_user(),
                address: self.shared.logged_address(),
            });
        }
        self.log_error(event, OVER_TIME, message);
    }

    /// Logs a refusal, or an error that the client caused.
    pub(super) fn log_refusal(&self, event: &str, error: &str) {
        event_at!(
            C::LOG_HANDLE_IN,
            target::HANDLE_IN,
            topic = self.logged_topic(),
            event = Cut(event).to_string(),
            user = self.shared.logged_user(),
            address = self.shared.logged_address(),
            error = CutError(error).to_string(),
            "refused a message"
        );
    }

    /// Logs an event that the channel does not know. The client caused it, but the channel ends.
    pub(super) fn log_unhandled(&self, event: &str, error: &str) {
        let Some(suppressed) = self.pass(Refused::Event) else {
            return;
        };
        tracing::warn!(
            topic = self.logged_topic(),
            event = Cut(event).to_string(),
            user = self.shared.logged_user(),
            address = self.shared.logged_address(),
            channel = std::any::type_name::<C>(),
            error,
            suppressed,
            "ended a channel that has no handler for the event"
        );
    }

    /// Logs a payload that is not an object, and that the channel has pushed or broadcast. The
    /// channel may have it from a client.
    pub(super) fn log_not_an_object(&self, event: &str, error: &str) {
        let Some(suppressed) = self.pass(Refused::Payload) else {
            return;
        };
        tracing::warn!(
            topic = self.logged_topic(),
            event = Cut(event).to_string(),
            user = self.shared.logged_user(),
            address = self.shared.logged_address(),
            channel = std::any::type_name::<C>(),
            error = CutError(error).to_string(),
            suppressed,
            "ended a channel that sent a payload which is not an object"
        );
    }

    /// Logs a presence that cannot be tracked or updated. Its key or its meta may be the client's.
    pub(super) fn log_refused_presence(&self, event: &str, error: &str) {
        let Some(suppressed) = self.pass(Refused::Presence) else {
            return;
        };
        tracing::warn!(
            topic = self.logged_topic(),
            event = Cut(event).to_string(),
            user = self.shared.logged_user(),
            address = self.shared.logged_address(),
            channel = std::any::type_name::<C>(),
            error = CutError(error).to_string(),
            suppressed,
            "a presence was refused"
        );
    }

    /// Logs the end of a channel that is too slow for what it is sent. A slow handler may end the
    /// channels of a whole room at once.
    pub(super) fn log_slow(&self, error: &str) {
        let Some(suppressed) = self.pass(Refused::Slow) else {
            return;
        };
        tracing::error!(
            topic = self.logged_topic(),
            user = self.shared.logged_user(),
            address = self.shared.logged_address(),
            channel = std::any::type_name::<C>(),
            error,
            suppressed,
            "ended a channel that is too slow"
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
        let (error, is_clients) = (error.to_string(), may_be_clients(error));
        match is_clients {
            true => self.log_unsent("phx_reply", &error, "a reply cannot be sent"),
            false => self.log_error("phx_reply", &error, "a reply cannot be sent"),
        }
    }

    /// Logs a message that has no form in the client's version of the protocol.
    pub(super) fn log_unsent(&self, event: &str, error: &str, message: &'static str) {
        let Some(suppressed) = self.pass(Refused::Frame) else {
            return;
        };
        tracing::warn!(
            topic = self.logged_topic(),
            event = Cut(event).to_string(),
            user = self.shared.logged_user(),
            address = self.shared.logged_address(),
            error = CutError(error).to_string(),
            suppressed,
            "{message} in the client's version of the protocol"
        );
    }

    /// Logs a broadcast that has no form in the client's version of the protocol. A big room may
    /// have many such clients.
    pub(super) fn log_unsent_broadcast(&self, event: &str, error: &FrameError) {
        let Some(suppressed) = self.pass(Refused::Frame) else {
            return;
        };
        tracing::warn!(
            topic = self.logged_topic(),
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
            topic = self.logged_topic(),
            user = self.shared.logged_user(),
            address = self.shared.logged_address(),
            ?reason,
            "a channel ended"
        );
    }
}
