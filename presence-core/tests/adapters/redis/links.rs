//! A slow link to the server, and frames that are lost with a connection.

use std::time::Duration;

use presence_core::{
    adapters::{
        Redis, RedisOptions,
        redis_client::{self, Client},
    },
    pubsub::{Broadcast, Payload},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    time::{MissedTickBehavior, interval},
};

use super::bed;
use crate::suite::{Bed, Node, PATIENCE, link, next, until};

/// The bytes that a slow link carries in each [`STEP`]: 4 Mbit/s.
const BYTES: usize = 8192;
const STEP: Duration = Duration::from_millis(16);

/// Carries each connection to `target` at 4 Mbit/s each way. Returns its address.
async fn slow_link(target: String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        while let Ok((incoming, _)) = listener.accept().await {
            let outgoing = TcpStream::connect(&target).await.unwrap();
            let (from, to) = (incoming.into_split(), outgoing.into_split());
            tokio::spawn(carry(from.0, to.1));
            tokio::spawn(carry(to.0, from.1));
        }
    });
    address
}

async fn carry(mut from: OwnedReadHalf, mut to: OwnedWriteHalf) {
    let mut bytes = [0; BYTES];
    let mut steps = interval(STEP);
    // A busy machine does not make the link slower than it shall be.
    steps.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut room = 0;
    loop {
        if room == 0 {
            steps.tick().await;
            room = BYTES;
        }
        match from.read(&mut bytes[..room]).await {
            Ok(count) if count > 0 && to.write_all(&bytes[..count]).await.is_ok() => room -= count,
            _ => return,
        }
    }
}

/// More than the link carries in the time of an answer: first many messages, then a large one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis-server"]
async fn a_slow_link_is_not_a_lost_one() {
    const BURST: usize = 45;
    const LENGTH: usize = 70_000;
    let bed = bed();
    let b = bed_node(&bed.client, "b").await;
    let server = format!("127.0.0.1:{}", bed.broker.borrow().port);
    let address = slow_link(server).await;
    let client = Client::open(format!("redis://{address}")).unwrap();
    let a = bed_node(&client, "a").await;
    let mut on_b = b.pubsub.receiver("t", 100_000);
    link(&a, &mut on_b, "t").await;
    let state = a.pubsub.engine_state();

    let large = |event: &str, bytes: usize| {
        let payload = Payload::Binary(vec![0; bytes].into());
        Broadcast::new("t", event, payload)
    };
    for number in 0..BURST {
        let message = large(&number.to_string(), LENGTH);
        a.pubsub.broadcast(message).unwrap();
    }
    for number in 0..BURST {
        assert_eq!(&*next(&mut on_b).await.event, number.to_string());
    }
    a.pubsub.broadcast(large("large", BURST * LENGTH)).unwrap();
    a.pubsub.broadcast(large("after it", 1)).unwrap();
    for event in ["large", "after it"] {
        assert_eq!(&*next(&mut on_b).await.event, event);
    }
    assert_eq!((a.stats)().dropped, 0);
    // It has never been lost.
    assert!(!state.has_changed().unwrap());
    assert!(a.pubsub.is_connected());
}

async fn bed_node(client: &Client, name: &str) -> Node {
    let redis = Redis::connect(RedisOptions::new(name, client.clone()));
    let redis = redis.await.unwrap();
    let stats = redis.stats();
    Node::counting(redis, stats)
}

/// Several pipelines wait for their answers when the server dies. All of their frames are counted.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis-server"]
async fn frames_that_are_lost_with_the_connection_are_counted() {
    const FRAMES: u64 = 20;
    let bed = bed();
    let redis = Redis::connect(RedisOptions::new("a", bed.client.clone()));
    let redis = redis.await.unwrap();
    let stats = redis.stats();
    let a = Node::counting(redis, stats.clone());
    let b = bed.node("b").await;
    let mut on_b = b.pubsub.receiver("t", 100_000);
    link(&a, &mut on_b, "t").await;

    // The server takes the frames, and answers none.
    let mut operator = bed.client.get_multiplexed_async_connection().await.unwrap();
    let mut pause = redis_client::cmd("CLIENT");
    let pause = pause.arg("PAUSE").arg(60_000).arg("WRITE");
    pause.query_async::<()>(&mut operator).await.unwrap();
    let before = stats.sent() + stats.dropped();
    for _ in 0..FRAMES {
        let payload = Payload::Binary(vec![0; 100_000].into());
        a.pubsub
            .broadcast(Broadcast::new("t", "large", payload))
            .unwrap();
    }
    let waits = async {
        loop {
            let mut list = redis_client::cmd("CLIENT");
            let list = list.arg("LIST").query_async::<String>(&mut operator);
            if list.await.unwrap().lines().any(is_behind) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let waits = tokio::time::timeout(PATIENCE, waits).await;
    waits.expect("the server takes frames that it does not answer");
    bed.broker.borrow_mut().kill();
    until("the connection is lost", || !a.pubsub.is_connected()).await;
    bed.broker.borrow_mut().restart();
    until("each frame is sent, or dropped", || {
        stats.sent() + stats.dropped() - before == FRAMES
    })
    .await;
    assert!(stats.dropped() > 0);
}

/// Returns whether the server has taken more bytes of a client than it has handled.
fn is_behind(client: &str) -> bool {
    let mut fields = client.split(' ');
    let waiting = fields.find_map(|field| field.strip_prefix("qbuf="));
    waiting.is_some_and(|bytes| bytes.parse::<usize>().unwrap() > 100_000)
}
