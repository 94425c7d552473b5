use std::time::{Duration, Instant};

use axum::{
    Router,
    body::{Body, to_bytes},
    http::Request,
};
use hello::channels::user_socket::UserSocket;
use presence_channels::{
    Endpoint,
    testing::{self, TestChannel},
};
use serde_json::json;
use tower::ServiceExt;

use super::*;
use engine::EngineSettings;

fn read(variables: &[(&str, &str)]) -> anyhow::Result<Settings> {
    Settings::read("4001", |name| {
        let found = variables.iter().find(|(variable, _)| *variable == name)?;
        Some(found.1.to_owned())
    })
}

#[test]
fn settings_have_defaults() {
    let engine = EngineSettings::Zenoh {
        listen: "127.0.0.1:7447".to_owned(),
        peers: Vec::new(),
    };
    let node_name = "node-4001".to_owned();
    assert_eq!(read(&[]).unwrap(), Settings { node_name, engine });
}

#[test]
fn settings_are_read() {
    let settings = read(&[("NODE_NAME", "a"), ("PEERS", "x:1, y:2,")]).unwrap();
    assert_eq!(settings.node_name, "a");
    let EngineSettings::Zenoh { peers, .. } = settings.engine else {
        panic!("{settings:?}");
    };
    assert_eq!(peers, ["x:1", "y:2"]);
    let nats = read(&[("ENGINE", "nats"), ("NATS_URL", "nats://n:1")]).unwrap();
    assert_eq!(
        nats.engine,
        EngineSettings::Nats {
            url: "nats://n:1".to_owned()
        }
    );
    let error = read(&[("ENGINE", "carrier pigeons")]).unwrap_err();
    assert!(error.to_string().contains("carrier pigeons"), "{error}");
}

/// A node over zenoh, at the address of this index.
async fn node(addresses: &[String], index: usize) -> (Endpoint, Router) {
    let settings = Settings {
        node_name: format!("node-{index}"),
        engine: EngineSettings::Zenoh {
            listen: addresses[index].clone(),
            peers: addresses.to_vec(),
        },
    };
    let engine = settings.connect().await.unwrap();
    application::start(engine, Config::default()).await.unwrap()
}

async fn join(endpoint: &Endpoint, name: &str) -> TestChannel {
    let socket = testing::connect::<UserSocket>(endpoint, json!({ "user_id": name })).await;
    let (_, channel) = socket.unwrap().join("room:lobby", json!({})).await.unwrap();
    channel
}

async fn node_page(app: &Router) -> String {
    let request = Request::get("/node").body(Body::empty()).unwrap();
    let response = app.clone().oneshot(request).await.unwrap();
    let body = to_bytes(response.into_body(), 100_000).await.unwrap();
    String::from_utf8(body.to_vec()).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shout_on_one_node_is_heard_on_the_other() {
    let listeners = [(); 2].map(|()| std::net::TcpListener::bind("127.0.0.1:0").unwrap());
    let addresses = listeners.map(|listener| listener.local_addr().unwrap().to_string());
    let (endpoint_0, app_0) = node(&addresses, 0).await;
    let (endpoint_1, _app_1) = node(&addresses, 1).await;
    let alice = join(&endpoint_0, "alice").await;

    let end = Instant::now() + Duration::from_secs(30);
    loop {
        let page = node_page(&app_0).await;
        if page.contains("<li>node-1</li>") {
            assert!(page.contains("<h1>Node node-0</h1>"), "{page}");
            break;
        }
        assert!(Instant::now() < end, "{page}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // Whoever hears bob's shout can be heard by bob.
    let bob = join(&endpoint_1, "bob").await;
    bob.push("shout", json!({ "from": "bob" })).await;
    alice.assert_push("shout", json!({ "from": "bob" })).await;
    alice.push("shout", json!({ "from": "alice" })).await;
    bob.assert_push("shout", json!({ "from": "alice" })).await;

    endpoint_0.stop().await;
    endpoint_1.stop().await;
}
