//! A server that counts its callers, with a client beside it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::extract::{ConnectInfo, State};
use axum::{Router, routing::get};

#[tokio::main]
async fn main() {
    let calls = Arc::new(AtomicU64::new(0));
    let app = Router::new().route("/", get(call)).with_state(calls);

    let port = std::env::var("PORT").unwrap_or_else(|_| "3000".to_owned());
    let listener = tokio::net::TcpListener::bind(format!("127.0.0.1:{port}"))
        .await
        .unwrap();
    println!("listening on {}", listener.local_addr().unwrap());
    axum::serve(
        listener,
        app.into_make_service_with_connect_info::<SocketAddr>(),
    )
    .await
    .unwrap();
}

async fn call(
    State(calls): State<Arc<AtomicU64>>,
    ConnectInfo(caller): ConnectInfo<SocketAddr>,
) -> String {
    let call = calls.fetch_add(1, Ordering::Relaxed) + 1;
    format!("call {call} by {caller}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn calls_are_counted() {
        let calls = Arc::new(AtomicU64::new(1));
        let caller = SocketAddr::from(([127, 0, 0, 1], 4000));
        let answer = call(State(calls), ConnectInfo(caller)).await;
        assert_eq!(answer, "call 2 by 127.0.0.1:4000");
    }
}
