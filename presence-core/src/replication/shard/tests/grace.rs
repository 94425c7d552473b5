//! The presences of a node that has left in order, until their keys come back.

use super::*;
use crate::replication::set::visits::visited;
use crate::replication::set::{Delta, Gone, Ownership, Tag};

const UNTIL: Duration = Duration::from_secs(10);

fn origin(name: &str) -> Arc<Origin> {
    Arc::new(Origin {
        name: ReplicaName::new(name),
        incarnation: Incarnation {
            started_ms: 1,
            nonce: 1,
        },
    })
}

/// Another node: its references, and its clock.
struct OtherNode {
    origin: Arc<Origin>,
    refs: PhxRefs,
    clock: u64,
}

impl OtherNode {
    fn new(name: &str, nonce: u64) -> Self {
        Self {
            origin: origin(name),
            refs: PhxRefs::new(nonce),
            clock: 0,
        }
    }

    /// Tracks `count` presences of one key, and removes the entries of `gone`, in one delta.
    fn changes(&mut self, key: &str, count: u64, prev: Option<PhxRef>, gone: &[u64]) -> Input {
        let from = self.clock;
        let adds = (from + 1..=from + count).map(|clock| {
            Arc::new(Entry {
                tag: Tag {
                    origin: Arc::clone(&self.origin),
                    clock: Clock::new(clock),
                },
                topic: "t".into(),
                key: key.into(),
                owner: Ownership::ELSEWHERE,
                meta: Meta::new(self.refs.make(), prev, &body()),
            })
        });
        let adds: Vec<_> = adds.collect();
        self.clock += count;
        Input::Delta {
            delta: Delta {
                origin: Arc::clone(&self.origin),
                from: Clock::new(from),
                to: Clock::new(self.clock),
                adds,
                gone: Gone::Tags(gone.iter().map(|clock| Clock::new(*clock)).collect()),
            },
            recent: true,
        }
    }

    fn tracks(&mut self, key: &str, count: u64) -> Input {
        self.changes(key, count, None, &[])
    }
}

fn now(shard: &mut Shard, input: Input) -> Vec<Effect> {
    let mut out = Vec::new();
    shard.handle(input, Duration::ZERO, &mut out);
    out
}

/// A shard that shows `count` presences of a node in its grace, under one key. Its diff is over.
fn in_grace(count: u64) -> (Shard, OtherNode) {
    let mut shard = Shard::new(ShardConfig {
        diff_interval: Duration::ZERO,
        batch: 1_000_000,
        ..config(INTERVAL)
    });
    let mut drained = OtherNode::new("drained", 1);
    now(&mut shard, Input::Up(Arc::clone(&drained.origin)));
    let tracks = drained.tracks("k", count);
    now(&mut shard, tracks);
    now(&mut shard, Input::Leave(Arc::clone(&drained.origin), UNTIL));
    now(&mut shard, Input::Dispatched("t".into()));
    (shard, drained)
}

fn metas(shard: &Shard) -> usize {
    shard.get_by_key("t", "k").len()
}

fn from_drained(shard: &Shard) -> Vec<u64> {
    let metas = shard.get_by_key("t", "k");
    let drained = metas
        .iter()
        .filter(|entry| entry.tag.origin.name.as_str() == "drained");
    drained.map(|entry| entry.tag.clock.get()).collect()
}

// Two tabs of a user on a node that is drained: neither tab is ever missing.
#[test]
fn each_new_track_ends_the_oldest_entry_in_grace_by_one_diff() {
    let (mut shard, _) = in_grace(2);
    for (tab, left) in [vec![2], vec![]].into_iter().enumerate() {
        let mut out = Vec::new();
        shard
            .track(which(tab as u64, "t", "k"), &body(), &mut out)
            .unwrap();
        assert_eq!((metas(&shard), from_drained(&shard)), (2, left));
        let both = ("t".to_owned(), vec!["k".to_owned()], vec!["k".to_owned()]);
        assert_eq!(told(&mut out), [both]);
        now(&mut shard, Input::Dispatched("t".into()));
    }
    let mut out = Vec::new();
    shard.track(which(2, "t", "k"), &body(), &mut out).unwrap();
    assert_eq!(metas(&shard), 3, "a third tab takes nobody's place");
}

#[test]
fn tracks_of_a_third_node_end_as_many_entries_in_grace() {
    let (mut shard, _) = in_grace(3);
    let mut third = OtherNode::new("third", 2);
    now(&mut shard, Input::Up(Arc::clone(&third.origin)));
    let tracks = third.tracks("k", 2);
    now(&mut shard, tracks);
    assert_eq!((metas(&shard), from_drained(&shard)), (3, vec![3]));
}

#[test]
fn of_two_nodes_in_grace_the_one_that_left_first_goes_first() {
    let (mut shard, _) = in_grace(1);
    let mut later = OtherNode::new("a-later-one", 2);
    now(&mut shard, Input::Up(Arc::clone(&later.origin)));
    // Its tracks are new ones too.
    let tracks = later.tracks("l", 2);
    now(&mut shard, tracks);
    let tracks = later.tracks("k", 2);
    now(&mut shard, tracks);
    assert!(from_drained(&shard).is_empty());
    now(&mut shard, Input::Leave(Arc::clone(&later.origin), UNTIL));
    shard
        .track(which(0, "t", "k"), &body(), &mut Vec::new())
        .unwrap();
    assert_eq!(metas(&shard), 2);
}

#[test]
fn an_update_is_not_a_new_track() {
    let (mut shard, _) = in_grace(3);
    let mut out = Vec::new();
    shard.track(which(0, "t", "k"), &body(), &mut out).unwrap();
    assert_eq!(from_drained(&shard), [2, 3]);
    shard
        .update(which(0, "t", "k"), None, &body(), &mut out)
        .unwrap();
    assert_eq!(from_drained(&shard), [2, 3], "an own update");

    let mut third = OtherNode::new("third", 2);
    now(&mut shard, Input::Up(Arc::clone(&third.origin)));
    let tracks = third.tracks("k", 1);
    now(&mut shard, tracks);
    assert_eq!(from_drained(&shard), [3]);
    let some = PhxRefs::new(3).make();
    let update = third.changes("k", 1, Some(some), &[1]);
    now(&mut shard, update);
    assert_eq!(from_drained(&shard), [3], "another node's update");
    let tracked_and_updated = third.changes("k", 1, Some(some), &[]);
    now(&mut shard, tracked_and_updated);
    assert!(
        from_drained(&shard).is_empty(),
        "a track and its update, at once"
    );
}

#[test]
fn what_is_shown_again_is_not_a_new_track() {
    let (mut shard, _) = in_grace(3);
    let mut third = OtherNode::new("third", 2);
    now(&mut shard, Input::Up(Arc::clone(&third.origin)));
    let tracks = third.tracks("k", 1);
    now(&mut shard, tracks);
    assert_eq!(from_drained(&shard), [2, 3]);
    now(&mut shard, Input::Down(third.origin.name.clone()));
    assert_eq!(metas(&shard), 2);
    now(&mut shard, Input::Up(Arc::clone(&third.origin)));
    let tracks = third.tracks("k", 1);
    now(&mut shard, tracks);
    assert_eq!(metas(&shard), 3, "two of the third, and one in grace");
    assert_eq!(from_drained(&shard), [3], "one was new");
}

#[test]
fn a_restart_in_its_grace_takes_the_places_of_its_earlier_entries() {
    let (mut shard, drained) = in_grace(2);
    let mut again = OtherNode::new("drained", 7);
    again.origin = Arc::new(Origin {
        incarnation: Incarnation {
            started_ms: 2,
            nonce: 2,
        },
        ..(*drained.origin).clone()
    });
    now(&mut shard, Input::Up(Arc::clone(&again.origin)));
    let tracks = again.tracks("k", 1);
    now(&mut shard, tracks);
    assert_eq!(metas(&shard), 2);
    let starts = shard.get_by_key("t", "k");
    let mut starts: Vec<_> = starts
        .iter()
        .map(|entry| {
            (
                entry.tag.origin.incarnation.started_ms,
                entry.tag.clock.get(),
            )
        })
        .collect();
    starts.sort_unstable();
    assert_eq!(starts, [(1, 2), (2, 1)]);
}

// A room that shares one key, while a node of it is in its grace.
#[test]
fn a_track_visits_as_many_entries_whatever_its_key_holds_in_grace() {
    let visits = |held: u64| {
        let (mut shard, _) = in_grace(held);
        let mut out = Vec::new();
        let mut track = |shard: &mut Shard, number| {
            let before = visited();
            shard
                .track(which(number, "t", "k"), &body(), &mut out)
                .unwrap();
            visited() - before
        };
        let visits: Vec<_> = (0..10).map(|number| track(&mut shard, number)).collect();
        assert_eq!(
            metas(&shard),
            held as usize,
            "one came and one left, each time"
        );
        visits
    };
    let few = visits(1_000);
    assert_eq!(few, visits(20_000));
    assert!(few.iter().all(|visits| *visits < 20), "{few:?}");
}
