//! The answers to polls, and their times.

use std::time::Duration;

use presence_channels::{Config, Limits, Payload, PubSub};
use serde_json::json;
use tokio::time::Instant;

use crate::{
    WINDOW,
    app::{longpoll, start, start_with},
    client::Client,
    settle,
};

#[tokio::test(start_paused = true)]
async fn a_poll_waits_a_window_and_keeps_its_token() {
    let (endpoint, _) = start().await;
    let client = Client::open(&endpoint, "/socket").await;
    let begun = Instant::now();
    let answer = client.poll().await;
    assert_eq!(answer.status(), 204);
    assert_eq!(answer.token(), client.token.as_deref().unwrap());
    assert!(answer.messages().is_empty());
    let waited = begun.elapsed();
    assert!(waited >= WINDOW && waited < WINDOW * 5 / 4, "{waited:?}");
}

#[tokio::test(start_paused = true)]
async fn a_poll_that_waits_is_answered_at_once() {
    let (endpoint, _) = start().await;
    let client = Client::open(&endpoint, "/socket").await;
    client.join().await;
    let poll = client.start_poll();
    tokio::time::sleep(WINDOW / 2).await;
    assert!(!poll.is_finished());
    let begun = Instant::now();
    endpoint
        .broadcast("room:1", "news", json!({ "n": 1 }))
        .unwrap();
    let answer = poll.await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(
        answer.messages(),
        [json!([null, null, "room:1", "news", { "n": 1 }])]
    );
    assert!(begun.elapsed().is_zero());
}

#[tokio::test(start_paused = true)]
async fn what_comes_between_polls_waits_in_order_and_comes_once() {
    let (endpoint, _) = start().await;
    let client = Client::open(&endpoint, "/socket").await;
    client.join().await;
    let news = |n| json!([null, null, "room:1", "news", { "n": n, "text": "\"é\"\n" }]);
    for n in 0..3 {
        endpoint.broadcast("room:1", "news", &news(n)[4]).unwrap();
    }
    assert_eq!(client.poll().await.messages(), [news(0), news(1), news(2)]);
    assert_eq!(client.poll().await.status(), 204);
}

#[tokio::test(start_paused = true)]
async fn a_newer_poll_ends_the_older_and_gets_what_comes() {
    let (endpoint, _) = start().await;
    let client = Client::open(&endpoint, "/socket").await;
    client.join().await;
    let older = client.start_poll();
    settle().await;
    let begun = Instant::now();
    let newer = client.start_poll();
    assert_eq!(older.await.unwrap().status(), 204);
    assert!(begun.elapsed().is_zero());
    assert!(!newer.is_finished());
    endpoint.broadcast("room:1", "news", json!({})).unwrap();
    assert_eq!(newer.await.unwrap().messages().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn polls_of_a_session_at_once_share_nothing_out_twice() {
    let (endpoint, _) = start().await;
    let client = Client::open(&endpoint, "/socket").await;
    client.join().await;
    let mut polls = Vec::new();
    for n in 0..50 {
        polls.push(client.start_poll());
        if n % 3 == 0 {
            endpoint
                .broadcast("room:1", "news", json!({ "n": n }))
                .unwrap();
        }
        tokio::task::yield_now().await;
    }
    let mut seen = Vec::new();
    for poll in polls {
        let messages = poll.await.unwrap().messages();
        seen.extend(
            messages
                .iter()
                .map(|message| message[4]["n"].as_u64().unwrap()),
        );
    }
    assert_eq!(seen, (0..50).step_by(3).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn a_poll_whose_client_went_away_takes_nothing_with_it() {
    let (endpoint, _) = start().await;
    let client = Client::open(&endpoint, "/socket").await;
    client.join().await;
    let poll = client.start_poll();
    settle().await;
    poll.abort();
    settle().await;
    endpoint.broadcast("room:1", "news", json!({})).unwrap();
    assert_eq!(client.poll().await.messages().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_binary_message_is_left_out_and_the_rest_comes() {
    let (endpoint, _) = start().await;
    let client = Client::open(&endpoint, "/socket").await;
    client.join().await;
    let binary = Payload::Binary(vec![0, 159, 255].into());
    endpoint
        .broadcast("room:1", "bytes", binary.clone())
        .unwrap();
    endpoint.broadcast("room:1", "news", json!({})).unwrap();
    let messages = client.poll().await.messages();
    assert_eq!(messages, [json!([null, null, "room:1", "news", {}])]);
    // Alone it is no answer either.
    endpoint.broadcast("room:1", "bytes", binary).unwrap();
    assert_eq!(client.poll().await.status(), 204);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_poll_holds_no_more_than_its_limit() {
    let limits = Limits::default()
        .max_outgoing_bytes(10_000)
        .slow_reader_timeout(Duration::from_secs(1));
    let (endpoint, probe) =
        start_with(PubSub::local(), Config::default(), limits, longpoll()).await;
    let client = Client::open(&endpoint, "/socket").await;
    client.join().await;
    for _ in 0..9 {
        endpoint
            .broadcast("room:1", "news", json!({ "x": "x".repeat(1000) }))
            .unwrap();
    }
    assert_eq!(client.poll().await.messages().len(), 9, "a poll makes room");
    for _ in 0..10 {
        endpoint
            .broadcast("room:1", "news", json!({ "x": "x".repeat(1000) }))
            .unwrap();
    }
    tokio::time::sleep(Duration::from_millis(1100)).await;
    assert_eq!((probe.ended(), endpoint.connections()), (1, 0));
    let again = client.poll().await;
    assert_eq!(again.status(), 410);
    assert_ne!(again.token(), client.token.as_deref().unwrap());
}

/// One message may be larger than what an answer carries.
#[tokio::test(start_paused = true)]
async fn what_waits_comes_in_answers_of_a_bounded_size() {
    const MIB: usize = 1024 * 1024;
    let (endpoint, _) = start().await;
    let client = Client::open(&endpoint, "/socket").await;
    client.join().await;
    for (n, bytes) in [2 * MIB, MIB / 3, MIB / 3, MIB / 3, 10]
        .into_iter()
        .enumerate()
    {
        let news = json!({ "n": n, "fill": "x".repeat(bytes) });
        endpoint.broadcast("room:1", "news", news).unwrap();
    }
    let mut answers: Vec<Vec<u64>> = Vec::new();
    while answers.concat().len() < 5 {
        let messages = client.poll().await.messages();
        let numbers = messages
            .iter()
            .map(|message| message[4]["n"].as_u64().unwrap());
        answers.push(numbers.collect());
    }
    assert_eq!(answers, [vec![0], vec![1, 2], vec![3, 4]]);
}
