//! Answers to polls that are read late, slowly or not at all.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use axum::body::{Body, BodyDataStream, HttpBody};
use futures_util::StreamExt;
use http::Method;
use presence_channels::{Config, Endpoint, Limits, LongpollOptions, PubSub, SecretKeyBase};
use presence_core::adapters::MemoryCluster;
use sample_app::Probe;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::{
    WINDOW,
    app::{longpoll, start_with},
    client::Client,
    settle,
};

const MIB: usize = 1024 * 1024;

async fn start(limits: Limits, longpoll: LongpollOptions) -> (Endpoint, Arc<Probe>) {
    start_with(PubSub::local(), Config::default(), limits, longpoll).await
}

/// Broadcasts a message. An answer with it alone has a bit less than these bytes.
fn send(endpoint: &Endpoint, n: usize, bytes: usize) {
    let news = json!({ "n": n, "fill": "x".repeat(bytes - 500) });
    endpoint.broadcast("room:1", "news", news).unwrap();
}

/// Polls, and leaves the answer unread.
async fn poll(client: &Client) -> Body {
    let request = client.build(Method::GET, Body::empty());
    client.response(request).await.into_body()
}

fn size(body: &Body) -> usize {
    body.size_hint().exact().unwrap() as usize
}

/// Returns the number of each message in an answer.
async fn numbers(body: Body) -> Vec<usize> {
    let bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    let answer: Value = serde_json::from_slice(&bytes).unwrap();
    assert_ne!(answer["status"], 410, "the session has ended");
    let messages = answer["messages"].as_array().unwrap().iter();
    let number = |message: &Value| {
        let message: Value = serde_json::from_str(message.as_str().unwrap()).unwrap();
        message[4]["n"].as_u64().unwrap() as usize
    };
    messages.map(number).collect()
}

/// Takes a body at `bytes` a second. Each part is held until its time has passed.
async fn read_slowly(parts: &mut BodyDataStream, bytes: usize) -> usize {
    let mut read = 0;
    while let Some(part) = parts.next().await {
        let part = part.unwrap();
        sleep(Duration::from_secs_f64(part.len() as f64 / bytes as f64)).await;
        read += part.len();
    }
    read
}

const MESSAGES: usize = 20;

/// Sends messages of `bytes` to a client, which polls so often and reads nothing. Asserts that its
/// answers hold at most `most`. Then the client reads everything.
async fn leave_unread(holder: &Endpoint, client: &Client, polls: usize, [bytes, most]: [usize; 2]) {
    let mut answers = VecDeque::new();
    for n in 0..MESSAGES {
        send(holder, n, bytes);
        if n < polls {
            answers.push_back(poll(client).await);
        }
    }
    // An answer without messages is short.
    let held: usize = answers.iter().map(size).filter(|size| *size > 500).sum();
    assert!(held <= most, "{held} over {most}");
    assert!(held + 2 * bytes > most, "{held} is far from {most}");

    let mut seen = numbers(answers.pop_front().unwrap()).await;
    let begun = Instant::now();
    answers.push_back(poll(client).await);
    assert!(
        begun.elapsed().is_zero(),
        "an answer that is read makes room"
    );
    while seen.len() < MESSAGES {
        let next = match answers.pop_front() {
            Some(next) => next,
            None => poll(client).await,
        };
        seen.extend(numbers(next).await);
    }
    assert_eq!(seen, (0..MESSAGES).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn unread_answers_hold_the_limit_and_one_message() {
    let limits = Limits::default().slow_reader_timeout(Duration::from_secs(3600));
    let (endpoint, _) = start(limits, longpoll()).await;
    let client = Client::open(&endpoint, "/socket").await;
    client.join().await;
    leave_unread(&endpoint, &client, MESSAGES, [MIB, 5 * MIB]).await;
}

/// The node that answers the client has the bytes.
#[tokio::test(start_paused = true)]
async fn unread_answers_for_a_session_elsewhere_hold_the_limit_and_one_message() {
    let cluster = MemoryCluster::default();
    let node = async |name| {
        let secret = SecretKeyBase::new("s".repeat(64)).unwrap();
        let limits = Limits::default()
            .max_outgoing_bytes(MIB)
            .slow_reader_timeout(Duration::from_secs(3600));
        let pubsub = PubSub::with_adapter(cluster.join(name));
        let config = Config::default().secret_key_base(secret);
        start_with(pubsub, config, limits, longpoll().window(WINDOW)).await
    };
    let (a, b) = (node("a").await.0, node("b").await.0);
    let there = Client::open(&a, "/socket").await.by(&b);
    there.join().await;
    // The last waits for a window here, of which the session's node knows nothing.
    leave_unread(&a, &there, 6, [MIB / 4, MIB + MIB / 4]).await;
}

#[tokio::test(start_paused = true)]
async fn who_does_not_read_its_answers_waits_with_publishes_or_is_told_408() {
    let limits = Limits::default().max_outgoing_bytes(100_000);
    let (endpoint, _) = start(limits, longpoll()).await;
    let client = Client::open(&endpoint, "/socket").await;
    client.join().await;
    let echo = |n: usize| json!(["1", n.to_string(), "room:1", "ping", "x".repeat(60_000)]);
    let mut answers = Vec::new();
    for n in 0..2 {
        assert_eq!(client.publish(&[echo(n)]).await, 200);
        answers.push(poll(&client).await);
    }
    assert!(answers.iter().all(|answer| size(answer) > 60_000));
    assert_eq!(client.publish(&[echo(3)]).await, 408);
    let publishing = client.clone();
    let published = tokio::spawn(async move { publishing.publish(&[echo(3)]).await });
    settle().await;
    assert!(!published.is_finished());
    let begun = Instant::now();
    answers.pop();
    assert_eq!(published.await.unwrap(), 200);
    assert!(begun.elapsed().is_zero());
}

/// It takes longer than the time between two polls.
#[tokio::test(start_paused = true)]
async fn a_client_that_reads_a_large_answer_is_not_absent() {
    const BYTES: usize = 10_000_000;
    let longpoll = longpoll().window(Duration::from_millis(100));
    let (endpoint, probe) = start(Limits::default(), longpoll).await;
    let client = Client::open(&endpoint, "/socket").await;
    client.join().await;
    send(&endpoint, 0, BYTES);
    let begun = Instant::now();
    let mut answer = poll(&client).await.into_data_stream();
    assert!(read_slowly(&mut answer, BYTES).await > BYTES - 500);
    assert!(begun.elapsed() >= Duration::from_millis(990));
    send(&endpoint, 1, 1000);
    // The time until the next poll begins when the answer is read.
    sleep(Duration::from_millis(100)).await;
    assert_eq!(numbers(poll(&client).await).await, [1]);
    assert_eq!((probe.ended(), endpoint.connections()), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_reads_a_large_answer_is_not_slow() {
    const BYTES: usize = 5_000_000;
    let limits = Limits::default()
        .max_outgoing_bytes(100_000)
        .slow_reader_timeout(Duration::from_millis(500));
    let (endpoint, probe) = start(limits, longpoll()).await;
    let client = Client::open(&endpoint, "/socket").await;
    client.join().await;
    send(&endpoint, 0, BYTES);
    let mut answer = poll(&client).await.into_data_stream();
    for n in 1..5 {
        send(&endpoint, n, 60_000);
    }
    assert!(read_slowly(&mut answer, BYTES / 5).await > BYTES - 500);
    let mut seen = Vec::new();
    while seen.len() < 4 {
        seen.extend(numbers(poll(&client).await).await);
    }
    assert_eq!(seen, [1, 2, 3, 4]);
    // A client that stops to read is slow.
    send(&endpoint, 5, BYTES);
    let mut answer = poll(&client).await.into_data_stream();
    for n in 6..10 {
        send(&endpoint, n, 60_000);
    }
    let _begun = answer.next().await;
    sleep(Duration::from_millis(400)).await;
    assert_eq!(probe.ended(), 0);
    sleep(Duration::from_millis(200)).await;
    assert_eq!(probe.ended(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_begins_an_answer_and_takes_nothing_of_it_is_absent_after_six_windows() {
    let (endpoint, probe) = start(Limits::default(), longpoll()).await;
    let client = Client::open(&endpoint, "/socket").await;
    client.join().await;
    send(&endpoint, 0, 200_000);
    let mut answer = poll(&client).await.into_data_stream();
    sleep(WINDOW * 5).await;
    let _first = answer.next().await;
    sleep(WINDOW * 6 - Duration::from_millis(1)).await;
    assert_eq!((probe.ended(), endpoint.connections()), (0, 1));
    sleep(Duration::from_millis(2)).await;
    assert_eq!((probe.ended(), endpoint.connections()), (1, 0));
}
