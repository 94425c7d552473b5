//! Serves the metrics of the libraries and of the app at `/metrics`.

use std::env;

use anyhow::Context;
use axum::{Router, extract::State, routing::get};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use presence_channels::{
    Channel, Config, ConnectError, ConnectInfo, Endpoint, HandleResult, JoinResult, Params,
    Payload, PubSub, Routes, Socket, Topic, Tracker, reply_ok,
};
use serde_json::json;
use tokio::net::TcpListener;

#[cfg(test)]
mod tests;

/// The upper bounds of the buckets for times, in seconds. Without buckets, Prometheus gets
/// quantiles, which cannot be added up over nodes.
const TIMES: [f64; 6] = [0.001, 0.005, 0.025, 0.1, 1.0, 10.0];

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    tracing_subscriber::fmt::init();
    let (endpoint, app) = start().await?;
    let port = env::var("PORT").unwrap_or("4000".to_owned());
    let listener = TcpListener::bind(format!("127.0.0.1:{port}"))
        .await
        .with_context(|| format!("cannot listen on port {port}"))?;
    presence_channels::serve(listener, app, &endpoint)
        .with_graceful_shutdown(async { tokio::signal::ctrl_c().await.expect("ctrl-c is handled") })
        .await?;
    Ok(())
}

async fn start() -> anyhow::Result<(Endpoint, Router)> {
    // The recorder must be installed before anything that uses metrics is made.
    let metrics = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &TIMES)?
        .install_recorder()?;
    let pubsub = PubSub::local();
    let presence = Tracker::start(&pubsub, Presence);
    let endpoint = Endpoint::builder(pubsub)
        .supervise(&presence)
        .socket::<UserSocket>("/socket", presence)
        .start(Config::default())
        .await?;
    // In production, serve the metrics on a port that only Prometheus can reach.
    let app = Router::new()
        .route("/metrics", get(render).with_state(metrics))
        .merge(endpoint.router());
    Ok((endpoint, app))
}

async fn render(State(metrics): State<PrometheusHandle>) -> String {
    metrics.run_upkeep();
    metrics.render()
}

struct Presence;

impl presence_channels::Presence for Presence {
    const NAME: &str = "prometheus.presence";
}

struct UserSocket;

impl presence_channels::UserSocket for UserSocket {
    type State = Tracker<Presence>;

    async fn connect(_: &Params, _: &ConnectInfo, _: &Self::State) -> Result<Self, ConnectError> {
        Ok(Self)
    }

    fn channels(routes: &mut Routes<Self>) {
        routes.channel::<RoomChannel>("room:*");
    }
}

struct RoomChannel;

impl Channel for RoomChannel {
    type Socket = UserSocket;
    type Info = ();

    async fn join(_: &Topic, _: Payload, socket: &mut Socket<Self>) -> JoinResult<Self> {
        socket.state().track(socket, "somebody", json!({})).await?;
        Ok(Self.into())
    }

    async fn handle_in(&mut self, _: &str, _: Payload, _: &mut Socket<Self>) -> HandleResult {
        reply_ok(json!({}))
    }
}
