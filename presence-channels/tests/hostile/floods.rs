//! Clients that send as fast as they can.

use presence_channels::Limits;
use serde_json::json;

use crate::{
    client::{Client, joined, open},
    world::{HANDLER_TIMEOUT, MAX_WAITING_BYTES, PIPE, World, settle},
};

const FLOOD: usize = 5000;

/// Joins `FLOOD` times, to what `topic` says, where no join ever ends.
fn joins(topic: impl Fn(usize) -> String) {
    const UNDER_WAY: usize = 20;
    let limits = Limits::default().max_joins_under_way(UNDER_WAY);
    let world = World::start(limits);
    let endpoint = &world.endpoint;
    let mut bystander = world.run(joined(endpoint, "room:1"));
    let (mut client, _) = world.measure(open(endpoint));

    let (refused, held) = world.measure(async {
        let mut refused = 0;
        for n in 0..FLOOD {
            let payload = json!({ "fill": "x".repeat(1000) });
            client
                .push_as(&n.to_string(), &topic(n), "phx_join", payload)
                .await;
            if n >= UNDER_WAY {
                let reply = client.receive_json().await;
                let reason = &reply[4]["response"]["reason"];
                assert_eq!(reason, "too many joins under way", "{n}: {reply}");
                refused += 1;
            }
            if n % 1000 == 0 {
                bystander.assert_served("room:1").await;
            }
        }
        refused
    });
    assert_eq!(refused, FLOOD - UNDER_WAY);
    // A join that waits costs its payload and its future; the pipes are filled once.
    let most = UNDER_WAY * 8 * 1024 + 4 * PIPE;
    assert!(held.peak <= most as u64, "{held:?} over {most}");

    // All of them end in time, and the client may join again.
    let all = HANDLER_TIMEOUT * UNDER_WAY as u32 * 2;
    world.run(async { tokio::time::sleep(all).await });
    assert_eq!(endpoint.connections(), 0, "both were silent for too long");
    let mut client = world.run(joined(endpoint, "room:1"));
    world.run(client.assert_served("room:1"));
}

#[test]
fn of_a_flood_of_joins_only_so_many_are_under_way() {
    joins(|n| format!("room:endless:{n}"));
}

/// Each begins when the one before has ended, and all of them wait.
#[test]
fn of_a_flood_of_joins_to_one_topic_only_so_many_are_under_way() {
    joins(|_| "room:endless".to_owned());
}

#[test]
fn of_a_flood_of_messages_only_so_many_wait() {
    const WAITING: usize = 50;
    const MESSAGE: usize = 2000;
    let limits = Limits::default().max_waiting_messages(WAITING);
    let world = World::start(limits);
    let endpoint = &world.endpoint;
    let mut bystander = world.run(joined(endpoint, "room:1"));
    let mut client = world.run(joined(endpoint, "room:1"));

    let (sent, held) = world.measure(async {
        let mut sent = 0;
        let payload = json!({ "fill": "x".repeat(MESSAGE) });
        let message = json!([null, "7", "room:1", "endless", payload]).to_string();
        while sent < FLOOD && client.try_send(message.clone()).await {
            sent += 1;
        }
        bystander.assert_served("room:1").await;
        sent
    });
    assert!(sent < FLOOD, "all was read though nothing was handled");
    // Those that wait, one read of 8 KiB more of them, and the pipes.
    let most = (WAITING + 8) * (MESSAGE + 1024) + 6 * PIPE;
    assert!(held.peak <= most as u64, "{held:?} over {most}");
}

/// Messages that wait in a channel which ends because of its broadcasts wait no more: else the
/// client would not be read from any longer, some rounds later.
#[test]
fn a_client_whose_channel_is_too_slow_for_its_broadcasts_is_still_heard() {
    const WAITING: usize = 20;
    const PUSHED: usize = 5;
    let limits = Limits::default().max_waiting_messages(WAITING);
    let world = World::start(limits);
    let endpoint = &world.endpoint;
    let mut client = world.run(joined(endpoint, "room:other"));
    world.run(async {
        // One channel is stuck in a handler, one in its join.
        for (topic, round) in ["room:1", "room:endless"]
            .into_iter()
            .flat_map(|topic| (0..10).map(move |round| (topic, round)))
        {
            client.push_as("join", topic, "phx_join", json!({})).await;
            client.push_as("stuck", topic, "endless", json!({})).await;
            for _ in 0..PUSHED {
                client.push_as("waits", topic, "ping", json!({})).await;
            }
            client.assert_served("room:other").await;
            for _ in 0..2 * WAITING {
                endpoint.broadcast(topic, "seen", json!({})).unwrap();
            }
            let (mut answered, mut ended) = (0, false);
            while answered < PUSHED || !ended {
                let message = client.receive_json().await;
                match message[1].as_str() {
                    Some("waits") => {
                        assert_eq!(message[4]["response"]["reason"], "unmatched topic");
                        answered += 1;
                    }
                    // A channel's end, or the refusal of a join that took too long.
                    _ if message[3] == "phx_error" => ended = true,
                    Some("join") if message[4]["status"] == "error" => ended = true,
                    _ => {}
                }
            }
            assert_eq!(answered, PUSHED, "{topic} {round}");
            client
                .push_as("beat", "phoenix", "heartbeat", json!({}))
                .await;
            while client.receive_json().await[1] != "beat" {}
        }
        client.assert_served("room:other").await;
    });
}

/// By the default limits: the number of messages is far below their limit. The bytes are in a
/// payload, or, where an app allows such refs, in a ref, of which a copy is kept.
#[test]
fn of_a_flood_of_large_messages_only_so_many_bytes_wait() {
    const MESSAGE: usize = 1_000_000;
    let large = "x".repeat(MESSAGE);
    let messages = [
        json!([null, "7", "room:1", "endless", { "fill": large }]),
        json!([null, large, "room:1", "endless", {}]),
    ];
    for message in messages.map(|message| message.to_string()) {
        let limits = Limits::default().max_ref_bytes(MESSAGE);
        let world = World::start(limits);
        let endpoint = &world.endpoint;
        let mut bystander = world.run(joined(endpoint, "room:1"));
        let mut client = world.run(joined(endpoint, "room:1"));
        let (sent, held) = world.measure(async {
            let mut sent = 0;
            while sent < 100 && client.try_send(message.clone()).await {
                sent += 1;
            }
            bystander.assert_served("room:1").await;
            sent
        });
        assert!(sent < 10, "{sent} were taken though none was handled");
        // Those that wait and the one that goes over it; one that is handled and, of a ref, its
        // copy; and what the client has not sent, of which it holds a copy while it writes.
        let most = MAX_WAITING_BYTES + 2 * MESSAGE + 2 * MESSAGE + 4 * MESSAGE;
        assert!(held.peak <= most as u64, "{held:?} over {most}");
    }
}

/// A channel keeps the ref of its join.
#[test]
fn of_joins_with_large_refs_nothing_is_kept() {
    const REF: usize = 500_000;
    let large = "x".repeat(REF);
    let world = World::start(Limits::default());
    let endpoint = &world.endpoint;
    let mut bystander = world.run(joined(endpoint, "room:1"));
    let mut rounds = async |rounds: usize| {
        for (join_ref, reference) in [(&*large, "1"), ("1", &*large), (&*large, &*large)]
            .into_iter()
            .cycle()
            .take(rounds)
        {
            let mut client = joined(endpoint, "room:other").await;
            let join = json!([join_ref, reference, "room:2", "phx_join", {}]);
            client.send(join.to_string()).await;
            assert_eq!(client.closed().await, 1011);
            bystander.assert_served("room:1").await;
        }
        // By then the list of connections has been gone through, and forgets those that ended.
        tokio::time::sleep(HANDLER_TIMEOUT).await;
    };
    world.run(rounds(3));
    let ((), held) = world.measure(rounds(30));
    // One message at a time: what the client makes and writes it from, what it is read into, its
    // refs.
    assert!(held.peak <= 12 * REF as u64, "{held:?}");
    assert!(held.left <= 4096, "{held:?}");
}

/// A topic that is joined again and again, while its first channel is in a handler.
#[test]
fn of_a_flood_of_large_joins_only_so_many_bytes_wait() {
    const MESSAGE: usize = 1_000_000;
    let world = World::start(Limits::default());
    let mut client = world.run(joined(&world.endpoint, "room:1"));
    let payload = json!({ "fill": "x".repeat(MESSAGE) });
    let join = json!([null, "7", "room:1", "phx_join", payload]).to_string();
    let mut sent = 0;
    world.run(async {
        client.push_as("2", "room:1", "endless", json!({})).await;
        while sent < 100 && client.try_send(join.clone()).await {
            sent += 1;
        }
        assert!(sent < 10, "{sent} were taken though none was handled");
        // All end in time, and each gives its bytes back.
        tokio::time::sleep(HANDLER_TIMEOUT).await;
        for _ in 0..20 {
            client.send(join.clone()).await;
            client.assert_served("room:1").await;
        }
    });
}

#[test]
fn a_flood_of_messages_for_nobody_is_answered_and_forgotten() {
    let world = World::start(Limits::default());
    let endpoint = &world.endpoint;
    let mut bystander = world.run(joined(endpoint, "room:1"));
    let mut client = world.run(open(endpoint));
    let flood = async |client: &mut Client, bystander: &mut Client| {
        for n in 0..FLOOD {
            client
                .push_as("7", &format!("room:{n}"), "ping", json!({}))
                .await;
            let reply = client.receive_json().await;
            assert_eq!(reply[4]["response"]["reason"], "unmatched topic");
        }
        bystander.assert_served("room:1").await;
        settle().await;
    };
    // The first round fills the pipes and whatever is kept for reuse.
    world.run(flood(&mut client, &mut bystander));
    let ((), held) = world.measure(flood(&mut client, &mut bystander));
    assert!(held.peak <= 64 * 1024, "{held:?}");
    assert!(held.left <= 1024, "{held:?}");
}
