//! Counts and logs what limits refuse.

use std::{fmt, time::Duration};

use parking_lot::Mutex;
use tokio::time::Instant;

use super::{instrument::Counter, shown::Cut};

/// The time between two log lines of one limit and mount.
const LOG_PERIOD: Duration = Duration::from_secs(1);

/// A limit that refuses something to a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Limit {
    Connections,
    ConnectionsPerAddress,
    ConnectionsPerUser,
    MessageBytes,
    Channels,
    TopicBytes,
    EventBytes,
    RefBytes,
    JoinsUnderWay,
    MessageRate,
    ChannelMessageRate,
    RouteRate,
    EventRate,
    RouteUserRate,
    UserRate,
    BodyBytes,
    Batch,
}

impl Limit {
    const ALL: [Self; 17] = [
        Self::Connections,
        Self::ConnectionsPerAddress,
        Self::ConnectionsPerUser,
        Self::MessageBytes,
        Self::Channels,
        Self::TopicBytes,
        Self::EventBytes,
        Self::RefBytes,
        Self::JoinsUnderWay,
        Self::MessageRate,
        Self::ChannelMessageRate,
        Self::RouteRate,
        Self::EventRate,
        Self::RouteUserRate,
        Self::UserRate,
        Self::BodyBytes,
        Self::Batch,
    ];

    /// Returns the setting of the limit, as an app writes it.
    pub(crate) fn setting(self) -> &'static str {
        match self {
            Self::Connections => "Config::max_connections",
            Self::ConnectionsPerAddress => "Config::max_connections_per_address",
            Self::ConnectionsPerUser => "Limits::max_connections_per_user",
            Self::MessageBytes => "Limits::max_message_bytes",
            Self::Channels => "Limits::max_channels",
            Self::TopicBytes => "Limits::max_topic_bytes",
            Self::EventBytes => "Limits::max_event_bytes",
            Self::RefBytes => "Limits::max_ref_bytes",
            Self::JoinsUnderWay => "Limits::max_joins_under_way",
            Self::MessageRate => "Limits::max_message_rate",
            Self::ChannelMessageRate => "Limits::max_channel_message_rate",
            Self::RouteRate => "Route::rate",
            Self::EventRate => "Route::event_rate",
            Self::RouteUserRate => "Route::user_rate",
            Self::UserRate => "Routes::user_rate",
            Self::BodyBytes => "LongpollOptions::max_body_bytes",
            Self::Batch => "LongpollOptions::max_batch",
        }
    }

    /// Returns the name of the limit: its setting without the type, unless another has that, too.
    fn name(self) -> &'static str {
        match self {
            Self::RouteRate => "route_rate",
            Self::RouteUserRate => "route_user_rate",
            limit => {
                let (_, name) = limit
                    .setting()
                    .split_once("::")
                    .expect("a setting has both");
                name
            }
        }
    }
}

/// Counters and log lines of the limits of one mount.
pub(crate) struct LimitMeters {
    path: String,
    refusals: [Refusals; Limit::ALL.len()],
}

struct Refusals {
    counter: Counter,
    gate: Mutex<Gate>,
}

impl LimitMeters {
    /// Creates the meters of the socket at `path`.
    pub(crate) fn new(path: &str) -> Self {
        let refusals = Limit::ALL.map(|limit| {
            let labels = [("socket", path), ("limit", limit.name())];
            Refusals {
                counter: Counter::new("presence_channels_limit_refused_total", &labels),
                gate: Mutex::default(),
            }
        });
        Self {
            path: path.to_owned(),
            refusals,
        }
    }

    /// Counts a refusal. Logs it, unless the same limit was logged within the last second. `what`
    /// is the topic, the address or the like that was refused.
    pub(crate) fn refused(&self, limit: Limit, what: impl fmt::Display) {
        let refusals = &self.refusals[limit as usize];
        refusals.counter.add(1);
        let Some(suppressed) = refusals.gate.lock().pass(Instant::now()) else {
            return;
        };
        let (socket, setting) = (&*self.path, limit.setting());
        // A field of text is quoted, so that a client adds no lines.
        let what = Cut(&what).to_string();
        tracing::warn!(socket, setting, what, suppressed, "refused by a limit");
    }
}

/// Lets one line through per period, and counts those that it holds back.
#[derive(Default)]
struct Gate {
    last: Option<Instant>,
    suppressed: u64,
}

impl Gate {
    /// Returns the number of lines held back since the last one, or `None` to hold this one back.
    fn pass(&mut self, now: Instant) -> Option<u64> {
        if self.last.is_some_and(|last| now < last + LOG_PERIOD) {
            self.suppressed += 1;
            return None;
        }
        self.last = Some(now);
        Some(std::mem::take(&mut self.suppressed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_passes_a_second_and_names_the_number_of_the_others() {
        let mut gate = Gate::default();
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        assert_eq!(gate.pass(at(0)), Some(0));
        assert_eq!(gate.pass(at(1)), None);
        assert_eq!(gate.pass(at(999)), None);
        assert_eq!(gate.pass(at(1000)), Some(2));
        assert_eq!(gate.pass(at(1500)), None);
        assert_eq!(gate.pass(at(9000)), Some(1));
        assert_eq!(gate.pass(at(10_000)), Some(0));
    }

    #[test]
    fn each_limit_has_a_place_and_a_name_of_its_own() {
        let names: std::collections::HashSet<_> = Limit::ALL.map(Limit::name).into();
        assert_eq!(names.len(), Limit::ALL.len());
        for (place, limit) in Limit::ALL.into_iter().enumerate() {
            assert_eq!(limit as usize, place);
        }
    }
}
