//! The meter of HTTP connections that the crate's server closes.

use std::sync::Arc;

use crate::telemetry::instrument::Counter;

/// Counts the HTTP connections that were closed for a limit. A clone counts in the same place.
#[derive(Clone)]
pub(crate) struct HttpMeter(Arc<[Counter; 3]>);

/// The limit for which a request or its connection ended.
#[derive(Clone, Copy, Debug)]
pub(crate) enum HttpClose {
    Head,
    Body,
    Drain,
}

impl HttpMeter {
    pub(crate) fn new() -> Self {
        let counter =
            |limit| Counter::new("presence_channels_http_timeouts_total", &[("limit", limit)]);
        Self(Arc::new(
            ["head_timeout", "body_timeout", "drain_timeout"].map(counter),
        ))
    }

    pub(crate) fn closed(&self, limit: HttpClose) {
        self.closed_all(limit, 1);
    }

    pub(crate) fn closed_all(&self, limit: HttpClose, connections: usize) {
        self.0[limit as usize].add(connections as u64);
    }
}
