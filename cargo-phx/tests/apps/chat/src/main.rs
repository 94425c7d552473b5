//! A chat over server-sent events, with its state behind an `Arc`.

use std::collections::HashSet;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::sse::{Event, Sse};
use axum::response::{Html, IntoResponse};
use axum::routing::{get, post};
use futures_util::stream::{Stream, unfold};
use tokio::sync::broadcast;

// The state that the handlers share.
struct AppState {
    // The names that are taken.
    names: Mutex<HashSet<String>>,
    // Sends each line to all readers.
    lines: broadcast::Sender<String>,
}

#[tokio::main]
async fn main() {
    let names = Mutex::new(HashSet::new());
    let (lines, _) = broadcast::channel(100);

    let app_state = Arc::new(AppState { names, lines });

    let app = Router::new()
        .route("/", get(index))
        .route("/lines", get(read))
        .route("/lines/{name}", post(write))
        .with_state(app_state);

    let port = std::env::var("PORT").unwrap_or_else(|_| "3000".to_owned());
    let listener = tokio::net::TcpListener::bind(format!("127.0.0.1:{port}"))
        .await
        .unwrap();
    println!("listening on {}", listener.local_addr().unwrap());
    axum::serve(listener, app).await.unwrap();
}

// The page is part of the program.
async fn index() -> Html<&'static str> {
    Html(include_str!("../chat.html"))
}

async fn read(
    State(state): State<Arc<AppState>>,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let lines = state.lines.subscribe();
    Sse::new(unfold(lines, |mut lines| async {
        let line = lines.recv().await.ok()?;
        Some((Ok(Event::default().data(line)), lines))
    }))
}

async fn write(
    State(state): State<Arc<AppState>>,
    Path(name): Path<String>,
    line: String,
) -> impl IntoResponse {
    let news = state.names.lock().unwrap().insert(name.clone());
    if news {
        let _ = state.lines.send(format!("{name} joined"));
    }
    let _ = state.lines.send(format!("{name}: {line}"));
    StatusCode::NO_CONTENT
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_line_reaches_readers_after_the_join_of_its_writer() {
        let (lines, mut reader) = broadcast::channel(10);
        let state = Arc::new(AppState {
            names: Mutex::default(),
            lines,
        });
        for line in ["hello", "again"] {
            let name = Path("ada".to_owned());
            write(State(Arc::clone(&state)), name, line.to_owned()).await;
        }
        for line in ["ada joined", "ada: hello", "ada: again"] {
            assert_eq!(reader.recv().await.unwrap(), line);
        }
    }
}
