//! The messages that one machine's node has received, seen from outside: facts that it may not
//! forget, and conclusions that it may not jump to.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::ledger::Finding;
use super::violation::Rule;
use crate::replication::message;
use crate::replication::node::{NodeOptions, ReplicaView, Status};
use crate::replication::set::{Entry, Incarnation, Origin};

/// The memory of what reached a node.
#[derive(Clone, Debug, Default)]
pub(super) struct Witness {
    /// The latest message of each name, and when it came.
    heard: BTreeMap<String, Heard>,
    /// Those that have left in its eyes, and how many of their entries it still shows.
    left: BTreeMap<Origin, usize>,
    /// For how long the process stood still, when it was for long, or its engine had no broker.
    stood_still: Duration,
    /// Since when its engine has no broker.
    away: Option<Duration>,
    /// Since when it stands still.
    stopped: Option<Duration>,
}

#[derive(Clone, Copy, Debug)]
struct Heard {
    latest: (Incarnation, u64),
    at: Duration,
}

impl Witness {
    /// A message reaches the node.
    pub(super) fn hear(&mut self, message: &[u8], now: Duration) {
        let Ok((header, _)) = message::decode(message) else {
            return;
        };
        let latest = (header.sender.incarnation, header.number);
        // Without a broker, the time does not count, and so none has passed since then.
        let at = self.away.unwrap_or(now).saturating_sub(self.stood_still);
        match self.heard.get_mut(header.sender.name.as_str()) {
            Some(heard) if heard.latest >= latest => {}
            Some(heard) => *heard = Heard { latest, at },
            None => {
                self.heard
                    .insert(header.sender.name.as_str().to_owned(), Heard { latest, at });
            }
        }
    }

    pub(super) fn stop(&mut self, now: Duration) {
        self.stopped = Some(now);
    }

    /// The process goes on. A short stop cannot be told from a busy machine, and is no excuse.
    pub(super) fn go_on(&mut self, now: Duration, options: &NodeOptions) {
        let stood = self
            .stopped
            .take()
            .map_or(Duration::ZERO, |at| now.saturating_sub(at));
        if stood > 2 * options.broadcast_period && self.away.is_none() {
            self.stood_still += stood;
        }
    }

    /// The engine has lost its broker, or is connected again.
    pub(super) fn engine_is_away(&mut self, away: bool, now: Duration) {
        match away {
            true => {
                self.away.get_or_insert(now);
            }
            false => {
                let since = self.away.take().unwrap_or(now);
                self.stood_still += now.saturating_sub(since);
            }
        }
    }

    /// The node believes another one down. It may after it was up for long enough without hearing
    /// it.
    pub(super) fn down(
        &self,
        origin: &Origin,
        now: Duration,
        options: &NodeOptions,
    ) -> Result<(), Finding> {
        let Some(heard) = self.heard.get(origin.name.as_str()) else {
            return Ok(());
        };
        if self.away.is_some() {
            let what = format!("{} went down while the broker was away", origin.name);
            return Err((Rule::DownWhenSilent, what));
        }
        let short = 2 * options.broadcast_period;
        let least = options.down_period.saturating_sub(short);
        let least = least.min(options.suspect_period);
        let silent = now
            .saturating_sub(self.stood_still)
            .saturating_sub(heard.at);
        if heard.latest.0 == origin.incarnation && silent < least {
            let what = format!("{} was heard {silent:?} ago", origin.name);
            return Err((Rule::DownWhenSilent, what));
        }
        Ok(())
    }

    /// Checks that the shown entries of a replica that left only ever get fewer.
    pub(super) fn look<'a>(
        &mut self,
        views: &[ReplicaView],
        lived_twice: impl Fn(&Origin) -> bool,
        entries: impl Iterator<Item = &'a Arc<Entry>> + Clone,
    ) -> Result<(), Finding> {
        let left = views
            .iter()
            .filter(|view| view.status == Some(Status::Left));
        for view in left.filter(|view| !lived_twice(&view.origin)) {
            let of = entries
                .clone()
                .filter(|entry| *entry.tag.origin == view.origin);
            let shown = of.count();
            let before = self.left.entry(view.origin.clone()).or_insert(shown);
            if shown > *before {
                let what = format!("{shown} entries of {:?}, {before} before", view.origin);
                return Err((Rule::LeftForGood, what));
            }
            *before = shown;
        }
        Ok(())
    }
}
