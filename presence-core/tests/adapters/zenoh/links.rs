//! Links that break and come back, and nodes that learn of each other late.

use std::{
    net::TcpListener,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU8, Ordering},
    },
    time::{Duration, Instant},
};

use presence_core::{
    adapters::{Peers, Zenoh, ZenohError, ZenohOptions},
    pubsub::{Broadcast, Payload, PeerHint},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::{free_addresses, node};
use crate::suite::{Node, PATIENCE, heard, link, next, until};

/// The handling of connections by a [`Proxy`].
const OPEN: u8 = 0;
const CUT: u8 = 1;
const SILENT: u8 = 2;

/// Stands between two nodes, and is the network that fails.
struct Proxy {
    address: String,
    mode: Arc<AtomicU8>,
}

impl Proxy {
    async fn to(target: String) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let mode = Arc::new(AtomicU8::new(OPEN));
        let shared = mode.clone();
        tokio::spawn(async move {
            while let Ok((incoming, _)) = listener.accept().await {
                if shared.load(Ordering::SeqCst) != CUT
                    && let Ok(outgoing) = TcpStream::connect(&target).await
                {
                    tokio::spawn(carry(incoming, outgoing, shared.clone()));
                }
            }
        });
        Self { address, mode }
    }

    fn set(&self, mode: u8) {
        self.mode.store(mode, Ordering::SeqCst);
    }
}

/// Carries bytes both ways. Cut: the connection breaks. Silent: it stays, and nothing passes.
async fn carry(mut one: TcpStream, mut other: TcpStream, mode: Arc<AtomicU8>) {
    let (mut to_other, mut to_one) = ([0; 8192], [0; 8192]);
    loop {
        let mut pause = tokio::time::interval(Duration::from_millis(10));
        while mode.load(Ordering::SeqCst) == SILENT {
            pause.tick().await;
        }
        let (read, target, bytes) = tokio::select! {
            _ = tokio::time::sleep(Duration::from_millis(10)) => match mode.load(Ordering::SeqCst) {
                CUT => return,
                _ => continue,
            },
            read = one.read(&mut to_other) => (read, &mut other, &to_other),
            read = other.read(&mut to_one) => (read, &mut one, &to_one),
        };
        match read {
            Ok(count) if count > 0 && mode.load(Ordering::SeqCst) != CUT => {
                if target.write_all(&bytes[..count]).await.is_err() {
                    return;
                }
            }
            _ => return,
        }
    }
}

/// Two nodes whose only link goes through a proxy.
async fn two_over_a_proxy() -> (Node, Node, Proxy) {
    let addresses = free_addresses(2);
    let proxy = Proxy::to(addresses[1].clone()).await;
    let options = |name: &str, address: &String, peers: &[&String]| {
        let peers = Peers::List(peers.iter().map(ToString::to_string).collect());
        ZenohOptions::new(name, address, peers).lease(Duration::from_secs(1))
    };
    let a = node(options("a", &addresses[0], &[&proxy.address])).await;
    let b = node(options("b", &addresses[1], &[&addresses[1]])).await;
    (a, b, proxy)
}

async fn breaks_and_heals(mode: u8) {
    let (a, b, proxy) = two_over_a_proxy().await;
    let mut on_a = a.pubsub.receiver("t", 100_000);
    let mut on_b = b.pubsub.receiver("t", 100_000);
    link(&a, &mut on_b, "t").await;
    link(&b, &mut on_a, "t").await;
    let (mut seen_by_a, mut seen_by_b) = (a.pubsub.peer_hints(), b.pubsub.peer_hints());

    proxy.set(mode);
    let hint = async |seen: &mut tokio::sync::broadcast::Receiver<PeerHint>| {
        tokio::time::timeout(PATIENCE, seen.recv())
            .await
            .unwrap()
            .unwrap()
    };
    assert_eq!(hint(&mut seen_by_a).await, PeerHint::Gone("b".into()));
    assert_eq!(hint(&mut seen_by_b).await, PeerHint::Gone("a".into()));
    assert!(
        a.pubsub
            .direct("b", crate::suite::message("t", "lost"))
            .is_err()
    );

    proxy.set(OPEN);
    assert_eq!(hint(&mut seen_by_a).await, PeerHint::Seen("b".into()));
    assert_eq!(hint(&mut seen_by_b).await, PeerHint::Seen("a".into()));
    link(&a, &mut on_b, "t").await;
    link(&b, &mut on_a, "t").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broken_link_comes_back() {
    breaks_and_heals(CUT).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_silent_link_is_given_up_and_comes_back() {
    breaks_and_heals(SILENT).await;
}

/// A node that no longer reads loses messages; those who read get all of them, in order.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stuck_node_does_not_take_from_the_others() {
    const MESSAGES: usize = 2000;
    let addresses = free_addresses(3);
    let proxy = Proxy::to(addresses[1].clone()).await;
    let options = |index: usize, peers: &[&String]| {
        let peers = Peers::List(peers.iter().map(ToString::to_string).collect());
        ZenohOptions::new(format!("node-{index}"), &addresses[index], peers)
    };
    let a = node(options(0, &[&proxy.address, &addresses[2]])).await;
    let stuck = node(options(1, &[])).await;
    let c = node(options(2, &[])).await;
    let mut on_stuck = stuck.pubsub.receiver("t", 100_000);
    let mut on_c = c.pubsub.receiver("t", 100_000);
    link(&a, &mut on_stuck, "t").await;
    link(&a, &mut on_c, "t").await;
    proxy.set(SILENT);
    // 20 MB, more than all buffers on the way hold. One after the other: of several at once, zenoh
    // drops some if a busy machine does not run its sender for 50 ms.
    for number in 0..MESSAGES {
        let payload = Payload::Binary(vec![0; 10_000].into());
        let message = Broadcast::new("t", number.to_string(), payload);
        a.pubsub.broadcast(message).unwrap();
        assert_eq!(&*next(&mut on_c).await.event, number.to_string());
    }
    assert_eq!((a.stats)().dropped, 0);
}

/// Nobody is listed when the nodes start, so nobody can connect to anybody.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_that_were_listed_late_find_each_other() {
    let addresses = free_addresses(3);
    let list = Arc::new(Mutex::new(Vec::new()));
    let options = |index: usize| {
        let list = list.clone();
        let peers = Peers::ask(move || {
            let now = list.lock().unwrap().clone();
            async move { Ok(now) }
        });
        ZenohOptions::new(format!("node-{index}"), &addresses[index], peers)
            .refresh(Duration::from_millis(100))
    };
    let nodes = [
        node(options(0)).await,
        node(options(1)).await,
        node(options(2)).await,
    ];
    let mut receivers = [0, 1, 2].map(|index: usize| nodes[index].pubsub.receiver("t", 100_000));
    list.lock().unwrap().clone_from(&addresses);
    // Each starts over when it learns of the others, which costs messages.
    for (from, node) in nodes.iter().enumerate() {
        for (to, receiver) in receivers.iter_mut().enumerate() {
            if from != to {
                heard(node, receiver, "t").await;
            }
        }
    }
}

/// A look-up that never ends: the messages of this node do not wait for it, and the links of the
/// last list stay.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_do_not_wait_for_the_list_of_nodes() {
    let addresses = free_addresses(2);
    const REFRESH: Duration = Duration::from_millis(100);
    let (asked, hangs) = (Arc::new(AtomicU8::new(0)), Arc::new(AtomicU8::new(0)));
    let options = |index: usize| {
        let (list, asked, hangs) = (addresses.clone(), asked.clone(), hangs.clone());
        let peers = Peers::ask(move || {
            let (list, asked, hangs) = (list.clone(), asked.clone(), hangs.clone());
            async move {
                if hangs.load(Ordering::SeqCst) > 0 {
                    asked.fetch_add(1, Ordering::SeqCst);
                    std::future::pending::<()>().await;
                }
                Ok(list)
            }
        });
        ZenohOptions::new(format!("node-{index}"), &addresses[index], peers).refresh(REFRESH)
    };
    let (a, b) = (node(options(0)).await, node(options(1)).await);
    let mut on_a = a.pubsub.receiver("to-a", 100_000);
    let mut on_b = b.pubsub.receiver("to-b", 100_000);
    link(&a, &mut on_b, "to-b").await;
    link(&b, &mut on_a, "to-a").await;
    until("both have found each other", || {
        a.pubsub.is_connected() && b.pubsub.is_connected()
    })
    .await;
    hangs.store(1, Ordering::SeqCst);
    until("both wait for the list", || {
        asked.load(Ordering::SeqCst) == 2
    })
    .await;
    // Long enough for some further looks.
    let begun = Instant::now();
    let mut rounds = 0..;
    while begun.elapsed() < 5 * REFRESH {
        let round = rounds.next().unwrap();
        for (from, to, topic) in [(&a, &mut on_b, "to-b"), (&b, &mut on_a, "to-a")] {
            let sent = crate::suite::message(topic, &format!("{round}"));
            from.pubsub.broadcast(sent.clone()).unwrap();
            assert_eq!(next(to).await, sent);
        }
    }
    // One look at a time.
    assert_eq!(asked.load(Ordering::SeqCst), 2);
}

/// A node that is listed and can be reached does not link. A look that panics does not forget it,
/// so the node that looks does not take itself for connected to all.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_outlives_a_look_that_panics() {
    let mut addresses = free_addresses(2);
    // The first of the list waits for the other.
    addresses.sort();
    let other = TcpListener::bind(&addresses[1]).unwrap();
    let asked = Arc::new(AtomicU8::new(0));
    let (list, count) = (addresses.clone(), asked.clone());
    let peers = Peers::ask(move || {
        let (list, asked) = (list.clone(), count.fetch_add(1, Ordering::SeqCst));
        async move {
            match asked {
                // At the start, and in the first look.
                0 | 1 => Ok(list),
                2 => panic!("a panic of the app, which this test wants"),
                _ => Err("no list".into()),
            }
        }
    });
    let options = ZenohOptions::new("node-0", &addresses[0], peers);
    let node = node(options.refresh(Duration::from_millis(100))).await;
    until("two looks have ended since", || {
        asked.load(Ordering::SeqCst) > 5
    })
    .await;
    assert!(!node.pubsub.is_connected());
    drop(other);
}

/// Two lists that name the nodes differently, so that each waits for the other to connect.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_whose_lists_differ_find_each_other() {
    let mut addresses = free_addresses(2);
    addresses.sort();
    let by_name = addresses[0].replace("127.0.0.1", "localhost");
    let options = |index: usize, peers: Vec<String>| {
        let peers = Peers::List(peers);
        ZenohOptions::new(format!("node-{index}"), &addresses[index], peers)
            .refresh(Duration::from_millis(100))
    };
    let a = node(options(0, addresses.clone())).await;
    let b = node(options(1, vec![by_name, addresses[1].clone()])).await;
    let mut on_a = a.pubsub.receiver("t", 100_000);
    let mut on_b = b.pubsub.receiver("t", 100_000);
    heard(&a, &mut on_b, "t").await;
    heard(&b, &mut on_a, "t").await;
}

/// The seed that all others knew first dies; they keep their links, and one that comes later finds
/// them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_node_is_not_needed() {
    let addresses = free_addresses(4);
    let options = |index: usize| {
        ZenohOptions::new(
            format!("node-{index}"),
            &addresses[index],
            Peers::List(addresses.clone()),
        )
    };
    let first = node(options(0)).await;
    let (b, c) = (node(options(1)).await, node(options(2)).await);
    let mut on_b = b.pubsub.receiver("t", 100_000);
    let mut on_c = c.pubsub.receiver("t", 100_000);
    link(&first, &mut on_b, "t").await;
    link(&first, &mut on_c, "t").await;
    drop(first);
    link(&b, &mut on_c, "t").await;
    link(&c, &mut on_b, "t").await;
    let late = node(options(3)).await;
    let mut on_late = late.pubsub.receiver("t", 100_000);
    link(&b, &mut on_late, "t").await;
    link(&c, &mut on_late, "t").await;
    link(&late, &mut on_b, "t").await;
}

/// Strangers that speak no zenoh connect, say something, and stay.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn strangers_at_the_door_do_no_harm() {
    let addresses = free_addresses(2);
    let options = |index: usize| {
        ZenohOptions::new(
            format!("node-{index}"),
            &addresses[index],
            Peers::List(addresses.clone()),
        )
    };
    let a = node(options(0)).await;
    let mut strangers = Vec::new();
    for _ in 0..50 {
        let mut stranger = TcpStream::connect(&addresses[0]).await.unwrap();
        // It may be cut off while it is still talking.
        let _ = stranger.write_all(&[0xff; 10_000]).await;
        strangers.push(stranger);
    }
    let b = node(options(1)).await;
    let mut on_b = b.pubsub.receiver("t", 100_000);
    link(&a, &mut on_b, "t").await;
    until("all strangers are cut off", || {
        strangers.retain(is_connected);
        strangers.is_empty()
    })
    .await;
}

fn is_connected(stranger: &TcpStream) -> bool {
    match stranger.try_read(&mut [0; 64]) {
        Ok(count) => count > 0,
        Err(error) => error.kind() == std::io::ErrorKind::WouldBlock,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_in_use_is_an_error_at_the_start() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let options = ZenohOptions::new("a", &address, Peers::List(Vec::new()));
    let error = Zenoh::connect(options).await.unwrap_err();
    assert!(matches!(error, ZenohError::Listen { .. }), "{error}");
    assert!(error.to_string().contains(&address), "{error}");
}

#[tokio::test]
async fn a_runtime_of_one_thread_is_refused() {
    let options = ZenohOptions::new("a", "127.0.0.1:0", Peers::List(Vec::new()));
    let error = Zenoh::connect(options).await.unwrap_err();
    assert!(matches!(error, ZenohError::Runtime), "{error}");
}

/// A lease of zero would break every link. A node neither takes it nor changes it in silence.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_option_out_of_its_bounds_is_an_error_at_the_start() {
    let address = free_addresses(1).remove(0);
    let options = ZenohOptions::new("a", address, Peers::List(Vec::new()));
    let refused = async |options: ZenohOptions| {
        let error = Zenoh::connect(options).await.unwrap_err();
        assert!(matches!(error, ZenohError::InvalidOption(_)), "{error}");
        error.to_string()
    };
    assert_eq!(
        refused(options.clone().lease(Duration::ZERO)).await,
        "`ZenohOptions::lease` is 0ns, and must be from 1s to 86400s"
    );
    assert_eq!(
        refused(options.max_message_bytes(16 * 1024 * 1024 + 1)).await,
        "`ZenohOptions::max_message_bytes` is 16777217, and must be from 4096 to 16777216"
    );
}
