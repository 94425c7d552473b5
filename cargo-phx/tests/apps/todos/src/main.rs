//! A REST API of todos, kept in memory.

use std::collections::BTreeMap;
use std::sync::{Arc, RwLock};

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::{get, patch};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};

#[tokio::main]
async fn main() {
    let db = Db::default();

    let app = Router::new()
        .route("/todos", get(list).post(create))
        .route("/todos/{id}", patch(update).delete(remove))
        .with_state(db);

    let port = std::env::var("PORT").unwrap_or_else(|_| "3000".to_owned());
    let listener = tokio::net::TcpListener::bind(format!("127.0.0.1:{port}"))
        .await
        .unwrap();
    println!("listening on {}", listener.local_addr().unwrap());
    axum::serve(listener, app).await.unwrap();
}

/// The todos by their ids.
type Db = Arc<RwLock<BTreeMap<u64, Todo>>>;

#[derive(Clone, Debug, PartialEq, Serialize)]
struct Todo {
    id: u64,
    text: String,
    done: bool,
}

#[derive(Deserialize)]
struct NewTodo {
    text: String,
}

#[derive(Deserialize)]
struct Changes {
    text: Option<String>,
    done: Option<bool>,
}

async fn list(State(db): State<Db>) -> Json<Vec<Todo>> {
    Json(db.read().unwrap().values().cloned().collect())
}

async fn create(State(db): State<Db>, Json(new): Json<NewTodo>) -> impl IntoResponse {
    let mut todos = db.write().unwrap();
    let id = todos.last_key_value().map_or(1, |(last, _)| last + 1);
    let todo = Todo {
        id,
        text: new.text,
        done: false,
    };
    todos.insert(id, todo.clone());
    (StatusCode::CREATED, Json(todo))
}

async fn update(
    Path(id): Path<u64>,
    State(db): State<Db>,
    Json(changes): Json<Changes>,
) -> Result<Json<Todo>, StatusCode> {
    let mut todos = db.write().unwrap();
    let todo = todos.get_mut(&id).ok_or(StatusCode::NOT_FOUND)?;
    if let Some(text) = changes.text {
        todo.text = text;
    }
    if let Some(done) = changes.done {
        todo.done = done;
    }
    Ok(Json(todo.clone()))
}

async fn remove(Path(id): Path<u64>, State(db): State<Db>) -> StatusCode {
    match db.write().unwrap().remove(&id) {
        Some(_) => StatusCode::NO_CONTENT,
        None => StatusCode::NOT_FOUND,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_todo_is_created_changed_and_removed() {
        let db = Db::default();
        let text = "milk".to_owned();
        let created = create(State(db.clone()), Json(NewTodo { text })).await;
        assert_eq!(created.into_response().status(), StatusCode::CREATED);

        let changes = Changes {
            text: None,
            done: Some(true),
        };
        let Json(todo) = update(Path(1), State(db.clone()), Json(changes))
            .await
            .unwrap();
        assert!(todo.done && todo.text == "milk");
        assert_eq!(list(State(db.clone())).await.0, [todo]);

        assert_eq!(
            remove(Path(1), State(db.clone())).await,
            StatusCode::NO_CONTENT
        );
        assert_eq!(remove(Path(1), State(db)).await, StatusCode::NOT_FOUND);
    }
}
