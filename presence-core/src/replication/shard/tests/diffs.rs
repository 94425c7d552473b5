//! When diffs leave, and how many.

use super::*;

const MS: Duration = Duration::from_millis(1);

fn joined(topic: &str, keys: &[&str]) -> (String, Vec<String>, Vec<String>) {
    let keys = keys.iter().map(ToString::to_string).collect();
    (topic.to_owned(), keys, Vec::new())
}

#[test]
fn the_first_diff_of_a_quiet_topic_leaves_at_once_and_the_next_waits() {
    let (mut shard, mut out) = (shard_with(INTERVAL), Vec::new());
    shard.track(which(0, "t", "a"), &body(), &mut out).unwrap();
    assert_eq!(told(&mut out), [joined("t", &["a"])]);

    // While the first is on its way, and for an interval after, changes gather.
    shard.track(which(1, "t", "b"), &body(), &mut out).unwrap();
    shard.handle(Input::Dispatched("t".into()), 10 * MS, &mut out);
    shard.track(which(2, "t", "c"), &body(), &mut out).unwrap();
    assert_eq!(shard.next_deadline(), Some(60 * MS));
    shard.handle(Input::Tick, 59 * MS, &mut out);
    assert!(out.is_empty());
    shard.handle(Input::Tick, 60 * MS, &mut out);
    assert_eq!(told(&mut out), [joined("t", &["b", "c"])]);

    shard.handle(Input::Dispatched("t".into()), 60 * MS, &mut out);
    shard.handle(Input::Tick, 110 * MS, &mut out);
    assert!(out.is_empty());
    shard.track(which(3, "t", "d"), &body(), &mut out).unwrap();
    assert_eq!(told(&mut out), [joined("t", &["d"])], "quiet again");
}

#[test]
fn a_dispatch_that_takes_long_delays_its_own_topic_only() {
    let (mut shard, mut out) = (shard_with(INTERVAL), Vec::new());
    shard.track(which(0, "t", "a"), &body(), &mut out).unwrap();
    out.clear();
    shard.track(which(1, "t", "b"), &body(), &mut out).unwrap();
    shard.handle(Input::Tick, 1000 * MS, &mut out);
    assert!(out.is_empty());
    shard.track(which(1, "u", "b"), &body(), &mut out).unwrap();
    assert_eq!(told(&mut out), [joined("u", &["b"])]);
}

#[test]
fn without_an_interval_only_dispatching_gathers() {
    let (mut shard, mut out) = (shard_with(Duration::ZERO), Vec::new());
    for (number, key) in ["a", "b", "c"].iter().enumerate() {
        shard
            .track(which(number as u64, "t", key), &body(), &mut out)
            .unwrap();
    }
    assert_eq!(told(&mut out), [joined("t", &["a"])]);
    shard.handle(Input::Dispatched("t".into()), MS, &mut out);
    assert_eq!(told(&mut out), [joined("t", &["b", "c"])]);
}

#[test]
fn an_update_is_one_diff() {
    let (mut shard, mut out) = (shard_with(INTERVAL), Vec::new());
    let old = shard.track(which(0, "t", "k"), &body(), &mut out).unwrap();
    shard.handle(Input::Dispatched("t".into()), Duration::ZERO, &mut out);
    shard.handle(Input::Tick, INTERVAL, &mut out);
    out.clear();
    let new = shard
        .update(which(0, "t", "k"), None, &body(), &mut out)
        .unwrap();
    let Some(Effect::TopicDiff(diff)) = out.pop() else {
        panic!("no diff");
    };
    let diff = diff.sides();
    assert_eq!(diff.joins.len(), 1);
    assert_eq!(diff.joins[0].meta.phx_ref(), new.as_str());
    assert_eq!(diff.joins[0].meta.phx_ref_prev(), Some(old.as_str()));
    assert_eq!(diff.leaves.len(), 1);
    assert_eq!(diff.leaves[0].meta.phx_ref(), old.as_str());
    assert!(out.is_empty());
}

#[test]
fn the_end_of_an_owner_is_one_diff_a_topic() {
    let (mut shard, mut out) = (shard_with(INTERVAL), Vec::new());
    for topic in ["t", "u"] {
        for key in ["a", "b", "c"] {
            shard
                .track(which(0, topic, key), &body(), &mut out)
                .unwrap();
        }
        shard.handle(Input::Dispatched(topic.into()), Duration::ZERO, &mut out);
    }
    // The joins of b and c go out, then the topics are quiet.
    shard.handle(Input::Tick, INTERVAL, &mut out);
    for topic in ["t", "u"] {
        shard.handle(Input::Dispatched(topic.into()), INTERVAL, &mut out);
    }
    shard.handle(Input::Tick, 2 * INTERVAL, &mut out);
    out.clear();

    shard.handle(Input::OwnerGone(owner(0)), 2 * INTERVAL, &mut out);
    let all = |topic: &str| {
        let keys = ["a", "b", "c"].map(str::to_owned).to_vec();
        (topic.to_owned(), Vec::new(), keys)
    };
    assert_eq!(told(&mut out), [all("t"), all("u")]);
}

#[test]
fn who_comes_and_goes_within_an_interval_was_never_there() {
    let (mut shard, mut out) = (shard_with(INTERVAL), Vec::new());
    shard.track(which(0, "t", "a"), &body(), &mut out).unwrap();
    out.clear();
    shard.track(which(1, "t", "b"), &body(), &mut out).unwrap();
    shard.untrack(which(1, "t", "b"), &mut out);
    shard.handle(Input::Dispatched("t".into()), Duration::ZERO, &mut out);
    shard.handle(Input::Tick, INTERVAL, &mut out);
    assert!(out.is_empty());
}

// The counterexample to netting across a list: without the seal, whoever took the list keeps a
// ghost.
#[test]
fn a_leave_after_a_list_is_told_although_the_join_was_not() {
    let (mut shard, mut out) = (shard_with(INTERVAL), Vec::new());
    shard.track(which(0, "t", "a"), &body(), &mut out).unwrap();
    out.clear();
    shard.track(which(1, "t", "b"), &body(), &mut out).unwrap();
    assert_eq!(keys(&shard.list("t")), ["a", "b"]);
    shard.untrack(which(1, "t", "b"), &mut out);
    shard.handle(Input::Dispatched("t".into()), Duration::ZERO, &mut out);
    shard.handle(Input::Tick, INTERVAL, &mut out);
    let both = ("t".to_owned(), vec!["b".to_owned()], vec!["b".to_owned()]);
    assert_eq!(told(&mut out), [both]);
}

// N users who join a room, each taking a list, must not cost N frames to N listeners.
#[test]
fn a_thousand_joins_with_a_list_each_are_two_diffs() {
    let (mut shard, mut out) = (shard_with(INTERVAL), Vec::new());
    let mut frames = 0;
    for number in 0..1000 {
        let key = number.to_string();
        shard
            .track(which(number, "t", &key), &body(), &mut out)
            .unwrap();
        assert_eq!(shard.list("t").len() as u64, number + 1);
        for _ in told(&mut out) {
            frames += 1;
            shard.handle(Input::Dispatched("t".into()), Duration::ZERO, &mut out);
        }
    }
    shard.handle(Input::Tick, INTERVAL, &mut out);
    let last = told(&mut out);
    assert_eq!((frames, last.len()), (1, 1));
    assert_eq!(last[0].1.len(), 999);
}
