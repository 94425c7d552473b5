mod links;

use std::{
    cell::RefCell,
    sync::{
        Arc, Condvar, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use presence_core::{
    adapters::{Redis, RedisError, RedisOptions, redis_client},
    pubsub::{Broadcast, Dispatch, Payload, Subscriber},
};

use support::ports::free_port;

use crate::{
    broker::{self, Broker},
    suite::{Bed, Node, Wired, link, suite, until},
};

/// Small, so that a large message is quickly made.
const MAX_MESSAGE: usize = 300_000;

struct RedisBed {
    broker: RefCell<Broker>,
    client: redis_client::Client,
    _folder: tempfile::TempDir,
}

fn bed() -> RedisBed {
    bed_with(&[])
}

/// A server that is started with further arguments.
fn bed_with(further: &[&str]) -> RedisBed {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap().to_owned();
    let arguments = |port: u16| {
        let port = port.to_string();
        [
            "--bind",
            "127.0.0.1",
            "--port",
            &port,
            "--save",
            "",
            "--dir",
            &path,
        ]
        .iter()
        .chain(further)
        .map(|argument| (*argument).to_owned())
        .collect()
    };
    let broker = Broker::start("redis-server", arguments);
    let client = redis_client::Client::open(format!("redis://127.0.0.1:{}", broker.port)).unwrap();
    let broker = RefCell::new(broker);
    RedisBed {
        broker,
        client,
        _folder: folder,
    }
}

impl Bed for RedisBed {
    async fn node(&self, name: &str) -> Node {
        let options = RedisOptions::new(name, self.client.clone()).max_message_bytes(MAX_MESSAGE);
        let redis = Redis::connect(options).await.unwrap();
        let stats = redis.stats();
        Node::counting(redis, stats)
    }
}

impl Wired for RedisBed {
    const LIMIT: usize = MAX_MESSAGE;

    async fn inject(&self, node: &str, bucket: &str, bytes: &[u8]) {
        let mut client = self
            .client
            .get_multiplexed_async_connection()
            .await
            .unwrap();
        let node: String = node.bytes().map(|byte| format!("{byte:02x}")).collect();
        for channel in [format!("presence:n:{node}"), format!("presence:b:{bucket}")] {
            let publish = redis_client::cmd("PUBLISH")
                .arg(channel)
                .arg(bytes)
                .to_owned();
            publish.query_async::<()>(&mut client).await.unwrap();
        }
    }
}

suite!(bed(), [
    only_nodes_with_subscribers_pay
    what_is_too_large_is_an_error
    garbage_is_dropped_and_counted
    two_nodes_of_one_name_hear_each_other
], #[ignore = "needs redis-server"]);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis-server"]
async fn the_server_comes_back() {
    broker::heals(&bed(), |bed| bed.broker.borrow_mut()).await;
}

#[tokio::test]
async fn errors_say_what_is_wrong() {
    let port = free_port().unwrap();
    let client = redis_client::Client::open(format!("redis://127.0.0.1:{port}")).unwrap();
    let nobody = Redis::connect(RedisOptions::new("a", client.clone()))
        .await
        .unwrap_err();
    assert!(matches!(nobody, RedisError::Connect { .. }), "{nobody}");
    assert!(
        nobody.to_string().contains(&format!("127.0.0.1:{port}")),
        "{nobody}"
    );

    let options = RedisOptions::new("a", client);
    let error = Redis::connect(options.clone().cluster("a b"))
        .await
        .unwrap_err();
    assert!(matches!(error, RedisError::Name(_)), "{error}");

    let error = Redis::connect(options.clone().max_message_bytes(16 * 1024 * 1024 + 1))
        .await
        .unwrap_err();
    assert!(matches!(error, RedisError::InvalidOption(_)), "{error}");
    assert_eq!(
        error.to_string(),
        "`RedisOptions::max_message_bytes` is 16777217, and must be from 4096 to 16777216"
    );
    let error = Redis::connect(options.queue_bytes(0)).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "`RedisOptions::queue_bytes` is 0, and must be at least 1024"
    );
}

/// Delivers nothing until it is opened, and counts what is large.
#[derive(Default)]
struct Slow {
    open: Mutex<bool>,
    opened: Condvar,
    delivered: AtomicU64,
}

impl Slow {
    fn open(&self) {
        *self.open.lock().unwrap() = true;
        self.opened.notify_all();
    }
}

impl Subscriber for Slow {
    fn deliver(&self, dispatch: &mut Dispatch<'_>) {
        // The runtime is told of it: the thread that waits might be the one that would have heard
        // the network.
        tokio::task::block_in_place(|| {
            let open = self.open.lock().unwrap();
            drop(self.opened.wait_while(open, |open| !*open));
        });
        let large = &*dispatch.message().event == "large";
        self.delivered.fetch_add(u64::from(large), Ordering::SeqCst);
    }
}

/// Its peers send more than it may hold; it drops and counts, and stays connected.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "needs redis-server"]
async fn a_reader_that_does_not_keep_up_holds_a_bounded_amount() {
    const QUEUE: usize = 1_000_000;
    const LENGTH: usize = 10_000;
    let bed = bed();
    let a = bed.node("a").await;
    let options = RedisOptions::new("b", bed.client.clone()).queue_bytes(QUEUE);
    let redis = Redis::connect(options).await.unwrap();
    let stats = redis.stats();
    let b = Node::counting(redis, stats);
    let mut on_b = b.pubsub.receiver("t", 100_000);
    link(&a, &mut on_b, "t").await;

    let slow = Arc::new(Slow::default());
    let _subscription = b.pubsub.subscribe("t", slow.clone());
    let payload = Payload::Binary(vec![0; LENGTH].into());
    let large = Broadcast::new("t", "large", payload);
    let mut sent = 0;
    // As much again as fits is dropped; the node sends no faster than Redis takes it.
    for _ in 0..3 * QUEUE / LENGTH {
        a.pubsub.broadcast(large.clone()).unwrap();
        sent += 1;
    }
    until("what does not fit is dropped", || {
        (b.stats)().dropped > QUEUE as u64 / LENGTH as u64
    })
    .await;
    assert_eq!(slow.delivered.load(Ordering::SeqCst), 0);
    slow.open();
    until("the rest is delivered", || {
        slow.delivered.load(Ordering::SeqCst) + (b.stats)().dropped == sent
    })
    .await;
    // The waiting messages, and the batch that was being delivered.
    let held = slow.delivered.load(Ordering::SeqCst) * LENGTH as u64;
    assert!(held < 2 * QUEUE as u64, "{held} bytes were held");
    assert_eq!((a.stats)().dropped, 0);
    // It has never been cut off.
    link(&a, &mut on_b, "t").await;
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn a_server_that_does_not_let_it_in_is_an_error() {
    let bed = bed_with(&["--requirepass", "right"]);
    let address = format!("127.0.0.1:{}", bed.broker.borrow().port);
    for credentials in ["", ":wrong-secret@"] {
        let url = format!("redis://{credentials}{address}");
        let client = redis_client::Client::open(url).unwrap();
        let error = Redis::connect(RedisOptions::new("a", client))
            .await
            .unwrap_err();
        assert!(matches!(error, RedisError::Connect { .. }), "{error}");
        let text = error.to_string();
        assert!(text.contains(&address), "{text}");
        let says = ["NOAUTH", "WRONGPASS", "Password", "uthentication"];
        assert!(says.iter().any(|word| text.contains(word)), "{text}");
        assert!(!text.contains("wrong-secret"), "{text}");
    }
    let client = redis_client::Client::open(format!("redis://:right@{address}")).unwrap();
    Redis::connect(RedisOptions::new("a", client))
        .await
        .unwrap();
}
