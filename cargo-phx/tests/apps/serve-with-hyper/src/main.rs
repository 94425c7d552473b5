//! An axum app that hyper serves, connection by connection.

use std::convert::Infallible;
use std::net::SocketAddr;

use axum::extract::{ConnectInfo, Request};
use axum::{Router, routing::get};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server;
use tokio::net::TcpListener;
use tower::Service;

#[tokio::main]
async fn main() {
    let port = std::env::var("PORT").unwrap_or_else(|_| "3000".to_owned());
    let listener = TcpListener::bind(format!("127.0.0.1:{port}"))
        .await
        .unwrap();
    println!("listening on {}", listener.local_addr().unwrap());
    serve(listener).await;
}

async fn serve(listener: TcpListener) {
    let app = Router::new().route("/", get(address));

    let mut make_service = app.into_make_service_with_connect_info::<SocketAddr>();

    loop {
        let (socket, remote_addr) = listener.accept().await.unwrap();

        let tower_service = unwrap_infallible(make_service.call(remote_addr).await);

        tokio::spawn(async move {
            let socket = TokioIo::new(socket);

            let hyper_service = hyper::service::service_fn(move |request: Request<Incoming>| {
                tower_service.clone().call(request)
            });

            if let Err(error) = server::conn::auto::Builder::new(TokioExecutor::new())
                .serve_connection_with_upgrades(socket, hyper_service)
                .await
            {
                eprintln!("failed to serve a connection: {error:#}");
            }
        });
    }
}

async fn address(ConnectInfo(remote_addr): ConnectInfo<SocketAddr>) -> String {
    format!("Hello {remote_addr}")
}

fn unwrap_infallible<T>(result: Result<T, Infallible>) -> T {
    match result {
        Ok(value) => value,
        Err(error) => match error {},
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_caller_is_greeted_by_its_address() {
        let caller = SocketAddr::from(([127, 0, 0, 1], 4000));
        assert_eq!(address(ConnectInfo(caller)).await, "Hello 127.0.0.1:4000");
    }
}
