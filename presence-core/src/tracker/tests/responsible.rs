//! Which node is responsible for a topic.

use super::cluster::{TestCluster, until};
use super::*;

fn topics() -> Vec<String> {
    (0..60).map(|topic| format!("room:{topic}")).collect()
}

fn answers(tracker: &Tracker<Plain>) -> Vec<String> {
    let topics = topics();
    let answers = topics.iter().map(|topic| {
        let name = tracker.responsible_for(topic).to_string();
        let is_me = name == tracker.shared.pubsub.node_name();
        assert_eq!(tracker.is_responsible_for(topic), is_me);
        name
    });
    answers.collect()
}

#[tokio::test(start_paused = true)]
async fn all_nodes_name_the_same_node_and_a_leaver_gives_its_topics_to_the_others() {
    let nodes = TestCluster::new();
    let (_, a) = nodes.start("a");
    assert!(answers(&a).iter().all(|name| name == "a"));
    let (_, b) = nodes.start("b");
    let (_, c) = nodes.start("c");
    let three = [&a, &b, &c];
    until("all know all", || {
        three.iter().all(|node| node.replicas().len() == 3)
    })
    .await;
    let before = answers(&a);
    assert_eq!(answers(&b), before);
    assert_eq!(answers(&c), before);
    for name in ["a", "b", "c"] {
        let share = before.iter().filter(|one| *one == name).count();
        assert!((8..35).contains(&share), "{name}: {share} of 60");
    }

    a.leave(Duration::ZERO);
    // Known at the node itself at once, and at the others once its leave has arrived.
    let after = answers(&a);
    until("the leave is known", || {
        answers(&b) == after && answers(&c) == after
    })
    .await;
    for (before, after) in before.iter().zip(&after) {
        assert!(after != "a" && (before == "a" || after == before));
    }

    b.shared.host.closed.set(()).unwrap();
    let alone = || answers(&c).iter().all(|name| name == "c");
    until("the killed node is down", alone).await;
}
