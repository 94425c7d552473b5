//! Links over TLS, and who is not let in.

use std::{
    net::TcpListener,
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Duration,
};

use presence_core::{
    adapters::{Peers, Zenoh, ZenohError, ZenohOptions, ZenohTls},
    pubsub::{AdapterError, EngineState, PubSubError},
};

use super::{free_addresses, node};
use crate::suite::{heard, link, message, until};

fn file(name: &str) -> PathBuf {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/certificates");
    PathBuf::from(folder).join(name)
}

fn of_the_cluster() -> ZenohTls {
    ZenohTls::new(file("authority.pem"), file("node.pem"), file("node.key"))
}

fn options(index: usize, addresses: &[String], tls: Option<ZenohTls>) -> ZenohOptions {
    let peers = Peers::List(addresses.to_vec());
    ZenohOptions::new(format!("node-{index}"), &addresses[index], peers).tls(tls)
}

/// A node with `tls` starts between two of the cluster, and neither of them ever sees it, nor it
/// them.
async fn is_kept_out(tls: Option<ZenohTls>) {
    let addresses = free_addresses(3);
    let a = node(options(0, &addresses, Some(of_the_cluster()))).await;
    let stranger = node(options(1, &addresses, tls)).await;
    let mut on_stranger = stranger.pubsub.receiver("t", 1000);
    let b = node(options(2, &addresses, Some(of_the_cluster()))).await;
    let mut on_b = b.pubsub.receiver("t", 100_000);
    // The stranger had more time to connect than b, which does.
    link(&a, &mut on_b, "t").await;
    for from in [&a, &b, &stranger] {
        let other = if from.pubsub.node_name() == "node-1" {
            "node-0"
        } else {
            "node-1"
        };
        let error = from
            .pubsub
            .direct(other, message("t", "direct"))
            .unwrap_err();
        let unknown = matches!(error, PubSubError::Adapter(AdapterError::UnknownNode(_)));
        assert!(unknown, "{error}");
    }
    assert_eq!(on_stranger.try_recv(), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_of_one_authority_talk() {
    let addresses = free_addresses(2);
    let a = node(options(0, &addresses, Some(of_the_cluster()))).await;
    let b = node(options(1, &addresses, Some(of_the_cluster()))).await;
    let mut on_b = b.pubsub.receiver("t", 100_000);
    link(&a, &mut on_b, "t").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_of_another_authority_is_kept_out() {
    let tls = ZenohTls::new(
        file("other-authority.pem"),
        file("stranger.pem"),
        file("stranger.key"),
    );
    is_kept_out(Some(tls)).await;
}

/// The node trusts the cluster's certificates, and has no certificate that the cluster trusts.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_with_a_certificate_of_its_own_making_is_kept_out() {
    let tls = ZenohTls::new(
        file("authority.pem"),
        file("stranger.pem"),
        file("stranger.key"),
    );
    is_kept_out(Some(tls)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_without_tls_is_kept_out() {
    is_kept_out(None).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_that_are_missing_or_wrong_are_errors_at_the_start() {
    let addresses = free_addresses(1);
    let missing = ZenohTls::new(file("missing.pem"), file("node.pem"), file("node.key"));
    let error = Zenoh::connect(options(0, &addresses, Some(missing)))
        .await
        .unwrap_err();
    assert!(matches!(error, ZenohError::Certificate { .. }), "{error}");
    assert!(error.to_string().contains("missing.pem"), "{error}");

    let wrong = ZenohTls::new(file("authority.pem"), file("node.pem"), file("node.pem"));
    let error = Zenoh::connect(options(0, &addresses, Some(wrong)))
        .await
        .unwrap_err();
    assert!(matches!(error, ZenohError::Open(_)), "{error}");
}

/// A node that starts over cannot read its certificate for a while. It is away then, and does not
/// take the others for dead.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_cannot_start_over_reports_it() {
    let mut addresses = free_addresses(2);
    // The second of a list connects to the first.
    addresses.sort();
    let folder = tempfile::tempdir().unwrap();
    let certificate = folder.path().join("node.pem");
    std::fs::copy(file("node.pem"), &certificate).unwrap();
    let tls = ZenohTls::new(file("authority.pem"), &certificate, file("node.key"));
    let list = Arc::new(Mutex::new(vec![addresses[1].clone()]));
    let asked = list.clone();
    let peers = Peers::ask(move || {
        let list = asked.lock().unwrap().clone();
        async move { Ok(list) }
    });
    let options_of_late = ZenohOptions::new("node-1", &addresses[1], peers)
        .tls(tls)
        .refresh(Duration::from_millis(100));
    let late = node(options_of_late).await;
    until("it has found its cluster, which is itself", || {
        late.pubsub.is_connected()
    })
    .await;
    let first = node(options(0, &addresses, Some(of_the_cluster()))).await;
    let mut on_first = first.pubsub.receiver("t", 100_000);
    std::fs::remove_file(&certificate).unwrap();
    list.lock().unwrap().clone_from(&addresses);
    until("it is away", || !late.pubsub.is_connected()).await;
    let state = *late.pubsub.engine_state().borrow();
    assert_eq!(state, EngineState::Disconnected);

    std::fs::copy(file("node.pem"), &certificate).unwrap();
    until("it is back", || late.pubsub.is_connected()).await;
    heard(&late, &mut on_first, "t").await;
}

/// As [`a_node_that_cannot_start_over_reports_it`], before the node has found all of its cluster: a
/// listed node accepts connections, and does not link.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_has_not_found_all_reports_that_it_cannot_start_over() {
    let mut addresses = free_addresses(3);
    // The second of the list connects to the first, and waits for the third.
    addresses.sort();
    let deaf = TcpListener::bind(&addresses[2]).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let certificate = folder.path().join("node.pem");
    std::fs::copy(file("node.pem"), &certificate).unwrap();
    let tls = ZenohTls::new(file("authority.pem"), &certificate, file("node.key"));
    let first = node(options(0, &addresses, Some(of_the_cluster()))).await;
    let mut on_first = first.pubsub.receiver("t", 100_000);
    let options_of_late = options(1, &addresses, Some(tls)).refresh(Duration::from_millis(100));
    let late = node(options_of_late).await;
    let state = late.pubsub.engine_state();
    std::fs::remove_file(&certificate).unwrap();
    until("it is away", || {
        *state.borrow() == EngineState::Disconnected
    })
    .await;

    std::fs::copy(file("node.pem"), &certificate).unwrap();
    until("it looks for its cluster again", || {
        *state.borrow() == EngineState::Connecting
    })
    .await;
    heard(&late, &mut on_first, "t").await;
    drop(deaf);
    until("it has found its cluster", || late.pubsub.is_connected()).await;
}
