//! An engine that knows that it has lost its broker.

use super::*;
use crate::adapters::MemoryCluster;
use crate::tracker::Status;

const SECOND: Duration = Duration::from_secs(1);

struct Member {
    tracker: Tracker<Plain>,
    owner: Owner,
    listener: Receiver,
    _pubsub: PubSub,
}

async fn member(cluster: &MemoryCluster, name: &str) -> Member {
    let pubsub = PubSub::with_adapter(cluster.join(name));
    let tracker = Tracker::start(&pubsub, Plain);
    let owner = Owner::new();
    tracker
        .track_as(&owner, "t", name, json!({}))
        .await
        .unwrap();
    Member {
        tracker,
        owner,
        listener: pubsub.receiver("t", 100),
        _pubsub: pubsub,
    }
}

/// A broker that is away for a minute hides nobody, on any node. A node that died meanwhile is
/// hidden when the others have missed it for as long as always.
#[tokio::test(start_paused = true)]
async fn nobody_leaves_while_the_broker_is_away() {
    let cluster = MemoryCluster::default();
    let mut members = Vec::new();
    for name in ["a", "b", "dies"] {
        members.push(member(&cluster, name).await);
    }
    tokio::time::sleep(3 * SECOND).await;
    for Member {
        tracker, listener, ..
    } in &mut members
    {
        assert_eq!(tracker.count("t"), 3);
        while listener.try_recv().is_some() {}
    }
    // Each finds out at another time.
    for name in ["a", "b", "dies"] {
        cluster.disconnect(name);
        tokio::time::sleep(SECOND).await;
    }
    let dead = members.pop().unwrap();
    cluster.crash("dies");
    tokio::time::sleep(60 * SECOND).await;
    let quiet = |members: &mut Vec<Member>| {
        members.iter_mut().all(
            |Member {
                 tracker, listener, ..
             }| { tracker.count("t") == 3 && listener.try_recv().is_none() },
        )
    };
    assert!(quiet(&mut members), "somebody left");
    for name in ["a", "b"] {
        cluster.reconnect(name);
        tokio::time::sleep(SECOND).await;
    }
    tokio::time::sleep(20 * SECOND).await;
    assert!(quiet(&mut members), "somebody left");
    tokio::time::sleep(15 * SECOND).await;
    for Member {
        tracker, listener, ..
    } in &mut members
    {
        assert_eq!(tracker.count("t"), 2);
        let diff = next(listener).await;
        assert_eq!((joins(&diff).len(), leaves(&diff)), (0, vec!["dies"]));
        assert!(listener.try_recv().is_none());
        let up = |status: &Option<Status>| *status == Some(Status::Up);
        let replicas = tracker.replicas();
        assert_eq!(replicas.iter().filter(|view| up(&view.status)).count(), 1);
    }
    drop((dead, members.pop().map(|member| member.owner)));
}

/// A node that starts while its broker is away knows nobody, and finds all when it is back.
#[tokio::test(start_paused = true)]
async fn a_node_may_start_without_its_broker() {
    let cluster = MemoryCluster::default();
    let a = member(&cluster, "a").await;
    cluster.disconnect("b");
    let b = member(&cluster, "b").await;
    tokio::time::sleep(60 * SECOND).await;
    assert_eq!((a.tracker.count("t"), b.tracker.count("t")), (1, 1));
    cluster.reconnect("b");
    tokio::time::sleep(SECOND).await;
    assert_eq!((a.tracker.count("t"), b.tracker.count("t")), (2, 2));
}
