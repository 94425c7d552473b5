//! How sessions end, and that nothing is left of them.

use std::{sync::Arc, time::Duration};

use axum::body::Body;
use http::{Method, StatusCode};
use presence_channels::{
    Config, ConnectError, ConnectInfo, Endpoint, Limits, Params, PubSub, Routes, SocketOptions,
    UserSocket,
};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::{
    WINDOW,
    app::{longpoll, start, start_with},
    client::Client,
    settle,
};

fn heartbeat() -> Value {
    json!([null, "1", "phoenix", "heartbeat", {}])
}

#[tokio::test(start_paused = true)]
async fn a_session_that_is_not_polled_ends_after_one_and_a_half_windows() {
    let (endpoint, probe) = start().await;
    let client = Client::open(&endpoint, "/socket").await;
    client.join().await;
    let forgotten = WINDOW * 3 / 2;
    tokio::time::sleep(forgotten - Duration::from_millis(50)).await;
    // To publish is not to poll.
    assert_eq!(client.publish(&[heartbeat()]).await, 200);
    assert_eq!(endpoint.connections(), 1);
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!((probe.ended(), endpoint.connections()), (1, 0));
    assert_eq!(endpoint.pubsub().subscribers("room:1"), 0);
    assert_eq!(client.publish(&[heartbeat()]).await, 410);
    let again = client.poll().await;
    assert_eq!(again.status(), 410);
    assert_ne!(again.token(), client.token.as_deref().unwrap());
}

/// A socket that requires the app's own token, in the parameter that phoenix.js uses for the
/// session's.
struct WithToken;

impl UserSocket for WithToken {
    type State = ();

    async fn connect(params: &Params, _: &ConnectInfo, (): &()) -> Result<Self, ConnectError> {
        match params.get("token") {
            Some("the-apps") => Ok(Self),
            _ => Err(ConnectError::new("not the app's token")),
        }
    }

    fn channels(_: &mut Routes<Self>) {}
}

#[tokio::test(start_paused = true)]
async fn the_token_of_a_session_that_has_ended_hides_no_token_of_the_app() {
    let options = SocketOptions::default().longpoll(longpoll());
    let builder = Endpoint::builder(PubSub::local());
    let builder = builder.socket_with::<WithToken>("/socket", (), options);
    let endpoint = builder.start(Config::default()).await.unwrap();
    let client = Client::open(&endpoint, "/socket?token=the-apps").await;
    assert_eq!(client.poll().await.status(), 204);
    tokio::time::sleep(WINDOW * 2).await;
    let again = client.poll().await;
    assert_eq!(again.status(), 410, "{again:?}");
    // A token that is no session's is the app's to judge.
    assert_eq!(client.showing("another").poll().await.status(), 403);
}

#[tokio::test(start_paused = true)]
async fn a_session_that_is_polled_lives() {
    let (endpoint, probe) = start().await;
    let client = Client::open(&endpoint, "/socket").await;
    client.join().await;
    for _ in 0..5 {
        assert_eq!(client.poll().await.status(), 204);
        tokio::time::sleep(WINDOW * 5 / 4).await;
    }
    assert_eq!(client.publish(&[heartbeat()]).await, 200);
    assert_eq!((probe.ended(), endpoint.connections()), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn sessions_whose_clients_vanish_leave_nothing_behind() {
    const SESSIONS: usize = 1000;
    let config = Config::default().max_connections(SESSIONS);
    let (endpoint, probe) =
        start_with(PubSub::local(), config, Limits::default(), longpoll()).await;
    for n in 0..SESSIONS {
        let client = Client::open(&endpoint, "/socket?user_id=ann").await;
        client.join().await;
        if n % 2 == 0 {
            // Gone in the middle of a poll.
            let poll = client.start_poll();
            tokio::task::yield_now().await;
            poll.abort();
        }
    }
    assert_eq!(endpoint.connections(), SESSIONS);
    let full = Client::at(&endpoint, "/socket").poll().await;
    assert_eq!(full.http, StatusCode::SERVICE_UNAVAILABLE);

    tokio::time::sleep(WINDOW * 2).await;
    assert_eq!((probe.ended(), endpoint.connections()), (SESSIONS, 0));
    for topic in ["room:1", "user_socket:ann"] {
        assert_eq!(endpoint.pubsub().subscribers(topic), 0, "{topic}");
    }
    let _newcomer = Client::open(&endpoint, "/socket").await;
}

#[tokio::test(start_paused = true)]
async fn nothing_keeps_an_endpoint_that_is_dropped() {
    let pubsub = PubSub::local();
    let (endpoint, probe) =
        start_with(pubsub, Config::default(), Limits::default(), longpoll()).await;
    let client = Client::open(&endpoint, "/socket").await;
    client.join().await;
    let held = Arc::downgrade(&probe);
    drop((endpoint, probe, client));
    tokio::time::sleep(WINDOW * 2).await;
    // The mounts hold the app's state, and go with the last session.
    assert_eq!(held.strong_count(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_kick_ends_the_poll_that_waits_and_the_session() {
    let (endpoint, probe) = start().await;
    let client = Client::open(&endpoint, "/socket?user_id=ann").await;
    client.join().await;
    let poll = client.start_poll();
    settle().await;
    let begun = Instant::now();
    endpoint.disconnect("user_socket:ann").unwrap();
    assert_eq!(poll.await.unwrap().status(), 204);
    assert!(begun.elapsed().is_zero());
    assert_eq!(client.publish(&[heartbeat()]).await, 410);
    assert_eq!(client.poll().await.status(), 410);
    assert_eq!(probe.ended(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_token_that_expires_ends_the_session_unless_another_is_shown() {
    let (endpoint, probe) = start().await;
    let client = Client::open(&endpoint, "/socket?good_for=70").await;
    client.join().await;
    let told = || async {
        loop {
            let answer = client.poll().await;
            if answer.status() != 204 {
                let message = answer.messages().remove(0);
                assert_eq!(
                    (&message[2], &message[3]),
                    (&json!("phoenix"), &json!("token_expiring"))
                );
                return message[4]["expires_in_ms"].as_u64().unwrap();
            }
        }
    };
    assert!(told().await <= 60_000);
    let refresh = json!([null, "2", "phoenix", "refresh_token", { "token": "70" }]);
    assert_eq!(client.publish(&[refresh]).await, 200);
    let answered = client.poll().await.messages();
    assert_eq!(answered[0][4], json!({ "status": "ok", "response": {} }));

    // It is told again, and polls on as if nothing were.
    let left = told().await;
    let begun = Instant::now();
    let gone = loop {
        let answer = client.poll().await;
        if answer.status() != 204 || endpoint.connections() == 0 {
            break answer;
        }
    };
    let took = u64::try_from(begun.elapsed().as_millis()).unwrap();
    assert!(
        (left - 5000..left + 5000).contains(&took),
        "{took} of {left}"
    );
    assert_eq!(
        (gone.status(), probe.ended()),
        (204, 1),
        "the poll that waited"
    );
    assert_eq!(client.poll().await.status(), 410);
}

#[tokio::test(start_paused = true)]
async fn a_stop_answers_the_poll_that_waits_and_refuses_newcomers() {
    let (endpoint, probe) = start().await;
    let client = Client::open(&endpoint, "/socket").await;
    client.join().await;
    let poll = client.start_poll();
    settle().await;
    let begun = Instant::now();
    endpoint.stop().await;
    assert_eq!(poll.await.unwrap().status(), 204);
    assert!(begun.elapsed().is_zero(), "{:?}", begun.elapsed());
    assert_eq!((probe.ended(), endpoint.connections()), (1, 0));
    assert_eq!(client.publish(&[heartbeat()]).await, 410);
    // phoenix.js tries again later when there is no body.
    let refused = client.poll().await;
    assert_eq!(refused.http, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(refused.body, Value::Null);
}

#[tokio::test(start_paused = true)]
async fn a_stop_delivers_what_handlers_still_answer() {
    let (endpoint, probe) = start().await;
    let polling = Client::open(&endpoint, "/socket").await;
    let between = Client::open(&endpoint, "/socket").await;
    for client in [&polling, &between] {
        client.join().await;
        let slow = json!(["1", "2", "room:1", "slow", {}]);
        assert_eq!(client.publish(&[slow]).await, 200);
    }
    let poll = polling.start_poll();
    settle().await;
    let stopping = tokio::spawn({
        let endpoint = endpoint.clone();
        async move { endpoint.stop().await }
    });
    settle().await;
    assert!(!poll.is_finished() && !stopping.is_finished());
    assert_eq!(polling.publish(&[heartbeat()]).await, 410);

    probe.gate.add_permits(2);
    assert_eq!(poll.await.unwrap().messages()[0][1], "2");
    stopping.await.unwrap();
    assert_eq!((probe.ended(), endpoint.connections()), (2, 0));
    // A client that polls at that moment still gets the reply, once.
    assert_eq!(between.poll().await.messages()[0][1], "2");
    let refused = between.poll().await;
    assert_eq!(refused.http, StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test(start_paused = true)]
async fn a_stop_answers_publishes_that_wait() {
    let limits = Limits::default().max_waiting_messages(1);
    let (endpoint, probe) =
        start_with(PubSub::local(), Config::default(), limits, longpoll()).await;
    let client = Client::open(&endpoint, "/socket").await;
    client.join().await;
    let slow = json!(["1", "2", "room:1", "slow", {}]);
    assert_eq!(client.publish(&[slow.clone(), slow.clone()]).await, 200);
    let (publishing, busy) = (client.clone(), [slow]);
    let busy = tokio::spawn(async move { publishing.publish(&busy).await });
    settle().await;
    // A second one waits for its turn, a third of another session for its own body.
    let reading = Client::open(&endpoint, "/socket").await;
    let body = Body::from_stream(futures_util::stream::pending::<Result<&str, axum::Error>>());
    let reading = tokio::spawn(async move { reading.publish_body(body).await.status() });
    settle().await;
    assert!(!busy.is_finished() && !reading.is_finished());

    let begun = Instant::now();
    let stopping = tokio::spawn({
        let endpoint = endpoint.clone();
        async move { endpoint.stop().await }
    });
    assert_eq!(busy.await.unwrap(), 410);
    assert_eq!(reading.await.unwrap(), 410);
    assert!(begun.elapsed().is_zero());
    // The handler that has begun runs to its end.
    probe.gate.add_permits(3);
    stopping.await.unwrap();
    assert_eq!((probe.ended(), endpoint.connections()), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn another_method_is_a_bad_request() {
    let (endpoint, _) = start().await;
    let client = Client::at(&endpoint, "/socket");
    for method in [Method::PUT, Method::DELETE, Method::HEAD] {
        let answer = client.request(client.build(method, Body::empty())).await;
        assert_eq!(answer.http, StatusCode::BAD_REQUEST);
    }
    assert_eq!(endpoint.connections(), 0);
}
