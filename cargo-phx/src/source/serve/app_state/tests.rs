use crate::source::serve::Wiring;
use crate::source::serve::tests::wiring;

/// Wires `main` in a file with `items`. Returns the state as `name: type`, and the wired text.
#[track_caller]
fn state(items: &str, main: &str) -> (Option<String>, String) {
    let text = format!(
        "{items}\nasync fn main() {{\n    let listener = TcpListener::bind(address).await.unwrap();\n    \
         {main}\n}}\n"
    );
    let Wiring::Wired { text, state, .. } = wiring(&text) else {
        panic!("nothing was wired in:\n{text}");
    };
    (
        state.map(|state| format!("{}: {}", state.name, state.ty)),
        text,
    )
}

const SERVE: &str = "axum::serve(listener, app).await.unwrap();";

#[test]
fn the_type_is_found_and_named_from_the_root() {
    let own = "#[derive(Clone)]\nstruct AppState { db: SqlitePool }\n";
    for (items, value, expected) in [
        (own, "let state = AppState { db };", "app: crate::AppState"),
        (
            "struct AppState;\nimpl AppState {}\n",
            "let state = std::sync::Arc::new(AppState::new());",
            "app: std::sync::Arc<crate::AppState>",
        ),
        (
            "use std::sync::Arc;\nstruct AppState;\n",
            "let state = Arc::new(AppState::default());",
            "app: std::sync::Arc<crate::AppState>",
        ),
        (
            "use std::sync::{Arc, RwLock};\nuse std::collections::HashMap;\n",
            "let state: Arc<RwLock<HashMap<u64, String>>> = make();",
            "app: std::sync::Arc<std::sync::RwLock<std::collections::HashMap<u64, String>>>",
        ),
        (
            "use tokio::sync;\nasync fn f(State(s): State<sync::Mutex<Vec<u8>>>) {}\n",
            "let state = make();",
            "app: tokio::sync::Mutex<Vec<u8>>",
        ),
        (
            "mod db;\nuse db::Pool as Db;\nasync fn f(State(s): State<Db>) {}\n",
            "let state = make();",
            "app: crate::db::Pool",
        ),
        (
            "async fn f(State(s): State<PgPool>, State(t): State<Key>) {}\n\
             struct Web;\nimpl FromRef<Web> for PgPool {}\nimpl FromRef<Web> for Key {}\n",
            "let state = make();",
            "app: crate::Web",
        ),
        (
            "use shop::state::Shop;\nasync fn f(State(s): State<Shop>) {}\n",
            "let state = make();",
            "app: crate::state::Shop",
        ),
    ] {
        let main = format!("{value}\n    let app = Router::new().with_state(state);\n    {SERVE}");
        let (found, text) = state(items, &main);
        assert_eq!(found.as_deref(), Some(expected), "{items}");
        let start =
            text.find("application::start(presence_channels::Config::default(), state.clone())");
        assert!(start < text.find("let app ="), "{text}");
    }
}

#[test]
fn the_field_has_the_name_of_the_variable() {
    let items = "async fn f(State(s): State<sqlx::PgPool>) {}\n";
    for pool in ["pool", "pool.clone()", "Clone::clone(&pool)"] {
        let main = format!("let app = Router::new().with_state({pool});\n    {SERVE}");
        let (found, text) = state(items, &main);
        assert_eq!(found.as_deref(), Some("pool: sqlx::PgPool"));
        assert!(text.contains("Config::default(), pool.clone())"), "{text}");
    }
}

#[test]
fn a_value_without_a_variable_gets_one() {
    let items = "#[derive(Default)]\nstruct Db;\n";
    let main = format!("let app = Router::new().with_state(Db::default());\n    {SERVE}");
    let (found, text) = state(items, &main);
    assert_eq!(found.as_deref(), Some("app: crate::Db"));
    let lines = "    let router_state = Db::default();\n    let endpoint = application::start(";
    assert!(text.contains(lines), "{text}");
    assert!(
        text.contains("Router::new().with_state(router_state);\n"),
        "{text}"
    );
}

#[test]
fn the_argument_of_the_function_that_makes_the_router() {
    let items = "fn app(title: &'static str, db: sqlx::PgPool) -> Router {\n    \
                 Router::new().with_state(db)\n}\n";
    for main in [
        format!("let app = app(title, pool);\n    {SERVE}"),
        "axum::serve(listener, app(title, pool)).await.unwrap();".to_owned(),
    ] {
        let (found, text) = state(items, &main);
        assert_eq!(found.as_deref(), Some("pool: sqlx::PgPool"));
        let start = text.find("Config::default(), pool.clone())");
        assert!(
            start.is_some() && start < text.find("app(title, pool)"),
            "{text}"
        );
    }
}

#[test]
fn of_several_states_the_one_of_the_served_router() {
    let items = "struct A;\nstruct B;\n";
    let main = format!(
        "let a = A {{}};\n    let b = B {{}};\n    \
         let app = Router::new().nest(\"/a\", Router::new().with_state(a)).with_state(b);\n    {SERVE}"
    );
    assert_eq!(state(items, &main).0.as_deref(), Some("b: crate::B"));
}

#[test]
fn a_state_that_cannot_be_named_is_reported() {
    for (items, value) in [
        ("", "make()"),
        ("async fn f<T>(State(s): State<T>) {}\n", "make()"),
        (
            "async fn f(State(s): State<A>, State(t): State<B>) {}\n",
            "make()",
        ),
        (
            "use super::Shop;\nasync fn f(State(s): State<Shop>) {}\n",
            "make()",
        ),
        (
            "async fn f(State(s): State<Shop<'a>>) {}\nstruct Shop<'a>;",
            "make()",
        ),
    ] {
        let text = format!(
            "{items}\nasync fn main() {{\n    let state = {value};\n    \
             let app = Router::new().with_state(state);\n    {SERVE}\n}}\n"
        );
        let Wiring::Wired {
            state,
            lost_state,
            text: wired,
            ..
        } = wiring(&text)
        else {
            panic!("{text}");
        };
        assert_eq!(state, None, "{text}");
        let line = text.lines().position(|line| line.contains("with_state"));
        assert_eq!(lost_state, line.map(|line| line + 1));
        assert!(
            wired.contains("start(presence_channels::Config::default())"),
            "{wired}"
        );
    }
}
