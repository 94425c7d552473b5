//! The players of a lobby.

use std::collections::BTreeMap;

use presence_core::presence::{Diff, Presences};
use presence_core::tracker::{TrackError, Watch, WatchEvent};
use presence_core::{Owner, Presence, Tracker};
use serde::{Deserialize, Serialize};

/// The players of all lobbies.
pub(crate) struct Players;

impl Presence for Players {
    const NAME: &'static str = "game.players";
}

/// The first line of a player.
#[derive(Debug, Deserialize)]
pub(crate) struct Hello {
    lobby: String,
    name: String,
}

/// A line to a player.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Line {
    /// All players of the lobby.
    Players(Vec<String>),
    /// Players who came, and players who left.
    Changed {
        joined: Vec<String>,
        left: Vec<String>,
    },
    /// The player cannot join.
    Refused(String),
}

/// A player in a lobby. The player leaves when this is dropped.
pub(crate) struct Seat {
    watch: Watch<Players>,
    /// The players who are here, each with the number of connections.
    players: BTreeMap<String, usize>,
    /// Tracks the player until it is dropped.
    _owner: Owner,
}

impl Seat {
    /// Takes a seat in a lobby, for a connection.
    pub(crate) async fn take(
        players: &Tracker<Players>,
        hello: &Hello,
    ) -> Result<Self, TrackError> {
        let owner = Owner::new();
        let topic = format!("lobby:{}", hello.lobby);
        let meta = serde_json::json!({});
        players.track_as(&owner, &topic, &hello.name, meta).await?;
        Ok(Self {
            watch: players.watch(&topic),
            players: BTreeMap::new(),
            _owner: owner,
        })
    }

    /// Waits for the next line to the player. `None`: the server stops.
    pub(crate) async fn next(&mut self) -> Option<Line> {
        loop {
            match self.watch.next().await? {
                WatchEvent::State(list) => {
                    self.players = counts(&list).collect();
                    let names = self.players.keys().cloned();
                    return Some(Line::Players(names.collect()));
                }
                WatchEvent::Diff(diff) => {
                    if let Some(line) = self.changed(&diff) {
                        return Some(line);
                    }
                }
                _ => {}
            }
        }
    }

    /// A player with two connections comes with the first, and leaves with the last.
    fn changed(&mut self, diff: &Diff) -> Option<Line> {
        let (mut joined, mut left) = (Vec::new(), Vec::new());
        for (name, count) in counts(&diff.joins) {
            let held = self.players.entry(name.clone()).or_default();
            if *held == 0 {
                joined.push(name);
            }
            *held += count;
        }
        for (name, count) in counts(&diff.leaves) {
            if let Some(held) = self.players.get_mut(&name) {
                *held -= count.min(*held);
                if *held == 0 {
                    self.players.remove(&name);
                    left.push(name);
                }
            }
        }
        // One who comes and goes within a diff, as on another connection, has not moved.
        let both: Vec<_> = joined
            .iter()
            .filter(|name| left.contains(name))
            .cloned()
            .collect();
        joined.retain(|name| !both.contains(name));
        left.retain(|name| !both.contains(name));
        (!joined.is_empty() || !left.is_empty()).then_some(Line::Changed { joined, left })
    }
}

fn counts(presences: &Presences) -> impl Iterator<Item = (String, usize)> {
    let entries = presences.iter();
    entries.map(|(name, entry)| (name.to_owned(), entry.metas().len()))
}
