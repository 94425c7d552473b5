//! The servers that `cargo xtask bench` compares ours with: what an app would be written with
//! otherwise. Each prints the port that it serves on.

#![forbid(unsafe_code)]

mod chat;
mod socketio;

use std::net::SocketAddr;

use axum::{Router, serve::ListenerExt};
use clap::Parser;
use tokio::net::TcpListener;

#[derive(Parser)]
enum Command {
    /// Serves a chat on axum's WebSockets, written by hand.
    Axum(Threads),
    /// Serves socketioxide on axum.
    Socketioxide(Threads),
}

#[derive(clap::Args)]
struct Threads {
    /// The threads of the server.
    #[arg(long, default_value_t = 1)]
    workers: usize,
}

fn main() -> anyhow::Result<()> {
    let (app, threads): (fn() -> Router, Threads) = match Command::parse() {
        Command::Axum(threads) => (chat::app, threads),
        Command::Socketioxide(threads) => (socketio::app, threads),
    };
    let runtime = match threads.workers {
        1 => tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?,
        workers => tokio::runtime::Builder::new_multi_thread()
            .worker_threads(workers)
            .enable_all()
            .build()?,
    };
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        println!("{}", listener.local_addr()?.port());
        let listener = listener.tap_io(|stream| {
            // Without it, a message that follows another waits for an acknowledgement.
            let _ = stream.set_nodelay(true);
        });
        let app = app().into_make_service_with_connect_info::<SocketAddr>();
        axum::serve(listener, app).await?;
        Ok(())
    })
}
