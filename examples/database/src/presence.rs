//! The presence: the users in a room, with names from the database.

use presence_channels::Presences;
use serde_json::json;

use crate::store::Store;

pub(crate) struct Presence {
    store: Store,
}

impl Presence {
    pub(crate) fn new(store: Store) -> Self {
        Self { store }
    }

    async fn add_names(&self, presences: &mut Presences) -> anyhow::Result<()> {
        let ids: Vec<&str> = presences.keys().collect();
        let names = self.store.names(&ids).await?;
        for (id, entry) in presences {
            entry.insert("user", json!({ "name": names.get(id) }))?;
        }
        Ok(())
    }
}

impl presence_channels::Presence for Presence {
    const NAME: &str = "database.presence";

    async fn fetch(&self, topic: &str, mut presences: Presences) -> Presences {
        // Presences are shown even if the database cannot return the names.
        if let Err(error) = self.add_names(&mut presences).await {
            tracing::error!(%error, topic, "presences shown without names");
        }
        presences
    }
}
