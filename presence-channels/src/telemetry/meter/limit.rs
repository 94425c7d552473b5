//! Counters of the limits that a route's channels reach.

use crate::telemetry::instrument::{Counter, Labels};

/// A limit that was reached. Its name is that of the setting.
#[derive(Clone, Copy, Debug)]
pub(crate) enum ReachedLimit {
    MaxWaitingMessages,
    MaxWaitingBytes,
}

/// One counter for each limit.
pub(super) struct LimitCounters([Counter; 2]);

impl ReachedLimit {
    const ALL: [Self; 2] = [Self::MaxWaitingMessages, Self::MaxWaitingBytes];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::MaxWaitingMessages => "max_waiting_messages",
            Self::MaxWaitingBytes => "max_waiting_bytes",
        }
    }
}

impl LimitCounters {
    pub(super) fn new([socket, route]: [(&'static str, &str); 2]) -> Self {
        Self(ReachedLimit::ALL.map(|limit| {
            let labels: Labels<'_> = &[socket, route, ("limit", limit.name())];
            Counter::new("presence_channels_limits_reached_total", labels)
        }))
    }

    pub(super) fn count(&self, limit: ReachedLimit) {
        self.0[limit as usize].add(1);
    }
}
