//! The queries to the database.

use std::collections::HashMap;

use sqlx::{
    SqlitePool,
    sqlite::{SqliteConnectOptions, SqlitePoolOptions},
};

/// The database pool. It is cheap to clone.
#[derive(Clone)]
pub(crate) struct Store(SqlitePool);

#[derive(serde::Serialize)]
pub(crate) struct Message {
    pub(crate) user_id: String,
    pub(crate) body: String,
}

impl Store {
    pub(crate) async fn open(url: &str) -> sqlx::Result<Self> {
        let options: SqliteConnectOptions = url.parse()?;
        let pool = SqlitePoolOptions::new()
            .connect_with(options.create_if_missing(true))
            .await?;
        sqlx::raw_sql(
            "CREATE TABLE IF NOT EXISTS users (id TEXT PRIMARY KEY, name TEXT NOT NULL);
             CREATE TABLE IF NOT EXISTS messages (
                 id INTEGER PRIMARY KEY, room TEXT NOT NULL, user_id TEXT NOT NULL,
                 body TEXT NOT NULL CHECK (length(body) BETWEEN 1 AND 1000)
             );
             CREATE INDEX IF NOT EXISTS messages_of_room ON messages (room, id);
             INSERT OR IGNORE INTO users VALUES ('alice', 'Alice Liddell'), ('bob', 'Bob Cratchit');",
        )
        .execute(&pool)
        .await?;
        Ok(Self(pool))
    }

    /// Returns the names of those `ids` that are users, with one query.
    pub(crate) async fn names(&self, ids: &[&str]) -> sqlx::Result<HashMap<String, String>> {
        let query = "SELECT id, name FROM users WHERE id IN (SELECT value FROM json_each(?))";
        let ids = serde_json::json!(ids).to_string();
        let names: Vec<(String, String)> =
            sqlx::query_as(query).bind(ids).fetch_all(&self.0).await?;
        Ok(names.into_iter().collect())
    }

    pub(crate) async fn say(&self, room: &str, message: &Message) -> sqlx::Result<()> {
        sqlx::query("INSERT INTO messages (room, user_id, body) VALUES (?, ?, ?)")
            .bind(room)
            .bind(&message.user_id)
            .bind(&message.body)
            .execute(&self.0)
            .await?;
        Ok(())
    }

    /// Returns the last `limit` messages of a room, oldest first.
    pub(crate) async fn last_messages(&self, room: &str, limit: u32) -> sqlx::Result<Vec<Message>> {
        let query = "SELECT user_id, body FROM messages WHERE room = ? ORDER BY id DESC LIMIT ?";
        let query = sqlx::query_as(query).bind(room).bind(limit);
        let newest_first: Vec<(String, String)> = query.fetch_all(&self.0).await?;
        let messages = newest_first.into_iter().rev();
        Ok(messages
            .map(|(user_id, body)| Message { user_id, body })
            .collect())
    }
}
