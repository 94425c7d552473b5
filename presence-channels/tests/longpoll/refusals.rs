//! Refusals: other origins, refused users, invalid tokens.

use axum::body::Body;
use http::{Method, StatusCode};
use presence_channels::SecretKeyBase;
use presence_channels::{Config, Limits, PubSub};
use serde_json::{Value, json};

use crate::{
    app::{longpoll, start, start_with},
    client::Client,
};

fn heartbeat() -> Value {
    json!([null, "1", "phoenix", "heartbeat", {}])
}

#[tokio::test(start_paused = true)]
async fn it_is_off_by_default() {
    let (endpoint, _) = start().await;
    let answer = Client::at(&endpoint, "/websocket-only").poll().await;
    assert_eq!(answer.http, StatusCode::NOT_FOUND);
}

#[tokio::test(start_paused = true)]
async fn a_tampered_token_opens_nothing_and_publishes_nothing() {
    let (endpoint, _) = start().await;
    let client = Client::open(&endpoint, "/socket").await;
    let token = client.token.clone().unwrap();
    for index in [0, token.len() / 2, token.len() - 3] {
        let mut tampered = token.clone().into_bytes();
        tampered[index] = if tampered[index] == b'A' { b'B' } else { b'A' };
        let tampered = client.showing(String::from_utf8(tampered).unwrap());
        assert_eq!(tampered.publish(&[heartbeat()]).await, 410);
        let fresh = tampered.poll().await;
        assert_eq!(fresh.status(), 410);
        assert_ne!(fresh.token(), token);
    }
    assert_eq!(client.publish(&[heartbeat()]).await, 200);
}

#[tokio::test(start_paused = true)]
async fn a_token_counts_at_its_own_endpoint_and_mount_only() {
    let secret = SecretKeyBase::new("s".repeat(64)).unwrap();
    let (endpoint, _) = start().await;
    let (other, _) = start().await;
    let config = Config::default().secret_key_base(secret.clone());
    let (keyed, _) = start_with(
        PubSub::local(),
        config.clone(),
        Limits::default(),
        longpoll(),
    )
    .await;
    let (restarted, _) = start_with(PubSub::local(), config, Limits::default(), longpoll()).await;

    let client = Client::open(&endpoint, "/socket").await;
    for elsewhere in [&other, &keyed] {
        assert_eq!(client.by(elsewhere).publish(&[heartbeat()]).await, 410);
    }
    let mut sibling = Client::at(&endpoint, "/open");
    sibling.token = client.token.clone();
    assert_eq!(sibling.publish(&[heartbeat()]).await, 410);
    assert_eq!(client.publish(&[heartbeat()]).await, 200);

    // The same secret, and the same node name: but its sessions are others.
    let client = Client::open(&keyed, "/socket").await;
    assert_eq!(client.by(&restarted).publish(&[heartbeat()]).await, 410);
    let _first = Client::open(&restarted, "/socket").await;
    assert_eq!(client.by(&restarted).publish(&[heartbeat()]).await, 410);
    assert_eq!(client.publish(&[heartbeat()]).await, 200);
}

#[tokio::test(start_paused = true)]
async fn a_token_in_the_header_counts_more_than_one_in_the_url() {
    let (endpoint, _) = start().await;
    let client = Client::open(&endpoint, "/socket").await;
    let stale = client.showing("stale");
    let mut request = stale.build(Method::POST, Body::from(heartbeat().to_string()));
    let token = client.token.as_deref().unwrap().parse().unwrap();
    request
        .headers_mut()
        .insert("X-Phoenix-LongPoll-Token", token);
    assert_eq!(stale.request(request).await.status(), 200);
}

#[tokio::test(start_paused = true)]
async fn a_refused_user_gets_403_and_a_crash_500() {
    let (endpoint, _) = start().await;
    for (user_id, status) in [("banned", 403), ("crash", 500)] {
        let client = Client::at(&endpoint, &format!("/socket?user_id={user_id}"));
        let answer = client.poll().await;
        assert_eq!(
            (answer.http, answer.body),
            (StatusCode::OK, json!({ "status": status }))
        );
    }
    // The last of two is what counts.
    let answer = Client::at(&endpoint, "/socket?vsn=9.9.9").poll().await;
    assert_eq!(answer.status(), 403, "an unknown version of the protocol");
    assert_eq!(endpoint.connections(), 0);
}

#[tokio::test(start_paused = true)]
async fn another_origin_is_refused_whatever_it_asks() {
    let (endpoint, _) = start().await;
    let client = Client::open(&endpoint, "/socket").await;
    let open = Client::open(&endpoint, "/open").await;
    for method in [Method::GET, Method::POST, Method::OPTIONS] {
        for (client, origin, allowed) in [
            (&client, "http://evil.test", false),
            (&client, "http://allowed.test", true),
            (&open, "http://evil.test", true),
        ] {
            let body = Body::from(heartbeat().to_string());
            let mut request = client.build(method.clone(), body);
            request
                .headers_mut()
                .insert("origin", origin.parse().unwrap());
            let answer = client.request(request).await;
            let refused = answer.body["status"] == 403;
            assert_eq!(refused, !allowed, "{method} {origin}: {answer:?}");
            assert_eq!(answer.headers["access-control-allow-origin"], "*");
        }
    }
    // Of two publishes one was refused.
    for client in [&client, &open] {
        assert_eq!(client.poll().await.messages().len(), 1);
    }
}
