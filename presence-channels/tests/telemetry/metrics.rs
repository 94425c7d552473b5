//! The metrics move as the module `telemetry` says.

use std::{collections::BTreeSet, time::Duration};

use axum::body::{Body, to_bytes};
use http::{Method, Request};
use metrics_util::debugging::{DebugValue, DebuggingRecorder};
use presence_channels::{
    Config, Limits, Presence, PubSub, Tracker, serve, testing, tracker::Owner,
};
use presence_core::adapters::MemoryCluster;
use sample_app::UserSocket;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tower::ServiceExt;

use crate::{
    app::start_on,
    logs::Log,
    poller::Poller,
    recorded::{Recorded, limited, recorded},
};

const CLIENT: &str = "socket=/socket,transport=longpoll";
const ROUTE: &str = "socket=/socket,route=lobby:*";

#[tokio::test(start_paused = true)]
async fn clients_and_channels_are_counted_while_they_are_there() {
    recorded!(endpoint, recorded);
    let sockets = format!("presence_channels_sockets{{{CLIENT}}}");
    let channels = format!("presence_channels_channels{{{ROUTE}}}");
    let connects = |result| format!("presence_channels_connects_total{{{CLIENT},result={result}}}");
    let joins = |result| format!("presence_channels_joins_total{{{ROUTE},result={result}}}");
    recorded.assert(&[(&sockets, 0.0), (&channels, 0.0), (&connects("ok"), 0.0)]);

    let connect = |user| testing::connect::<UserSocket>(&endpoint, json!({ "user_id": user }));
    let client = connect("ann").await.unwrap();
    let other = connect("bob").await.unwrap();
    assert!(connect("banned").await.is_err() && connect("crash").await.is_err());
    let (_, room) = client.join("lobby:1", json!({})).await.unwrap();
    let (_, _again) = other.join("lobby:1", json!({})).await.unwrap();
    assert!(client.join("lobby:private", json!({})).await.is_err());
    assert!(client.join("lobby:crash", json!({})).await.is_err());
    recorded.assert(&[
        (&sockets, 2.0),
        (&channels, 2.0),
        (&connects("ok"), 2.0),
        (&connects("refused"), 1.0),
        (&connects("failed"), 1.0),
        (&joins("ok"), 2.0),
        (&joins("refused"), 1.0),
        (&joins("failed"), 1.0),
    ]);

    // A diff of each of the two, and one of their ends.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let presences = "presence_presences{presence=sample.presence}";
    recorded.assert(&[(presences, 2.0)]);

    room.leave().await;
    recorded.assert(&[(&sockets, 2.0), (&channels, 1.0)]);
    other.close();
    client.close();
    tokio::time::sleep(Duration::from_secs(1)).await;
    recorded.assert(&[(&sockets, 0.0), (&channels, 0.0), (presences, 0.0)]);
    let diffs = recorded.counted["presence_diffs_total{presence=sample.presence}"];
    assert!((2.0..=4.0).contains(&diffs), "{diffs}");
}

#[tokio::test(start_paused = true)]
async fn messages_and_bytes_are_counted_both_ways() {
    recorded!(endpoint, recorded);
    let client = testing::connect::<UserSocket>(&endpoint, json!({}));
    let client = client.await.unwrap();
    let (_, quiet) = client.join("quiet", json!({})).await.unwrap();
    let of = |name| format!("presence_channels_{name}{{{CLIENT}}}");
    let (messages_in, bytes_in) = (of("messages_in_total"), of("bytes_in_total"));
    let (messages_out, bytes_out) = (of("messages_out_total"), of("bytes_out_total"));
    recorded.assert(&[(&messages_in, 1.0), (&messages_out, 1.0)]);
    let before = (recorded.counted[&bytes_in], recorded.counted[&bytes_out]);

    let push = quiet
        .push("ping", json!({ "fill": "x".repeat(1000) }))
        .await;
    quiet.assert_reply(push, "ok", json!({})).await;
    recorded.assert(&[(&messages_in, 2.0), (&messages_out, 2.0)]);
    let after = (recorded.counted[&bytes_in], recorded.counted[&bytes_out]);
    let (came, went) = (after.0 - before.0, after.1 - before.1);
    assert!((1000.0..1100.0).contains(&came), "{came}");
    assert!((40.0..100.0).contains(&went), "{went}");
}

#[tokio::test(start_paused = true)]
async fn callbacks_are_timed_and_crashes_and_refusals_counted() {
    recorded!(endpoint, recorded);
    let client = testing::connect::<UserSocket>(&endpoint, json!({}));
    let client = client.await.unwrap();
    let (_, room) = client.join("lobby:1", json!({})).await.unwrap();
    for _ in 0..2 {
        let push = room.push("ping", json!({})).await;
        room.assert_reply(push, "ok", json!({})).await;
    }
    let times =
        |callback| format!("presence_channels_handler_seconds{{{ROUTE},callback={callback}}}");
    recorded.assert(&[(&times("join"), 1.0), (&times("handle_in"), 2.0)]);

    room.push("crash", json!({})).await;
    room.assert_crashed().await;
    let crashes = |reason| format!("presence_channels_crashes_total{{{ROUTE},reason={reason}}}");
    recorded.assert(&[(&crashes("panicked"), 1.0), (&crashes("failed"), 0.0)]);
    let (_, room) = client.join("lobby:1", json!({})).await.unwrap();
    room.push("what", json!({})).await;
    room.assert_crashed().await;
    recorded.assert(&[(&crashes("panicked"), 1.0), (&crashes("failed"), 1.0)]);

    let (_, quiet) = client.join("quiet", json!({})).await.unwrap();
    for _ in 0..110 {
        quiet.push("ping", json!({})).await;
    }
    recorded.assert(&[
        (&limited("max_channel_message_rate"), 10.0),
        (&limited("max_message_rate"), 0.0),
        (&limited("route_rate"), 0.0),
        (&limited("slow_reader_timeout"), 0.0),
    ]);
}

#[tokio::test(start_paused = true)]
async fn a_terminate_that_takes_too_long_is_a_crash() {
    recorded!(endpoint, recorded);
    let log = Log::listen("presence_channels=error");
    let client = testing::connect::<UserSocket>(&endpoint, json!({ "user_id": "ann" }));
    let (_, room) = client
        .await
        .unwrap()
        .join("room:held", json!({}))
        .await
        .unwrap();
    room.push("phx_leave", json!({})).await;
    tokio::time::sleep(Duration::from_secs(31)).await;
    let line = log.line("terminate took too long");
    for part in [
        r#"topic="room:held" event="terminate" user="user_socket:ann""#,
        "over Config::handler_timeout",
    ] {
        assert!(line.contains(part), "{part} in {line}");
    }
    let crashes = "presence_channels_crashes_total{socket=/socket,route=room:*,reason=timed_out}";
    recorded.assert(&[(crashes, 1.0)]);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_the_last_step_refuses_has_not_connected() {
    let limits = Limits::default().max_connections_per_user(1);
    recorded!(
        endpoint,
        recorded,
        start_on(PubSub::local(), Config::default(), limits)
    );
    let log = Log::listen("presence_channels=info");
    let query = "vsn=2.0.0&user_id=ann";
    let _first = Poller::open(&endpoint, query).await;
    for _ in 0..3 {
        let refused = Poller::try_open(&endpoint, query).await;
        assert_eq!(refused.err(), Some(429));
    }
    log.line(": connected");
    let connects = format!("presence_channels_connects_total{{{CLIENT},result=ok}}");
    recorded.assert(&[
        (&connects, 1.0),
        (&limited("max_connections_per_user"), 3.0),
    ]);
}

#[tokio::test(start_paused = true)]
async fn what_waits_for_clients_is_looked_at_now_and_then() {
    recorded!(endpoint, recorded);
    let send = async |method: Method, token: &str, body: String| {
        let request = Request::builder()
            .method(method)
            .uri(format!("/socket/longpoll?vsn=2.0.0&token={token}"))
            .body(Body::from(body));
        let answered = endpoint.router::<()>().oneshot(request.unwrap()).await;
        let body = to_bytes(answered.unwrap().into_body(), usize::MAX).await;
        let answer: Value = serde_json::from_slice(&body.unwrap()).unwrap();
        answer
    };
    let opened = send(Method::GET, "", String::new()).await;
    let token = opened["token"].as_str().unwrap();
    let join = json!(["1", "1", "quiet", "phx_join", {}]).to_string();
    assert_eq!(send(Method::POST, token, join).await["status"], 200);

    // The reply to the join waits until the client polls.
    tokio::time::sleep(Duration::from_secs(4)).await;
    let frames = format!("presence_channels_queue_frames{{{CLIENT}}}");
    let bytes = format!("presence_channels_queue_bytes{{{CLIENT}}}");
    recorded.assert(&[(&frames, 1.0)]);
    assert!(recorded.counted[&bytes] > 40.0);
    assert_eq!(send(Method::GET, token, String::new()).await["status"], 200);
    tokio::time::sleep(Duration::from_secs(4)).await;
    recorded.assert(&[(&frames, 0.0), (&bytes, 0.0)]);
}

#[tokio::test(start_paused = true)]
async fn parts_of_lists_are_counted_as_encoded_or_shared() {
    let recorder = DebuggingRecorder::new();
    let mut recorded = Recorded {
        snapshotter: recorder.snapshotter(),
        counted: Default::default(),
    };
    let _guard = metrics::set_default_local_recorder(&recorder);
    let tracker = Tracker::start(&PubSub::local(), Far);
    let owner = Owner::new();
    for user in 0..60 {
        let meta = json!({ "fill": "x".repeat(15_000) });
        let user = format!("user{user}");
        tracker.track_as(&owner, "t", user, meta).await.unwrap();
    }
    // The diffs of all joins are out: nothing changes any more.
    tokio::time::sleep(Duration::from_secs(5)).await;
    let encoded = "presence_state_parts_total{presence=telemetry.far,source=encoded}";
    let shared = "presence_state_parts_total{presence=telemetry.far,source=shared}";
    recorded.assert(&[(encoded, 0.0), (shared, 0.0)]);

    // 900 kB of metas, in parts of at most 256 KiB.
    let parts = walk(&tracker).await;
    assert!((4..=5).contains(&parts), "{parts}");
    recorded.assert(&[(encoded, parts as f64), (shared, 0.0)]);
    assert_eq!(walk(&tracker).await, parts);
    recorded.assert(&[(encoded, parts as f64), (shared, parts as f64)]);
}

/// Queues all parts of the list for a client. Returns their number.
async fn walk(tracker: &Tracker<Far>) -> usize {
    let mut parts = tracker.state_parts("t");
    let mut count = 0;
    while let Some(part) = parts.next().await {
        count += usize::from(parts.queue(&part, || {}));
    }
    count
}

struct Far;

impl Presence for Far {
    const NAME: &str = "telemetry.far";
}

#[tokio::test(start_paused = true)]
async fn a_node_that_lacks_changes_says_for_how_long() {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    let _guard = metrics::set_default_local_recorder(&recorder);
    let lags = || {
        let found = snapshotter.snapshot().into_vec();
        let gauges = found
            .into_iter()
            .filter_map(|(key, _, _, value)| match value {
                DebugValue::Gauge(value) => Some((key.key().name().to_owned(), *value)),
                _ => None,
            });
        // Both nodes have the same labels: the last word is of either.
        let lag = gauges.filter(|(name, _)| name == "presence_replication_lag_seconds");
        lag.map(|(_, value)| value).fold(0.0, f64::max)
    };
    let cluster = MemoryCluster::default();
    let nodes = ["a", "b"].map(|name| PubSub::with_adapter(cluster.join(name)));
    let [a, b] = nodes.each_ref().map(|pubsub| Tracker::start(pubsub, Far));
    let all_see = |count| [&a, &b].iter().all(|node| node.count("t") == count);
    let owner = Owner::new();
    a.track_as(&owner, "t", "ann", json!({})).await.unwrap();
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert!(all_see(1));
    assert_eq!(lags(), 0.0);

    // b misses a change, hears that there is one, and cannot ask for it.
    cluster.part("a", "b");
    a.track_as(&owner, "t", "bob", json!({})).await.unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    cluster.heal("a", "b");
    cluster.part_one_way("b", "a");
    let mut lag = 0.0_f64;
    for _ in 0..12 {
        tokio::time::sleep(Duration::from_secs(1)).await;
        lag = lag.max(lags());
    }
    assert!((8.0..=12.0).contains(&lag), "{lag} s");

    cluster.heal("a", "b");
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert!(all_see(2));
    lags();
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(lags(), 0.0);
}

/// The table's rows: name, kind and labels.
fn documented() -> BTreeSet<(String, String, BTreeSet<String>)> {
    let module = include_str!("../../src/telemetry.rs");
    let rows = module
        .lines()
        .filter_map(|line| line.strip_prefix("//! | `presence_"));
    let row = |row: &str| {
        let cells: Vec<_> = row.split('|').map(str::trim).collect();
        let labels = cells[3].split(", ").map(|label| label.replace('`', ""));
        (
            format!("presence_{}", cells[0].trim_end_matches('`')),
            cells[1].to_owned(),
            labels.collect(),
        )
    };
    rows.map(row)
        // Rows of the table of logs.
        .filter(|(name, ..)| !name.contains("::"))
        .collect()
}

#[tokio::test(start_paused = true)]
async fn the_table_names_what_there_is_and_nothing_else() {
    recorded!(endpoint, recorded);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let _server = serve(listener, endpoint.router(), &endpoint);
    // The presence counts from when its tasks first run.
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(recorded.metrics(), documented());
    drop(endpoint);
}
