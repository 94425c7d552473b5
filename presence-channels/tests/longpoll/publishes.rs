//! Bodies of publishes, whole and broken.

use std::sync::Arc;

use axum::body::Body;
use http::{Method, StatusCode};
use presence_channels::{Config, Endpoint, Limits, PubSub};
use sample_app::Probe;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::{
    WINDOW,
    app::{longpoll, start, start_with},
    client::Client,
    settle,
};

fn ping(reference: &str) -> Value {
    json!(["1", reference, "room:1", "ping", {}])
}

/// The refs of the replies that wait.
async fn replies(client: &Client) -> Vec<Value> {
    let messages = client.poll().await.messages();
    messages.iter().map(|message| message[1].clone()).collect()
}

async fn start_limited(change: impl FnOnce(Limits) -> Limits) -> (Endpoint, Arc<Probe>) {
    let limits = change(Limits::default());
    start_with(PubSub::local(), Config::default(), limits, longpoll()).await
}

#[tokio::test(start_paused = true)]
async fn a_batch_is_handled_in_order_binaries_among_it() {
    let (endpoint, _) = start().await;
    let client = Client::open(&endpoint, "/socket").await;
    client.join().await;
    // Push "1", "3" to room:1, event size, five bytes.
    let binary = "AAEBBgQxM3Jvb206MXNpemUAAf8AAQ==";
    let body = format!("{}\r\n{binary}\n\n{}\n", ping("2"), ping("4"));
    assert_eq!(client.publish_body(body).await.status(), 200);
    let messages = client.poll().await.messages();
    assert_eq!(messages[0][1], "2");
    assert_eq!(messages[1][4]["response"], json!({ "bytes": 5 }));
    assert_eq!(messages[2][1], "4");
}

#[tokio::test(start_paused = true)]
async fn two_batches_at_once_do_not_mix() {
    let (endpoint, _) = start().await;
    let client = Client::open(&endpoint, "/socket").await;
    client.join().await;
    // More than a turn takes, so that the two would meet.
    let batch =
        |name: &str| -> Vec<Value> { (0..200).map(|n| ping(&format!("{name}{n}"))).collect() };
    let (a, b) = (batch("a"), batch("b"));
    let both = tokio::join!(client.publish(&a), client.publish(&b));
    assert_eq!(both, (200, 200));
    let sent: Vec<Value> = a
        .iter()
        .chain(&b)
        .map(|message| message[1].clone())
        .collect();
    assert_eq!(replies(&client).await, sent);
}

#[tokio::test(start_paused = true)]
async fn a_malformed_message_ends_the_session_and_what_came_before_it_counts() {
    let (endpoint, probe) = start().await;
    let client = Client::open(&endpoint, "/socket").await;
    client.join().await;
    let poll = client.start_poll();
    settle().await;
    let body = format!("{}\n{{not json\n{}", ping("2"), ping("3"));
    assert_eq!(client.publish_body(body).await.status(), 408);
    let last = poll.await.unwrap().messages();
    assert_eq!(last.len(), 1);
    assert_eq!(last[0][1], "2");
    settle().await;
    assert_eq!((probe.ended(), endpoint.connections()), (1, 0));
    assert_eq!(client.publish(&[ping("4")]).await, 410);
}

#[tokio::test(start_paused = true)]
async fn a_ref_over_the_limit_ends_the_session_and_what_came_before_it_counts() {
    let (endpoint, probe) = start_limited(|limits| limits.max_ref_bytes(3)).await;
    let client = Client::open(&endpoint, "/socket").await;
    client.join().await;
    let poll = client.start_poll();
    settle().await;
    assert_eq!(client.publish(&[ping("200"), ping("3000")]).await, 408);
    let last = poll.await.unwrap().messages();
    assert_eq!(last.len(), 1);
    assert_eq!(last[0][1], "200");
    settle().await;
    assert_eq!((probe.ended(), endpoint.connections()), (1, 0));
    assert_eq!(client.publish(&[ping("4")]).await, 410);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_is_none_is_a_bad_request_and_nothing_of_it_is_handled() {
    let (endpoint, _) = start().await;
    let client = Client::open(&endpoint, "/socket").await;
    client.join().await;
    for bad in [&b"not base64!"[..], b"\xff\xfe", b"AAE"] {
        let body = [ping("2").to_string().as_bytes(), b"\n", bad].concat();
        let answer = client.publish_body(body).await;
        assert_eq!(
            (answer.http, answer.status()),
            (StatusCode::BAD_REQUEST, 400)
        );
    }
    assert_eq!(client.publish(&[ping("3")]).await, 200);
    assert_eq!(replies(&client).await, ["3"], "the session lives");
}

#[tokio::test(start_paused = true)]
async fn too_much_is_refused_and_nothing_of_it_is_handled() {
    let limits = Limits::default().max_message_bytes(1000);
    let longpoll = longpoll().max_body_bytes(5000).max_batch(20);
    let (endpoint, _) = start_with(PubSub::local(), Config::default(), limits, longpoll).await;
    let client = Client::open(&endpoint, "/socket").await;
    client.join().await;
    let large = json!(["1", "3", "room:1", "ping", "x".repeat(1000)]);
    let long: Vec<Value> = (0..21).map(|_| ping("4")).collect();
    let middling = json!(["1", "5", "room:1", "ping", "x".repeat(900)]);
    let heavy = vec![middling; 6];
    for batch in [vec![ping("2"), large], long, heavy] {
        assert_eq!(client.publish(&batch).await, 413);
    }
    // A body whose length nobody has announced is not read beyond the limit.
    let chunks = std::iter::repeat_n(Ok::<_, std::fmt::Error>("[1,2,3,4,5]\n"), 1_000_000);
    let endless = Body::from_stream(futures_util::stream::iter(chunks));
    let answer = client.publish_body(endless).await;
    assert_eq!(
        (answer.http, answer.status()),
        (StatusCode::PAYLOAD_TOO_LARGE, 413)
    );
    assert_eq!(client.publish(&[ping("6")]).await, 200);
    assert_eq!(replies(&client).await, ["6"], "the session lives");
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_come_is_given_up_after_a_window() {
    let (endpoint, _) = start().await;
    let client = Client::open(&endpoint, "/socket").await;
    let polling = client.start_poll();
    let begun = Instant::now();
    let body = Body::from_stream(futures_util::stream::pending::<Result<&str, axum::Error>>());
    assert_eq!(client.publish_body(body).await.status(), 408);
    assert!(begun.elapsed() >= WINDOW);
    polling.await.unwrap();
    assert_eq!(
        client
            .publish(&[json!([null, "2", "phoenix", "heartbeat", {}])])
            .await,
        200
    );
}

#[tokio::test(start_paused = true)]
async fn who_sends_faster_than_handlers_work_waits_or_is_told_408() {
    let (endpoint, probe) = start_limited(|limits| limits.max_waiting_messages(2)).await;
    let client = Client::open(&endpoint, "/socket").await;
    client.join().await;
    let slow = |reference: &str| json!(["1", reference, "room:1", "slow", {}]);
    // One is handled, two wait.
    assert_eq!(
        client.publish(&[slow("2"), slow("3"), slow("4")]).await,
        200
    );
    let begun = Instant::now();
    let publishing = client.clone();
    let waiting = tokio::spawn(async move { publishing.publish(&[slow("5")]).await });
    tokio::time::sleep(WINDOW / 2).await;
    assert!(!waiting.is_finished());
    probe.gate.add_permits(1);
    assert_eq!(waiting.await.unwrap(), 200);
    assert!(begun.elapsed() < WINDOW);
    assert_eq!(replies(&client).await, ["2"]);

    let slow = |reference: &str| json!(["1", reference, "room:1", "slow", {}]);
    let polling = client.start_poll();
    assert_eq!(client.publish(&[slow("6")]).await, 408);
    assert_eq!(polling.await.unwrap().status(), 204);
    probe.gate.add_permits(3);
    settle().await;
    assert_eq!(replies(&client).await, ["3", "4", "5"], "6 was not taken");
}

/// As with the number of messages.
#[tokio::test(start_paused = true)]
async fn who_sends_more_than_may_wait_waits_or_is_told_408() {
    let (endpoint, probe) = start_limited(|limits| limits.max_waiting_bytes(1000)).await;
    let client = Client::open(&endpoint, "/socket").await;
    client.join().await;
    let slow = |reference: &str| {
        let fill = "x".repeat(2000);
        json!(["1", reference, "room:1", "slow", { "fill": fill }])
    };
    // One is handled, one waits.
    assert_eq!(client.publish(&[slow("2"), slow("3")]).await, 200);
    assert_eq!(client.publish(&[slow("4")]).await, 408);
    let publishing = client.clone();
    let waiting = [slow("5")];
    let waiting = tokio::spawn(async move { publishing.publish(&waiting).await });
    settle().await;
    assert!(!waiting.is_finished());
    probe.gate.add_permits(1);
    assert_eq!(waiting.await.unwrap(), 200);
    probe.gate.add_permits(2);
    settle().await;
    assert_eq!(replies(&client).await, ["2", "3", "5"], "4 was not taken");
}

#[tokio::test(start_paused = true)]
async fn a_body_of_another_kind_is_one_message() {
    let (endpoint, _) = start().await;
    let client = Client::open(&endpoint, "/socket").await;
    client.join().await;
    let post = |body: String| client.request(client.build(Method::POST, Body::from(body)));
    assert_eq!(post(ping("2").to_string()).await.status(), 200);
    assert_eq!(replies(&client).await, ["2"]);
    assert_eq!(post(String::new()).await.status(), 408);
}

/// Echoes of 30 KB, of which the client leaves 100 KB in its queue at most, and one echo.
#[tokio::test(start_paused = true)]
async fn who_does_not_poll_for_its_replies_waits_or_is_told_408() {
    let (endpoint, _) = start_limited(|limits| limits.max_outgoing_bytes(400_000)).await;
    let client = Client::open(&endpoint, "/socket").await;
    client.join().await;
    let echo = |n: usize| json!(["1", n.to_string(), "room:1", "ping", "x".repeat(30_000)]);
    let batch: Vec<Value> = (0..10).map(echo).collect();
    let begun = Instant::now();
    assert_eq!(client.publish(&batch).await, 408);
    assert_eq!(begun.elapsed().as_secs(), WINDOW.as_secs());
    assert_eq!(replies(&client).await, ["0", "1", "2", "3"]);

    let publishing = client.clone();
    let published = tokio::spawn(async move { publishing.publish(&batch).await });
    let mut all = Vec::new();
    while all.len() < 10 {
        let some = replies(&client).await;
        assert!(some.len() <= 4, "{some:?}");
        all.extend(some);
    }
    assert_eq!(published.await.unwrap(), 200);
    let sent: Vec<String> = (0..10).map(|n| n.to_string()).collect();
    assert_eq!(all, sent);
    assert!(begun.elapsed() < WINDOW * 2);
}

/// As when its client goes away, or is too slow for `body_timeout`.
#[tokio::test(start_paused = true)]
async fn a_body_that_breaks_off_is_not_too_large() {
    let (endpoint, _) = start().await;
    let client = Client::open(&endpoint, "/socket").await;
    let parts = [Ok("[1,2"), Err(std::fmt::Error)];
    let broken = Body::from_stream(futures_util::stream::iter(parts));
    let answer = client.publish_body(broken).await;
    assert_eq!((answer.http, answer.status()), (StatusCode::OK, 408));
}
