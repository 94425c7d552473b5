use std::{
    collections::BTreeSet,
    sync::{Arc, Weak},
};

use parking_lot::Mutex;

use super::*;
use crate::adapters::MemoryCluster;

fn message(topic: &str, event: &str) -> Broadcast {
    Broadcast::new(topic, event, Payload::Json("{}".into()))
}

fn events(receiver: &mut Receiver) -> Vec<String> {
    std::iter::from_fn(|| receiver.try_recv())
        .map(|message| message.event.to_string())
        .collect()
}

#[test]
fn a_broadcast_reaches_its_topic_only_and_in_order() {
    let pubsub = PubSub::local();
    let (mut a, mut b) = (pubsub.receiver("a", 8), pubsub.receiver("b", 8));
    pubsub.broadcast(message("a", "1")).unwrap();
    pubsub.broadcast(message("b", "2")).unwrap();
    pubsub.broadcast(message("a", "3")).unwrap();
    assert_eq!(events(&mut a), ["1", "3"]);
    assert_eq!(events(&mut b), ["2"]);
}

#[test]
fn broadcast_from_leaves_the_sender_out() {
    let pubsub = PubSub::local();
    let (mut a, mut b) = (pubsub.receiver("t", 8), pubsub.receiver("t", 8));
    pubsub.broadcast_from(a.id(), message("t", "1")).unwrap();
    assert_eq!(events(&mut a), Vec::<String>::new());
    assert_eq!(events(&mut b), ["1"]);
}

#[test]
fn a_dropped_subscription_gets_nothing_and_leaves_nothing() {
    let pubsub = PubSub::local();
    let a = pubsub.receiver("t", 8);
    let b = pubsub.receiver("t", 8);
    drop(a);
    assert_eq!(pubsub.subscribers("t"), 1);
    drop(b);
    assert_eq!(pubsub.subscribers("t"), 0);
}

#[test]
fn a_full_receiver_drops_the_newest_and_counts_them() {
    let pubsub = PubSub::local();
    let mut receiver = pubsub.receiver("t", 2);
    for event in ["1", "2", "3"] {
        pubsub.broadcast(message("t", event)).unwrap();
    }
    assert_eq!(events(&mut receiver), ["1", "2"]);
    assert_eq!(receiver.missed(), 1);
}

/// Subscribes and unsubscribes others from within a delivery: no lock may be held there.
#[test]
fn subscribers_may_come_and_go_during_a_dispatch() {
    struct Meddler {
        pubsub: PubSub,
        held: Mutex<Vec<Receiver>>,
    }
    impl Subscriber for Meddler {
        fn deliver(&self, dispatch: &mut Dispatch<'_>) {
            let mut held = self.held.lock();
            held.clear();
            held.push(self.pubsub.receiver(&dispatch.message().topic, 1));
        }
    }
    let pubsub = PubSub::local();
    let held = Mutex::new(vec![pubsub.receiver("t", 1)]);
    let meddler = Arc::new(Meddler {
        pubsub: pubsub.clone(),
        held,
    });
    let _subscription = pubsub.subscribe("t", meddler.clone());
    pubsub.broadcast(message("t", "1")).unwrap();
    assert_eq!(pubsub.subscribers("t"), 2);
    assert_eq!(events(&mut meddler.held.lock()[0]), Vec::<String>::new());
}

#[test]
fn what_is_shared_is_made_once_a_dispatch() {
    #[derive(Default)]
    struct SharedFrame(Option<Arc<str>>);
    struct Sharer(Mutex<Vec<Weak<str>>>);
    impl Subscriber for Sharer {
        fn deliver(&self, dispatch: &mut Dispatch<'_>) {
            let event = dispatch.message().event.to_string();
            let frame = dispatch
                .shared::<SharedFrame>()
                .0
                .get_or_insert_with(|| event.into());
            self.0.lock().push(Arc::downgrade(frame));
        }
    }
    let pubsub = PubSub::local();
    let sharers: Vec<_> = (0..3).map(|_| Arc::new(Sharer(Mutex::default()))).collect();
    let _subscriptions: Vec<_> = sharers
        .iter()
        .map(|sharer| pubsub.subscribe("t", sharer.clone()))
        .collect();
    pubsub.broadcast(message("t", "1")).unwrap();
    let seen: Vec<_> = sharers
        .iter()
        .flat_map(|sharer| sharer.0.lock().clone())
        .collect();
    assert_eq!(seen.len(), 3);
    assert!(seen.iter().all(|frame| frame.ptr_eq(&seen[0])));
}

#[tokio::test]
async fn a_dispatch_knows_whether_its_message_is_from_another_node() {
    struct Origins(Mutex<Vec<(String, bool)>>);
    impl Subscriber for Origins {
        fn deliver(&self, dispatch: &mut Dispatch<'_>) {
            let event = dispatch.message().event.to_string();
            self.0.lock().push((event, dispatch.is_remote()));
        }
    }
    let cluster = MemoryCluster::default();
    let here = PubSub::with_adapter(cluster.join("here"));
    let there = PubSub::with_adapter(cluster.join("there"));
    let origins = Arc::new(Origins(Mutex::default()));
    let _subscription = here.subscribe("t", origins.clone());
    here.broadcast(message("t", "ours")).unwrap();
    here.local_broadcast(message("t", "local"));
    here.direct("here", message("t", "to ourselves")).unwrap();
    there.broadcast(message("t", "theirs")).unwrap();
    there.direct("here", message("t", "direct")).unwrap();
    let expected = [
        ("ours", false),
        ("local", false),
        ("to ourselves", false),
        ("theirs", true),
        ("direct", true),
    ];
    assert_eq!(
        *origins.0.lock(),
        expected.map(|(event, remote)| (event.to_owned(), remote))
    );
}

#[tokio::test]
async fn nodes_hear_broadcasts_but_not_local_ones() {
    let cluster = MemoryCluster::default();
    let a = PubSub::with_adapter(cluster.join("a"));
    let b = PubSub::with_adapter(cluster.join("b"));
    let (mut on_a, mut on_b) = (a.receiver("t", 8), b.receiver("t", 8));
    a.broadcast(message("t", "all")).unwrap();
    a.local_broadcast(message("t", "here"));
    a.direct("b", message("t", "there")).unwrap();
    b.broadcast_from(on_b.id(), message("t", "others")).unwrap();
    assert_eq!(events(&mut on_a), ["all", "here", "others"]);
    assert_eq!(events(&mut on_b), ["all", "there"]);

    let unknown = a.direct("c", message("t", "x")).unwrap_err();
    assert_eq!(unknown.to_string(), "no node named \"c\" is known");

    b.stop().await;
    a.broadcast(message("t", "late")).unwrap();
    assert_eq!(events(&mut on_b), Vec::<String>::new());
    assert!(matches!(
        b.broadcast(message("t", "x")),
        Err(PubSubError::Stopped)
    ));
}

#[tokio::test]
async fn a_part_is_silent_and_heals() {
    let cluster = MemoryCluster::default();
    let a = PubSub::with_adapter(cluster.join("a"));
    let b = PubSub::with_adapter(cluster.join("b"));
    let c = PubSub::with_adapter(cluster.join("c"));
    let (mut on_a, mut on_b) = (a.receiver("t", 8), b.receiver("t", 8));
    let mut on_c = c.receiver("t", 8);
    cluster.part("a", "b");
    a.broadcast(message("t", "1")).unwrap();
    a.direct("b", message("t", "2")).unwrap();
    b.broadcast(message("t", "3")).unwrap();
    cluster.heal("a", "b");
    cluster.part_one_way("a", "b");
    a.broadcast(message("t", "4")).unwrap();
    b.broadcast(message("t", "5")).unwrap();
    cluster.heal("b", "a");
    a.broadcast(message("t", "6")).unwrap();
    assert_eq!(events(&mut on_a), ["1", "4", "5", "6"]);
    assert_eq!(events(&mut on_b), ["3", "5", "6"]);
    assert_eq!(events(&mut on_c), ["1", "3", "4", "5", "6"]);
}

#[tokio::test]
async fn hints_tell_of_nodes_that_come_and_go() {
    let hints = |seen: &mut tokio::sync::broadcast::Receiver<PeerHint>| {
        std::iter::from_fn(|| seen.try_recv().ok()).collect::<Vec<_>>()
    };
    let cluster = MemoryCluster::default();
    let a = PubSub::with_adapter(cluster.join("a"));
    let mut seen = a.peer_hints();
    let b = PubSub::with_adapter(cluster.join("b"));
    b.stop().await;
    let old = PubSub::with_adapter(cluster.join("b"));
    cluster.crash("b");
    let new = PubSub::with_adapter(cluster.join("b"));
    let (came, went) = (PeerHint::Seen("b".into()), PeerHint::Gone("b".into()));
    assert_eq!(
        hints(&mut seen),
        [&came, &went, &came, &went, &came].map(Clone::clone)
    );

    // The crashed node is cut off for good, though one of its name is there again.
    let (mut on_a, mut on_new) = (a.receiver("t", 8), new.receiver("t", 8));
    old.broadcast(message("t", "ghost")).unwrap();
    old.stop().await;
    a.broadcast(message("t", "1")).unwrap();
    assert_eq!(events(&mut on_a), ["1"]);
    assert_eq!(events(&mut on_new), ["1"]);
    cluster.hint("a", went.clone());
    assert_eq!(hints(&mut seen), [went]);
}

#[test]
fn an_adapter_learns_of_first_and_last_subscribers() {
    #[derive(Default)]
    struct Spy(Arc<Mutex<Vec<String>>>);
    impl Adapter for Spy {
        fn node_name(&self) -> &str {
            "spy"
        }
        fn start(&self, _: Inbox) {}
        fn broadcast(&self, _: &Broadcast) -> Result<(), AdapterError> {
            Err(AdapterError::TooLarge { bytes: 2, limit: 1 })
        }
        fn direct(&self, node: &str, _: &Broadcast) -> Result<(), AdapterError> {
            Err(AdapterError::UnknownNode(node.to_owned()))
        }
        fn subscribed(&self, topic: &str) {
            self.0.lock().push(format!("+{topic}"));
        }
        fn unsubscribed(&self, topic: &str) {
            self.0.lock().push(format!("-{topic}"));
        }
    }
    let spy = Spy::default();
    let seen = spy.0.clone();
    let pubsub = PubSub::with_adapter(spy);
    let mut first = pubsub.receiver("t", 1);
    let second = pubsub.receiver("t", 1);
    // Other nodes missed it; this one did not.
    assert!(pubsub.broadcast(message("t", "1")).is_err());
    assert_eq!(events(&mut first), ["1"]);
    drop(first);
    drop(second);
    assert_eq!(*seen.lock(), ["+t", "-t"]);
}

/// One thread drops the last subscription to a topic, and another subscribes to it meanwhile.
#[test]
fn an_adapter_may_keep_a_set_of_topics() {
    #[derive(Default)]
    struct Keeper {
        topics: Mutex<BTreeSet<String>>,
        another: Mutex<Option<Box<dyn FnOnce() + Send>>>,
    }
    struct Spy(Arc<Keeper>);
    impl Adapter for Spy {
        fn node_name(&self) -> &str {
            "spy"
        }
        fn start(&self, _: Inbox) {}
        fn broadcast(&self, _: &Broadcast) -> Result<(), AdapterError> {
            Ok(())
        }
        fn direct(&self, _: &str, _: &Broadcast) -> Result<(), AdapterError> {
            Ok(())
        }
        fn subscribed(&self, topic: &str) {
            assert!(self.0.topics.lock().insert(topic.to_owned()), "in turn");
        }
        fn unsubscribed(&self, topic: &str) {
            if let Some(another) = self.0.another.lock().take() {
                another();
            }
            assert!(self.0.topics.lock().remove(topic), "in turn");
        }
    }
    let keeper = Arc::<Keeper>::default();
    let pubsub = PubSub::with_adapter(Spy(keeper.clone()));
    let first = pubsub.receiver("t", 1);
    let (done, subscribed) = std::sync::mpsc::channel();
    let others = Arc::new(Mutex::new(None));
    let handle = others.clone();
    *keeper.another.lock() = Some(Box::new(move || {
        *handle.lock() = Some(std::thread::spawn(move || {
            let second = pubsub.receiver("t", 1);
            let _ = done.send(());
            second
        }));
        // Not yet: the other thread waits until the adapter has handled the end of the first.
        let early = subscribed.recv_timeout(std::time::Duration::from_millis(200));
        assert!(early.is_err(), "the calls of the adapter cross");
    }));
    drop(first);
    let other = others.lock().take().unwrap();
    let second = other.join().unwrap();
    assert!(keeper.topics.lock().contains("t"));
    drop(second);
    assert!(keeper.topics.lock().is_empty());
}

#[test]
fn an_adapter_gets_the_class_of_a_message_and_may_ignore_it() {
    type Sent = Arc<Mutex<Vec<String>>>;
    struct Spy {
        sent: Sent,
        sorts: bool,
    }
    impl Adapter for Spy {
        fn node_name(&self) -> &str {
            "spy"
        }
        fn start(&self, _: Inbox) {}
        fn broadcast(&self, message: &Broadcast) -> Result<(), AdapterError> {
            self.sent.lock().push(format!("to all: {}", message.event));
            Ok(())
        }
        fn direct(&self, node: &str, message: &Broadcast) -> Result<(), AdapterError> {
            self.sent
                .lock()
                .push(format!("to {node}: {}", message.event));
            Ok(())
        }
        fn broadcast_as(
            &self,
            class: TrafficClass,
            message: &Broadcast,
        ) -> Result<(), AdapterError> {
            match self.sorts {
                true => self.sent.lock().push(format!("{class:?} to all")),
                false => self.broadcast(message)?,
            }
            Ok(())
        }
    }
    for (sorts, expected) in [
        (true, ["to all: app", "Control to all", "to b: part"]),
        (false, ["to all: app", "to all: beat", "to b: part"]),
    ] {
        let sent = Sent::default();
        let pubsub = PubSub::with_adapter(Spy {
            sent: sent.clone(),
            sorts,
        });
        let me = pubsub.receiver("t", 1).id();
        pubsub.broadcast(message("t", "app")).unwrap();
        let (beat, part) = (message("t", "beat"), message("t", "part"));
        pubsub
            .broadcast_from_as(TrafficClass::Control, me, &beat)
            .unwrap();
        pubsub.direct_as(TrafficClass::Bulk, "b", &part).unwrap();
        assert_eq!(*sent.lock(), expected);
    }
}

#[test]
fn a_subscriber_gets_the_messages_of_its_interest_and_may_change_it() {
    #[derive(Default)]
    struct Member(Mutex<Vec<String>>);

    impl Subscriber for Member {
        fn deliver(&self, dispatch: &mut Dispatch<'_>) {
            self.0.lock().push(dispatch.message().event.to_string());
        }
    }

    let pubsub = PubSub::local();
    let kinds = [Interest::All, Interest::WithoutDiffs, Interest::Counts];
    let members = kinds.map(|_| Arc::<Member>::default());
    let mut subscriptions: Vec<_> = kinds
        .into_iter()
        .zip(&members)
        .map(|(interest, member)| pubsub.subscribe_as("t", interest, member.clone()))
        .collect();
    assert_eq!(pubsub.subscribers("t"), 3);
    let send = || {
        for event in ["shout", "presence_diff"] {
            pubsub.broadcast(message("t", event)).unwrap();
        }
        pubsub.local_broadcast_count(&message("t", "presence_count"));
        members
            .each_ref()
            .map(|member| member.0.lock().drain(..).collect::<Vec<_>>().join(" "))
    };
    assert_eq!(
        send(),
        ["shout presence_diff", "shout", "shout presence_count"]
    );
    subscriptions[0].set_interest(Interest::Counts);
    subscriptions[1].set_interest(Interest::All);
    subscriptions[2].set_interest(Interest::WithoutDiffs);
    assert_eq!(
        send(),
        ["shout presence_count", "shout presence_diff", "shout"]
    );
    pubsub
        .broadcast_from(subscriptions[2].id(), message("t", "rest"))
        .unwrap();
    assert_eq!(members[2].0.lock().len(), 0);
    drop(subscriptions);
    assert_eq!(pubsub.subscribers("t"), 0);
}

#[test]
fn an_adapter_learns_of_a_topic_whose_subscribers_want_less() {
    let one = Arc::<Counted>::default();
    let cluster = MemoryCluster::default();
    let (a, b) = (
        PubSub::with_adapter(cluster.join("a")),
        PubSub::with_adapter(cluster.join("b")),
    );
    let subscription = a.subscribe_as("t", Interest::WithoutDiffs, one.clone());
    b.broadcast(message("t", "1")).unwrap();
    assert_eq!(*one.0.lock(), 1);
    drop(subscription);
    b.broadcast(message("t", "2")).unwrap();
    assert_eq!(*one.0.lock(), 1);
}

/// Counts its messages.
#[derive(Default)]
struct Counted(Mutex<usize>);

impl Subscriber for Counted {
    fn deliver(&self, _: &mut Dispatch<'_>) {
        *self.0.lock() += 1;
    }
}
