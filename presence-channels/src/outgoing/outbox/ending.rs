//! The end of a connection: who ends it, with which reason, and what that means for presences.
//!
//! A connection ends once. The first reason stays, and nothing follows the close frame.

use std::task::Waker;

use presence_core::tracker::Disconnect;

use super::{Outbox, OutboxPhase, StateGuard, state::wake_all, wake};
use crate::{outgoing::close_code, telemetry::Limit};

/// The reason of an end without a close frame.
const LOST: &str = "the client is gone";

/// The end of a connection, as far as it is known.
pub(super) struct Ending {
    reason: Option<&'static str>,
    /// The end for presences. `None`: they end at once.
    disconnect: Option<Disconnect>,
    /// The code and reason to close with when the channels have ended, if they were asked to end.
    drain: Option<(u16, &'static str)>,
}

impl Default for Ending {
    fn default() -> Self {
        Self {
            reason: None,
            disconnect: Some(Disconnect::Lost),
            drain: None,
        }
    }
}

impl Ending {
    /// The server closes the connection.
    pub(super) fn closes(&mut self, code: u16, reason: &'static str) {
        self.reason.get_or_insert(reason);
        if close_code::MEANT.contains(&code) {
            self.disconnect = None;
        }
    }

    fn closed_by_peer(&mut self) {
        self.reason.get_or_insert("closed by the client");
        self.disconnect = Some(Disconnect::Closed);
    }

    /// The connection is gone.
    pub(super) fn lost(&mut self) {
        self.reason.get_or_insert(LOST);
    }

    /// The channels are asked to end, and the connection is closed after the last of them.
    fn drains(&mut self, code: u16, reason: &'static str) {
        self.drain = Some((code, reason));
    }

    pub(super) fn is_draining(&self) -> bool {
        self.drain.is_some()
    }

    fn reason(&self) -> &'static str {
        let drain = self.drain.map(|(_, reason)| reason);
        self.reason.or(drain).unwrap_or(LOST)
    }

    fn disconnect(&self) -> Option<Disconnect> {
        self.disconnect.filter(|_| !self.is_draining())
    }
}

impl Outbox {
    /// Closes the connection if the client has taken nothing for too long, while more waits for it
    /// than may, or if it has more than its share of a budget that is scarce.
    pub(crate) fn close_if_stalled(&self, now: u64) {
        if self.liveness.stalled_for(now).is_some() {
            // The client may have taken bytes without a report of the system.
            self.probe();
        }
        let stalled = self.liveness.stalled_for(now);
        let is_stalled = stalled.is_some_and(|stalled| stalled >= self.slow_reader_timeout);
        if !is_stalled && self.flushers.backlog().share_if_scarce().is_none() {
            return;
        }
        let state = self.state.lock();
        if state.phase != OutboxPhase::Open {
            return;
        }
        if is_stalled {
            self.close_slow(state, Limit::SlowReaderTimeout);
        } else if self.is_over_share(&state) {
            self.close_slow(state, Limit::QueuedBytes);
        }
    }

    /// Closes the connection of a client that reads too slowly, without what waits for it.
    pub(super) fn close_slow(&self, mut state: StateGuard<'_>, limit: Limit) {
        let bytes = state.queue.cost();
        state.queue.clear_unsent();
        state.close(close_code::TRY_AGAIN, "slow reader");
        self.closed(state);
        let what = format_args!("a client that does not read what waits for it: {bytes} bytes");
        self.meter.limits().closed(limit, what);
    }

    /// Closes the connection with a code and a reason. Later frames are dropped.
    pub(crate) fn close(&self, code: u16, reason: &'static str) {
        let mut state = self.state.lock();
        if state.phase == OutboxPhase::Open {
            state.close(code, reason);
            self.closed(state);
        }
    }

    /// Has the socket's task see the end of the connection, and write the close frame.
    fn closed(&self, mut state: StateGuard<'_>) {
        state.recount(&self.flushers);
        let room = state.make_room(self.congestion());
        let waker = if state.attended {
            None
        } else {
            state.waker.clone()
        };
        drop(state);
        wake_all(room);
        waker.into_iter().for_each(Waker::wake);
    }

    /// Asks the connection to end as soon as its channels have: what their handlers still answer is
    /// delivered, and then the connection is closed.
    pub(crate) fn drain(&self, code: u16, reason: &'static str) {
        let mut state = self.state.lock();
        state.ending.drains(code, reason);
        wake(state.waker.clone(), state);
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.state.lock().ending.is_draining()
    }

    /// Handles the end of the connection's last channel: a connection that was asked to drain is
    /// closed.
    pub(crate) fn drained(&self) {
        let drain = self.state.lock().ending.drain;
        if let Some((code, reason)) = drain {
            self.close(code, reason);
        }
    }

    /// The peer began to close, and its answer is queued: nothing may follow.
    pub(crate) fn closed_by_peer(&self) {
        let mut state = self.state.lock();
        if state.phase == OutboxPhase::Open {
            state.ending.closed_by_peer();
            state.phase = OutboxPhase::Closing;
        }
    }

    /// Returns the reason that the connection ends.
    pub(crate) fn end(&self) -> &'static str {
        self.state.lock().ending.reason()
    }

    /// Returns the end of the connection for presences. `None`: they end at once.
    pub(crate) fn disconnect(&self) -> Option<Disconnect> {
        self.state.lock().ending.disconnect()
    }

    /// Drops the connection without a close frame.
    pub(crate) fn abandon(&self) {
        let mut state = self.state.lock();
        state.abandon();
        self.closed(state);
    }
}
