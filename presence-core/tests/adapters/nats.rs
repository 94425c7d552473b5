use std::cell::RefCell;

use presence_core::{
    Presence, Tracker,
    adapters::{Nats, NatsError, NatsOptions, nats_client},
    tracker::Owner,
};

use support::ports::free_port;

use crate::{
    broker::{self, Broker},
    suite::{Bed, Node, Wired, suite, until},
};

/// Small, so that a large message is quickly made.
const MAX_PAYLOAD: usize = 300_000;

struct NatsBed {
    broker: RefCell<Broker>,
    url: String,
    _config: tempfile::NamedTempFile,
}

fn bed() -> NatsBed {
    bed_with(&format!("max_payload: {MAX_PAYLOAD}\n"))
}

fn bed_with(settings: &str) -> NatsBed {
    let config = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(config.path(), settings).unwrap();
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
    let port = free_port().unwrap();
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
    let nonsense = NatsOptions::new("a", "nats://ann:secret@x:y");
    let nonsense = Nats::connect(nonsense).await.unwrap_err();
    assert!(matches!(nonsense, NatsError::Address { .. }), "{nonsense}");
    assert!(!nonsense.to_string().contains("secret"), "{nonsense}");
    let nameless = Nats::connect(NatsOptions::new("", "nats://x:1"))
        .await
        .unwrap_err();
    assert!(matches!(nameless, NatsError::Name(_)), "{nameless}");
}

/// Without an address, the client would try its servers again and again without a pause.
#[tokio::test]
async fn an_option_out_of_its_bounds_is_an_error_at_the_start() {
    let connect = NatsOptions::default_connect().retry_on_initial_connect();
    let options = NatsOptions::new("a", "nats://x:1").connect(connect);
    let error = Nats::connect(options.servers([""; 0])).await.unwrap_err();
    assert!(matches!(error, NatsError::InvalidOption(_)), "{error}");
    assert_eq!(
        error.to_string(),
        "`NatsOptions::servers` is [], and must be a list of at least one address"
    );
    let options = NatsOptions::new("a", "nats://x:1").queue_bytes(0);
    let error = Nats::connect(options).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "`NatsOptions::queue_bytes` is 0, and must be at least 1024"
    );
}

struct Plain;
impl Presence for Plain {
    const NAME: &str = "test.plain";
}

/// Less than a tracker's messages have by default.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs nats-server"]
async fn presences_are_replicated_by_a_server_that_carries_little() {
    const PRESENCES: usize = 3000;
    let bed = bed_with("max_payload: 16384\n");
    let a = bed.node("a").await;
    let on_a = Tracker::start(&a.pubsub, Plain);
    let owners: Vec<Owner> = (0..PRESENCES / 1000).map(|_| Owner::new()).collect();
    for number in 0..PRESENCES {
        let meta = serde_json::json!({ "text": "x".repeat(200) });
        let owner = &owners[number % owners.len()];
        on_a.track_as(owner, "t", number.to_string(), meta)
            .await
            .unwrap();
    }
    let b = bed.node("b").await;
    let on_b = Tracker::start(&b.pubsub, Plain);
    until("b has all", || on_b.count("t") == PRESENCES).await;
}

/// Why a server does not let a node in. It closes the connection while the node still writes, and
/// its word may be lost with that: then another attempt is made.
async fn refusal(url: &str) -> NatsError {
    const ATTEMPTS: usize = 20;
    for _ in 0..ATTEMPTS {
        let error = Nats::connect(NatsOptions::new("a", url)).await.unwrap_err();
        let NatsError::Connect { source, .. } = &error else {
            panic!("another error: {error}");
        };
        match source.kind() {
            nats_client::ConnectErrorKind::AuthorizationViolation => return error,
            nats_client::ConnectErrorKind::Io => {}
            _ => panic!("another error: {error}"),
        }
    }
    panic!("{ATTEMPTS} times the server did not say why it lets nobody in");
}

#[tokio::test]
#[ignore = "needs nats-server"]
async fn a_server_that_does_not_let_it_in_is_an_error() {
    let bed = bed_with("authorization { user: ann, password: \"right@100%\" }\n");
    let port = bed.broker.borrow().port;
    for credentials in ["", "ann:wrong-secret@"] {
        let url = format!("nats://{credentials}127.0.0.1:{port}");
        let error = refusal(&url).await;
        let text = error.to_string();
        assert!(text.contains(&format!("127.0.0.1:{port}")), "{text}");
        assert!(text.contains("uthorization"), "{text}");
        assert!(!text.contains("wrong-secret"), "{text}");
    }
    let url = format!("nats://ann:right%40100%25@127.0.0.1:{port}");
    Nats::connect(NatsOptions::new("a", url)).await.unwrap();
}
