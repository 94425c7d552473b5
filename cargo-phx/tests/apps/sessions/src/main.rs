//! An app with a state that its handlers take apart, and with sessions.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::Router;
use axum::extract::{FromRef, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use tokio::net::TcpListener;
use tower_sessions::{MemoryStore, Session, SessionManagerLayer};

/// The state of the app.
#[derive(Clone)]
struct AppState {
    db: Database,
    visits: Arc<AtomicU64>,
}

/// A stand-in for a pool of connections to a database.
#[derive(Clone)]
struct Database {
    url: String,
}

impl Database {
    async fn connect(url: &str) -> anyhow::Result<Database> {
        anyhow::ensure!(url.contains("://"), "`{url}` is no address of a database");
        Ok(Database {
            url: url.to_owned(),
        })
    }
}

impl FromRef<AppState> for Database {
    fn from_ref(state: &AppState) -> Database {
        state.db.clone()
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let db = Database::connect("memory://").await?;
    let state = AppState {
        db,
        visits: Arc::default(),
    };
    let sessions = SessionManagerLayer::new(MemoryStore::default()).with_secure(false);
    let app = router(state).layer(sessions);

    let port = std::env::var("PORT").unwrap_or_else(|_| "3000".to_owned());
    let listener = TcpListener::bind(format!("127.0.0.1:{port}")).await?;
    println!("listening on {}", listener.local_addr()?);
    axum::serve(listener, app).await?;
    Ok(())
}

fn router(state: AppState) -> Router {
    Router::new()
        .route("/", get(index))
        .route("/database", get(database))
        .route("/login/{name}", post(login))
        .with_state(state)
}

async fn index(State(state): State<AppState>) -> String {
    let visits = state.visits.fetch_add(1, Ordering::Relaxed) + 1;
    format!("visit {visits}")
}

async fn database(State(db): State<Database>) -> String {
    db.url
}

async fn login(session: Session, name: axum::extract::Path<String>) -> StatusCode {
    match session.insert("name", name.0).await {
        Ok(()) => StatusCode::NO_CONTENT,
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn visits_are_counted() {
        let state = AppState {
            db: Database::connect("memory://").await.unwrap(),
            visits: Arc::default(),
        };
        assert_eq!(index(State(state.clone())).await, "visit 1");
        assert_eq!(index(State(state)).await, "visit 2");
    }

    #[tokio::test]
    async fn an_address_without_a_scheme_is_refused() {
        assert!(Database::connect("nowhere").await.is_err());
    }
}
