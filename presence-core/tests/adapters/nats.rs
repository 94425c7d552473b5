use std::cell::RefCell;

use presence_core::adapters::{Nats, NatsError, NatsOptions, nats_client};

use crate::{
    broker::{self, Broker},
    ports::free_port,
    suite::{Bed, Node, Wired, suite},
};

/// Small, so that a large message is quickly made.
const MAX_PAYLOAD: usize = 300_000;

struct NatsBed {
    broker: RefCell<Broker>,
    url: String,
    _config: tempfile::NamedTempFile,
}

fn bed() -> NatsBed {
    let config = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(config.path(), format!("max_payload: {MAX_PAYLOAD}\n")).unwrap();
    let path = config.path().to_str().unwrap().to_owned();
    let arguments = |port: u16| {
        let port = port.to_string();
        ["-a", "127.0.0.1", "-p", &port, "-c", &path]
            .map(str::to_owned)
            .to_vec()
    };
    let broker = Broker::start("nats-server", arguments);
    let url = format!("nats://127.0.0.1:{}", broker.port);
    let broker = RefCell::new(broker);
    NatsBed {
        broker,
        url,
        _config: config,
    }
}

impl Bed for NatsBed {
    async fn node(&self, name: &str) -> Node {
        let nats = Nats::connect(NatsOptions::new(name, &self.url))
            .await
            .unwrap();
        let stats = nats.stats();
        Node::counting(nats, stats)
    }
}

impl Wired for NatsBed {
    const LIMIT: usize = MAX_PAYLOAD;

    async fn inject(&self, node: &str, bucket: &str, bytes: &[u8]) {
        let client = nats_client::connect(&self.url).await.unwrap();
        let node: String = node.bytes().map(|byte| format!("{byte:02x}")).collect();
        for subject in [format!("presence.n.{node}"), format!("presence.b.{bucket}")] {
            client
                .publish(subject, bytes.to_vec().into())
                .await
                .unwrap();
        }
        client.flush().await.unwrap();
    }
}

suite!(bed(), [
    only_nodes_with_subscribers_pay
    what_is_too_large_is_an_error
    garbage_is_dropped_and_counted
    two_nodes_of_one_name_hear_each_other
], #[ignore = "needs nats-server"]);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs nats-server"]
async fn the_server_comes_back() {
    broker::heals(&bed(), |bed| bed.broker.borrow_mut()).await;
}

#[tokio::test]
async fn errors_say_what_is_wrong() {
    let port = free_port();
    let nobody = NatsOptions::new("a", format!("nats://ann:secret@127.0.0.1:{port}"));
    let error = Nats::connect(nobody).await.unwrap_err();
    assert!(matches!(error, NatsError::Connect { .. }), "{error}");
    assert!(
        error.to_string().contains(&format!("127.0.0.1:{port}")),
        "{error}"
    );

    assert!(!error.to_string().contains("secret"), "{error}");

    let nonsense = Nats::connect(NatsOptions::new("a", "http://x:1"))
        .await
        .unwrap_err();
    assert!(matches!(nonsense, NatsError::Address { .. }), "{nonsense}");
    let nameless = Nats::connect(NatsOptions::new("", "nats://x:1"))
        .await
        .unwrap_err();
    assert!(matches!(nameless, NatsError::Name(_)), "{nameless}");
}
