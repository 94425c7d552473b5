//! Counts and logs what limits refuse, drop and close.

mod failure_gates;
mod gate;
mod limit;

use std::{
    fmt,
    net::IpAddr,
    sync::atomic::{AtomicU64, Ordering},
};

use tracing::field::DisplayValue;

pub(super) use failure_gates::FailureGates;
pub(crate) use gate::Gate;
pub(crate) use limit::Limit;

use super::{instrument::Counter, shown::Cut};

/// Counters and log lines of the limits of one mount, or of one server.
pub(crate) struct LimitMeters {
    /// The mount's path. `None` for a server.
    path: Option<String>,
    /// `None` for limits that a mount, or a server, does not have.
    limits: [Option<LimitMeter>; Limit::ALL.len()],
    refusals: [Gate; Refused::COUNT],
}

/// The subject of a log line that is not of a limit, and that a client can cause again and again.
/// Of each, one line a second passes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Refused {
    Query,
    Origin,
    Subprotocol,
    Version,
    /// A request for a WebSocket that is not its handshake.
    Handshake,
    /// A client that `connect` refuses.
    Client,
    /// A client whose `connect` fails.
    FailedClient,
    /// A new token that `refresh` refuses.
    Token,
    /// A new token whose `refresh` fails.
    FailedToken,
    Join,
    /// The error of a refused join.
    JoinError,
    /// An event that its channel does not know.
    Event,
    /// A payload that is not an object, where only objects are sent.
    Payload,
    /// A message that the client's version of the protocol cannot carry.
    Frame,
    /// A presence that cannot be tracked or updated.
    Presence,
    /// A channel that is too slow for what it is sent.
    Slow,
    /// A request of another node that cannot be answered.
    PeerAnswer,
}

impl Refused {
    const COUNT: usize = Self::PeerAnswer as usize + 1;
}

/// The client that a log line names, as far as it is known.
#[derive(Default)]
pub(crate) struct LoggedClient {
    pub(crate) user: Option<String>,
    pub(crate) address: Option<DisplayValue<IpAddr>>,
}

struct LimitMeter {
    counter: Counter,
    gate: Gate,
    /// The drops that no log line has told yet.
    untold: AtomicU64,
}

impl LimitMeters {
    /// Creates the meters of the socket at `path`.
    pub(crate) fn of_socket(path: &str) -> Self {
        Self::new(Some(path))
    }

    /// Creates the meters of a server.
    pub(crate) fn of_server() -> Self {
        Self::new(None)
    }

    fn new(path: Option<&str>) -> Self {
        let limits = Limit::ALL.map(|limit| {
            let labels = [
                ("socket", path.unwrap_or_default()),
                ("limit", limit.name()),
            ];
            (limit.is_of_server() == path.is_none()).then(|| LimitMeter {
                counter: Counter::new("presence_channels_limits_total", &labels),
                gate: Gate::default(),
                untold: AtomicU64::new(0),
            })
        });
        Self {
            path: path.map(str::to_owned),
            limits,
            refusals: Default::default(),
        }
    }

    /// Counts a refusal. Logs it, unless the same limit was logged within the last second. `what`
    /// is the topic, the event or the like that was refused.
    pub(crate) fn refused(&self, limit: Limit, what: impl fmt::Display) {
        self.refused_to(limit, what, LoggedClient::default);
    }

    /// As [`refused`](Self::refused), to a client that the line names. `client` is called for a
    /// line only.
    pub(crate) fn refused_to(
        &self,
        limit: Limit,
        what: impl fmt::Display,
        client: impl FnOnce() -> LoggedClient,
    ) {
        self.reached(limit, 1, "refused", what, client);
    }

    /// As [`refused`](Self::refused), for a connection, a channel or a request that is ended.
    pub(crate) fn closed(&self, limit: Limit, what: impl fmt::Display) {
        self.closed_to(limit, what, LoggedClient::default);
    }

    /// As [`refused_to`](Self::refused_to), for what is ended.
    pub(crate) fn closed_to(
        &self,
        limit: Limit,
        what: impl fmt::Display,
        client: impl FnOnce() -> LoggedClient,
    ) {
        self.reached(limit, 1, "closed", what, client);
    }

    /// As [`closed`](Self::closed), for several at once.
    pub(crate) fn closed_all(&self, limit: Limit, count: usize, what: impl fmt::Display) {
        self.reached(limit, count as u64, "closed", what, LoggedClient::default);
    }

    /// Counts without a log line, which the caller writes if there is one.
    pub(crate) fn counted(&self, limit: Limit, count: u64) {
        self.of(limit).counter.add(count);
    }

    fn reached(
        &self,
        limit: Limit,
        count: u64,
        effect: &str,
        what: impl fmt::Display,
        client: impl FnOnce() -> LoggedClient,
    ) {
        self.counted(limit, count);
        let meter = self.of(limit);
        let Some(suppressed) = meter.gate.pass() else {
            return;
        };
        let (socket, setting) = (self.path.as_deref(), limit.setting());
        // A field of text is quoted, so that a client adds no lines.
        let what = Cut(&what).to_string();
        let LoggedClient { user, address } = client();
        macro_rules! log {
            ($level:ident) => {
                tracing::$level!(
                    socket,
                    setting,
                    what,
                    user,
                    address,
                    suppressed,
                    "{effect} by a limit"
                )
            };
        }
        match limit.is_reached_by_leaving() {
            true => log!(info),
            false => log!(warn),
        }
    }

    /// Counts a broadcast that is dropped for a client. Callers hold locks, and a big room drops
    /// many at once, so the next [`tell_drops`](Self::tell_drops) logs it.
    pub(crate) fn dropped(&self, limit: Limit) {
        self.dropped_all(limit, 1);
    }

    /// As [`dropped`](Self::dropped), for several clients at once.
    pub(crate) fn dropped_all(&self, limit: Limit, clients: u64) {
        let meter = self.of(limit);
        meter.counter.add(clients);
        meter.untold.fetch_add(clients, Ordering::Relaxed);
    }

    /// Logs the broadcasts that were dropped since the last line, at most one line a second for
    /// each limit.
    pub(crate) fn tell_drops(&self) {
        for limit in Limit::ALL {
            let Some(meter) = &self.limits[limit as usize] else {
                continue;
            };
            if meter.untold.load(Ordering::Relaxed) == 0 || meter.gate.pass().is_none() {
                continue;
            }
            let dropped = meter.untold.swap(0, Ordering::Relaxed);
            let (socket, setting) = (self.path.as_deref(), limit.setting());
            tracing::warn!(socket, setting, dropped, "broadcasts dropped by a limit");
        }
    }

    /// Lets one log line a second of a refusal through. Returns the number of lines held back since
    /// the last one, or `None` to hold this one back.
    pub(crate) fn pass(&self, refused: Refused) -> Option<u64> {
        self.refusals[refused as usize].pass()
    }

    /// Logs a message that was left out of a poll's answer, because it has no form there.
    pub(super) fn left_out(&self, bytes: usize) {
        if let Some(suppressed) = self.pass(Refused::Frame) {
            let socket = self.path.as_deref();
            tracing::warn!(
                socket,
                bytes,
                suppressed,
                "dropped a binary message for a client that polls"
            );
        }
    }

    fn of(&self, limit: Limit) -> &LimitMeter {
        let meter = self.limits[limit as usize].as_ref();
        meter.expect("mounts meter the limits of mounts, servers those of servers")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_limit_is_metered_by_a_mount_or_by_a_server() {
        let (socket, server) = (LimitMeters::of_socket("/s"), LimitMeters::of_server());
        for limit in Limit::ALL {
            let [socket, server] = [&socket, &server].map(|meters| &meters.limits[limit as usize]);
            assert_eq!(socket.is_some(), !limit.is_of_server(), "{limit:?}");
            assert_eq!(server.is_some(), limit.is_of_server(), "{limit:?}");
        }
    }
}
