//! The shop's server.

use anyhow::Context;
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let port = std::env::var("PORT").unwrap_or_else(|_| "3000".to_owned());
    let listener = TcpListener::bind(format!("127.0.0.1:{port}"))
        .await
        .context("cannot listen")?;
    println!("listening on {}", listener.local_addr()?);
    let app = shop_server::router();
    axum::serve(listener, app).await?;
    Ok(())
}
