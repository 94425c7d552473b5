//! The measurements of one joiner, and the promises.

use std::fmt::Write;
use std::time::Duration;

use serde_json::{Value, json};

use super::Case;
use crate::link::Quality;
use crate::load;

/// The most that a joiner may receive to catch up, as a multiple of the minimum.
const RATIO: f64 = 1.3;
/// The longest time from the app's sender to the joiner's client.
const LATEST: Duration = Duration::from_secs(1);

/// The measurements of one joiner.
#[derive(Clone, Debug)]
pub(super) struct Outcome {
    pub(super) case: Case,
    pub(super) joiner: String,
    pub(super) quality: Quality,
    /// The time until it had all presences. `None` if it never did.
    pub(super) took: Option<Duration>,
    /// The time, of those, until messages of the app arrived again after a partition.
    pub(super) linked_after: Option<Duration>,
    /// The time that a link may take to come back, which is allowed beside the rule's.
    pub(super) relinking: Duration,
    /// The bytes since the begin without the app's messages, which are counted at `message_bytes`,
    /// until the link was idle.
    pub(super) bytes: u64,
    /// The bytes of the link for one message of the app.
    pub(super) message_bytes: f64,
    /// The CPU time of its process meanwhile. On a busy machine, the process had to wait for it.
    pub(super) cpu: Duration,
    /// The bytes that hold what it lacked.
    pub(super) minimum: u64,
    /// The bytes that it sent meanwhile.
    pub(super) sent_bytes: u64,
    /// The part of the bandwidth that the app's messages took afterwards.
    pub(super) load: Option<f64>,
    pub(super) app: load::Outcome,
    /// The nodes that another node saw down.
    pub(super) down: Vec<String>,
    /// The lines of its log that are warnings or errors.
    pub(super) warnings: usize,
}

impl Outcome {
    /// Returns the longest time that is allowed, or `None` without a limit on the bandwidth.
    fn allowed(&self) -> Option<Duration> {
        let rate = self.quality.bytes_per_second()?;
        let twice = Duration::from_secs_f64(2.0 * self.minimum as f64 / rate);
        let rule = twice + Duration::from_secs(1) + 10 * self.quality.round_trip;
        Some(rule + self.relinking)
    }

    fn ratio(&self) -> f64 {
        self.bytes as f64 / self.minimum as f64
    }

    fn link(&self) -> String {
        let mbit = self
            .quality
            .mbit
            .map_or("unlimited".to_owned(), |mbit| format!("{mbit} Mbit/s"));
        format!("{mbit}, {} ms", self.quality.round_trip.as_millis())
    }

    pub(super) fn figures(&self) -> Value {
        let seconds = |time: Duration| hundredth(time.as_secs_f64());
        json!({
            "case": self.case.name(),
            "joiner": self.joiner,
            "mbit": self.quality.mbit,
            "rtt_ms": self.quality.round_trip.as_millis() as u64,
            "seconds": self.took.map(seconds),
            "allowed_seconds": self.allowed().map(seconds),
            "linked_after_seconds": self.linked_after.map(seconds),
            "cpu_seconds": seconds(self.cpu),
            "bytes": self.bytes,
            "minimum": self.minimum,
            "ratio": hundredth(self.ratio()),
            "sent_bytes": self.sent_bytes,
            "app_load": self.load.map(hundredth),
            "app_message_bytes": self.message_bytes.round(),
            "app_sent": self.app.sent,
            "app_lost": self.app.lost,
            "app_latest_ms": self.app.latest.as_millis() as u64,
            "down": self.down,
            "warnings": self.warnings,
        })
    }

    /// Returns a line for each promise that is broken.
    pub(super) fn broken(&self) -> Vec<String> {
        let mut broken = Vec::new();
        match (self.took, self.allowed()) {
            (None, _) => broken.push("it never had all presences".to_owned()),
            (Some(took), Some(allowed)) if took > allowed => {
                broken.push(format!("it took {took:.2?}, longer than {allowed:.2?}"));
            }
            _ => {}
        }
        if self.ratio() > RATIO {
            broken.push(format!(
                "it received {:.2} times the minimum, more than {RATIO}",
                self.ratio()
            ));
        }
        if self.app.sent == 0 {
            broken.push("no message of the app arrived".to_owned());
        }
        if self.app.lost > 0 {
            let (lost, sent) = (self.app.lost, self.app.sent);
            let (first, last) = self.app.lost_within.unwrap_or_default();
            broken.push(format!(
                "{lost} of {sent} messages of the app were lost, sent {first:.2?} to {last:.2?} after the begin"
            ));
        }
        if self.app.latest > LATEST {
            let latest = self.app.latest;
            broken.push(format!(
                "a message of the app took {latest:.2?}, longer than {LATEST:?}"
            ));
        }
        if !self.down.is_empty() {
            broken.push(format!("nodes were seen down: {}", self.down.join(", ")));
        }
        let of = format!("{} over {}, {}", self.case.name(), self.link(), self.joiner);
        broken
            .into_iter()
            .map(|line| format!("{of}: {line}"))
            .collect()
    }
}

fn hundredth(number: f64) -> f64 {
    (number * 100.0).round() / 100.0
}

/// Returns a table for reading.
pub(super) fn table(outcomes: &[Outcome]) -> String {
    let mut table = String::from(
        "| case | link | seconds | allowed | CPU seconds | MB | minimum | ratio | app lost | latest ms | down |\n\
         | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n",
    );
    for outcome in outcomes {
        let time = |time: Option<Duration>, or: &str| {
            time.map_or(or.to_owned(), |time| format!("{:.2}", time.as_secs_f64()))
        };
        // Writing to a text cannot fail.
        let _ = writeln!(
            table,
            "| {} | {} | {} | {} | {:.2} | {:.2} | {:.2} | {:.2} | {} of {} | {} | {} |",
            outcome.case.name(),
            outcome.link(),
            time(outcome.took, "never"),
            time(outcome.allowed(), ""),
            outcome.cpu.as_secs_f64(),
            outcome.bytes as f64 / 1e6,
            outcome.minimum as f64 / 1e6,
            outcome.ratio(),
            outcome.app.lost,
            outcome.app.sent,
            outcome.app.latest.as_millis(),
            outcome.down.len(),
        );
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A joiner that lacked 1.25 MB, behind 10 Mbit/s: a second for the minimum.
    fn kept() -> Outcome {
        Outcome {
            case: Case::Join,
            joiner: "j1".to_owned(),
            quality: Quality {
                mbit: Some(10),
                round_trip: Duration::from_millis(50),
            },
            took: Some(Duration::from_millis(3400)),
            linked_after: None,
            relinking: Duration::ZERO,
            bytes: 1_600_000,
            message_bytes: 2100.0,
            cpu: Duration::from_millis(200),
            minimum: 1_250_000,
            sent_bytes: 20_000,
            load: Some(0.18),
            app: load::Outcome {
                sent: 300,
                lost: 0,
                latest: Duration::from_millis(900),
                lost_within: None,
            },
            down: Vec::new(),
            warnings: 0,
        }
    }

    #[test]
    fn a_joiner_within_the_rule_breaks_nothing() {
        assert_eq!(kept().allowed(), Some(Duration::from_millis(3500)));
        assert_eq!(kept().broken(), Vec::<String>::new());
    }

    /// A change of an outcome, and the promise that it breaks.
    type Break = (fn(&mut Outcome), &'static str);

    #[test]
    fn each_promise_can_break() {
        let breaks: [Break; 7] = [
            (|it| it.took = None, "it never had all presences"),
            (
                |it| it.took = Some(Duration::from_millis(3600)),
                "it took 3.60s, longer than 3.50s",
            ),
            (
                |it| it.bytes = 1_650_000,
                "it received 1.32 times the minimum, more than 1.3",
            ),
            (|it| it.app.sent = 0, "no message of the app arrived"),
            (
                |it| it.app.lost = 2,
                "2 of 300 messages of the app were lost, sent 0.00ns to 0.00ns after the begin",
            ),
            (
                |it| it.app.latest = Duration::from_millis(1100),
                "a message of the app took 1.10s, longer than 1s",
            ),
            (|it| it.down.push("a".to_owned()), "nodes were seen down: a"),
        ];
        for (spoil, line) in breaks {
            let mut outcome = kept();
            spoil(&mut outcome);
            let expected = format!("join over 10 Mbit/s, 50 ms, j1: {line}");
            assert_eq!(outcome.broken(), [expected]);
        }
    }

    #[test]
    fn a_link_that_comes_back_has_time_for_that() {
        let mut outcome = kept();
        outcome.relinking = Duration::from_secs(2);
        assert_eq!(outcome.allowed(), Some(Duration::from_millis(5500)));
        outcome.quality.mbit = None;
        assert_eq!(outcome.allowed(), None);
    }
}
