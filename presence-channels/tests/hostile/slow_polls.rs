//! Clients that read the answers to their polls slowly, through a server of HTTP/1.

use std::time::Duration;

use axum::body::{Body, to_bytes};
use http::Request;
use presence_channels::{Endpoint, Limits};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::{Instant, sleep},
};
use tower::ServiceExt;

use crate::world::{PIPE, WINDOW, World};

async fn request(endpoint: &Endpoint, method: &str, path: &str, body: String) -> Value {
    let request = Request::builder().method(method).uri(path);
    let request = request.body(Body::from(body)).unwrap();
    let response = endpoint.router().oneshot(request).await.unwrap();
    let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
    serde_json::from_slice(&body).unwrap()
}

/// Opens a session that joins `room:1`. Returns the path of its polls.
async fn joined(endpoint: &Endpoint) -> String {
    let path = "/socket/longpoll?vsn=2.0.0";
    let opened = request(endpoint, "GET", path, String::new()).await;
    let path = format!("{path}&token={}", opened["token"].as_str().unwrap());
    let join = json!(["1", "1", "room:1", "phx_join", {}]);
    let published = request(endpoint, "POST", &path, join.to_string()).await;
    assert_eq!(published["status"], 200);
    let reply = request(endpoint, "GET", &path, String::new()).await;
    assert_eq!(reply["status"], 200);
    path
}

/// It takes a few seconds for what the server writes at once, and half a minute for all.
#[test]
fn a_client_that_takes_long_for_an_answer_keeps_its_session() {
    const BYTES: usize = 3_000_000;
    const RATE: usize = 100_000;
    let world = World::start(Limits::default());
    let endpoint = &world.endpoint;
    world.run(async {
        let path = joined(endpoint).await;
        let news = json!({ "fill": "x".repeat(BYTES) });
        endpoint.broadcast("room:1", "news", news).unwrap();
        let mut connection = World::connect(endpoint);
        let poll = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
        connection.write_all(poll.as_bytes()).await.unwrap();
        let begun = Instant::now();
        let (mut answer, mut buffer) = (Vec::new(), vec![0; PIPE]);
        loop {
            let count = connection.read(&mut buffer).await.unwrap();
            if count == 0 {
                break;
            }
            answer.extend_from_slice(&buffer[..count]);
            sleep(Duration::from_secs(count as u64) / RATE as u32).await;
        }
        assert!(begun.elapsed() > WINDOW * 2);
        let end = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n");
        let (head, body) = answer.split_at(end.unwrap() + 4);
        let length = format!("content-length: {}\r\n", body.len());
        let head = String::from_utf8_lossy(head);
        assert!(head.contains(&length), "{head}");
        assert!(body.len() > BYTES);

        endpoint.broadcast("room:1", "news", json!({})).unwrap();
        let next = request(endpoint, "GET", &path, String::new()).await;
        assert_eq!(next["status"], 200, "{next}");
    });
}
