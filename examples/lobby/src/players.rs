//! The players of all matches, and the numbers that the lobby shows.

use std::collections::HashMap;

use presence_channels::{Broadcast, Current, Diff, Payload, PubSub, StatefulPresence};
use serde_json::json;

pub(crate) struct Players {
    pubsub: PubSub,
}

impl Players {
    pub(crate) fn new(pubsub: PubSub) -> Self {
        Self { pubsub }
    }
}

impl StatefulPresence for Players {
    const NAME: &str = "lobby.players";

    /// The last number of players of each match, by topic.
    type State = HashMap<String, usize>;

    async fn init(&self) -> Self::State {
        HashMap::new()
    }

    /// Sends the members of the lobby a match's new number of players. Every node runs this
    /// callback, so each one sends to its own clients alone.
    async fn handle_metas(
        &self,
        topic: &str,
        _: &Diff,
        presences: &Current<'_>,
        counts: &mut Self::State,
    ) {
        let count = presences.count();
        let before = match count {
            0 => counts.remove(topic),
            _ => counts.insert(topic.to_owned(), count),
        };
        // The second device of a player changes no number.
        if before.unwrap_or_default() != count {
            let id = topic.strip_prefix("match:");
            let payload = Payload::encode(&json!({ "match": id, "players": count }));
            let payload = payload.expect("a text and a number have a JSON form");
            let message = Broadcast::new("lobby", "match_changed", payload);
            self.pubsub.local_broadcast(message);
        }
    }
}
