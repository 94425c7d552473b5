//! Which friends are online, and when the others were last seen, on one node or several.

mod channel;
#[cfg(test)]
mod tests;

use std::{
    env,
    time::{Duration, UNIX_EPOCH},
};

use anyhow::Context;
use presence_channels::adapters::{Peers, Zenoh, ZenohOptions};
use presence_channels::presence::KeyEvent;
use presence_channels::{Broadcast, Config, Endpoint, Payload, Presence, PubSub, Tracker};
use sqlx::{SqlitePool, sqlite::SqliteConnectOptions};
use tokio::{net::TcpListener, time::timeout};

/// The longest wait for the other nodes when this one starts.
const FIND_OTHERS: Duration = Duration::from_secs(10);

/// The users who are online, and the table of when the others were last seen.
struct Online {
    pool: SqlitePool,
    pubsub: PubSub,
}

impl Online {
    /// Sends an event to the clients on all nodes that follow a user.
    fn send_to_followers(&self, user: &str, event: &str) {
        let message = Broadcast::new(format!("friend:{user}"), event, Payload::empty());
        if let Err(error) = self.pubsub.broadcast(message) {
            tracing::error!(%error, user, event, "some followers did not get it");
        }
    }
}

impl Presence for Online {
    const NAME: &str = "friends.online";

    /// Tells those who follow the users. Runs on one node of the cluster, so nobody gets the event
    /// from each node.
    async fn handle_first_joins(&self, _: &str, joins: &[KeyEvent]) {
        for join in joins {
            self.send_to_followers(&join.key, "online");
        }
    }

    /// Writes when users were last seen. Runs on one node of the cluster. The query keeps the later
    /// time, because the next node may repeat what a killed one has done.
    async fn handle_last_leaves(&self, _: &str, leaves: &[KeyEvent]) {
        let query = "INSERT INTO seen VALUES (?, ?)
                     ON CONFLICT (user_id) DO UPDATE SET at = max(at, excluded.at)";
        for leave in leaves {
            self.send_to_followers(&leave.key, "offline");
            let at = leave.at.duration_since(UNIX_EPOCH).unwrap_or_default();
            let query = sqlx::query(query).bind(&*leave.key);
            match query.bind(at.as_millis() as i64).execute(&self.pool).await {
                Ok(_) => tracing::info!(user = &*leave.key, leave.is_repeated, "last seen"),
                Err(error) => tracing::error!(%error, "a time was not written"),
            }
        }
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    tracing_subscriber::fmt::init();
    let variable = |name: &str| env::var(name).with_context(|| format!("{name} is not set"));
    let port = variable("PORT").unwrap_or("4000".to_owned());
    let pubsub = match env::var("PEERS") {
        Ok(peers) => {
            let peers = Peers::List(peers.split(',').map(str::to_owned).collect());
            let (name, listen) = (variable("NODE_NAME")?, variable("LISTEN")?);
            PubSub::with_adapter(Zenoh::connect(ZenohOptions::new(&name, &listen, peers)).await?)
        }
        Err(_) => PubSub::local(),
    };
    let endpoint = start(pubsub, &variable("DATABASE_URL")?).await?;
    let listener = TcpListener::bind(format!("127.0.0.1:{port}")).await;
    let listener = listener.with_context(|| format!("cannot listen on port {port}"))?;
    presence_channels::serve(listener, endpoint.router(), &endpoint)
        .with_graceful_shutdown(async { tokio::signal::ctrl_c().await.expect("ctrl-c is handled") })
        .await?;
    Ok(())
}

async fn start(pubsub: PubSub, database_url: &str) -> anyhow::Result<Endpoint> {
    let options: SqliteConnectOptions = database_url.parse()?;
    let pool = SqlitePool::connect_with(options.create_if_missing(true)).await?;
    let table = "CREATE TABLE IF NOT EXISTS seen (user_id TEXT PRIMARY KEY, at INTEGER)";
    sqlx::query(table).execute(&pool).await?;
    let presence = Online {
        pool,
        pubsub: pubsub.clone(),
    };
    let online = Tracker::start(&pubsub, presence);
    let endpoint = Endpoint::builder(pubsub)
        .supervise(&online)
        .socket::<channel::UserSocket>("/socket", online.clone())
        .start(Config::default())
        .await?;
    // A node that does not know yet who is on the others takes no clients.
    // If that takes too long, it takes its own clients all the same.
    if timeout(FIND_OTHERS, online.caught_up()).await.is_err() {
        tracing::warn!("the other nodes are not known yet: the list of friends may be incomplete");
    }
    Ok(endpoint)
}
