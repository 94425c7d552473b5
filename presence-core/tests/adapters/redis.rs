use std::cell::RefCell;

use presence_core::adapters::{Redis, RedisError, RedisOptions, redis_client};

use crate::{
    broker::{self, Broker},
    ports::free_port,
    suite::{Bed, Node, Wired, suite},
};

/// Small, so that a large message is quickly made.
const MAX_MESSAGE: usize = 300_000;

struct RedisBed {
    broker: RefCell<Broker>,
    client: redis_client::Client,
    _folder: tempfile::TempDir,
}

fn bed() -> RedisBed {
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
        .map(str::to_owned)
        .to_vec()
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
        let options = RedisOptions {
            max_message_bytes: MAX_MESSAGE,
            ..RedisOptions::new(name, self.client.clone())
        };
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
    let port = free_port();
    let client = redis_client::Client::open(format!("redis://127.0.0.1:{port}")).unwrap();
    let nobody = Redis::connect(RedisOptions::new("a", client.clone()))
        .await
        .unwrap_err();
    assert!(matches!(nobody, RedisError::Connect { .. }), "{nobody}");
    assert!(
        nobody.to_string().contains(&format!("127.0.0.1:{port}")),
        "{nobody}"
    );

    let options = RedisOptions {
        cluster: "a b".to_owned(),
        ..RedisOptions::new("a", client)
    };
    let error = Redis::connect(options).await.unwrap_err();
    assert!(matches!(error, RedisError::Name(_)), "{error}");
}
