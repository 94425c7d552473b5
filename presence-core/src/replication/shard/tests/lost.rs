//! The presences of owners whose connections were lost, until their keys come back.

use super::*;
use crate::replication::set::visits::visited;

const GRACE: Duration = Duration::from_secs(2);
const START: Duration = Duration::from_secs(1);

/// The keys that join, and those that leave.
type Told = (Vec<String>, Vec<String>);

/// A shard that tells each change at once, and another node.
struct World {
    shard: Shard,
    other: Writer,
    refs: PhxRefs,
    /// Up to where the shard knows the other node.
    told: Clock,
}

impl World {
    fn new() -> Self {
        let shard = Shard::new(ShardConfig {
            batch: 1_000_000,
            removal_log_bytes: 1_000_000,
            ..config(Duration::ZERO)
        });
        let origin = Origin {
            name: ReplicaName::new("other"),
            incarnation: Incarnation {
                started_ms: 1,
                nonce: 1,
            },
        };
        let mut world = Self {
            shard,
            other: Writer::new(origin, 1_000_000),
            refs: PhxRefs::new(77),
            told: Clock::ZERO,
        };
        let origin = Arc::clone(world.other.replica().origin());
        world.happens(Input::Up(Arc::clone(&origin)), START);
        world.happens(
            Input::Announced {
                origin,
                clock: Clock::ZERO,
                recent: true,
            },
            START,
        );
        world
    }

    /// Hands the shard an input; returns the keys that join and leave in each diff that follows.
    fn happens(&mut self, input: Input, now: Duration) -> Vec<Told> {
        let mut out = Vec::new();
        self.shard.handle(input, now, &mut out);
        self.told_by(out, now)
    }

    fn told_by(&mut self, mut out: Vec<Effect>, now: Duration) -> Vec<Told> {
        let mut diffs = Vec::new();
        while let Some(effect) = out.pop() {
            let Effect::TopicDiff(diff) = effect else {
                continue;
            };
            let diff = diff.sides();
            let keys = |entries: &[Arc<Entry>]| -> Vec<String> {
                keys(entries).into_iter().map(str::to_owned).collect()
            };
            diffs.push((keys(&diff.joins), keys(&diff.leaves)));
            let done = Input::Dispatched(diff.topic);
            self.shard.handle(done, now, &mut out);
        }
        diffs
    }

    fn tracks(&mut self, number: u64) -> Vec<Told> {
        let mut out = Vec::new();
        let which = which(number, "t", "k");
        self.shard.track(which, &body(), &mut out).unwrap();
        self.told_by(out, START)
    }

    fn loses(&mut self, number: u64, now: Duration) -> Vec<Told> {
        self.happens(Input::OwnerLost(owner(number), now + GRACE), now)
    }

    fn other_tracks(&mut self) -> Clock {
        let entry = self.other.add(Content {
            topic: "t".into(),
            key: "k".into(),
            owner: owner(0),
            meta: Meta::new(self.refs.make(), None, &body()),
        });
        entry.tag.clock
    }

    /// The shard hears all that the other node has done since the last call.
    fn hears(&mut self) -> Vec<Told> {
        let delta = self.other.delta(self.told);
        self.told = delta.to;
        self.happens(
            Input::Delta {
                delta,
                recent: true,
            },
            START,
        )
    }

    fn metas(&self) -> usize {
        self.shard.get_by_key("t", "k").len()
    }

    fn own(&self) -> usize {
        self.shard.replica().len()
    }
}

fn one() -> Vec<String> {
    vec!["k".to_owned()]
}

#[test]
fn who_comes_back_takes_the_place_of_the_lost_one_by_one_diff() {
    let mut world = World::new();
    world.tracks(1);
    assert_eq!(world.loses(1, START), [], "nobody is told of a loss");
    assert_eq!((world.metas(), world.own()), (1, 1));
    assert_eq!(world.tracks(2), [(one(), one())]);
    assert_eq!((world.metas(), world.own()), (1, 1));
    // Its grace is not ended once more.
    assert_eq!(world.happens(Input::Tick, START + 2 * GRACE), []);
    assert_eq!(world.metas(), 1);
}

#[test]
fn who_does_not_come_back_leaves_at_the_end_of_the_grace() {
    let mut world = World::new();
    world.tracks(1);
    world.loses(1, START);
    assert_eq!(world.shard.next_deadline(), Some(START + GRACE));
    assert_eq!(
        world.happens(Input::Tick, START + GRACE - Duration::from_millis(1)),
        []
    );
    assert_eq!(world.happens(Input::Tick, START + GRACE), [(vec![], one())]);
    assert_eq!((world.metas(), world.own()), (0, 0));
    assert_eq!(world.shard.counts().graces_expired, 1);
}

#[test]
fn two_devices_are_counted_right() {
    let mut world = World::new();
    world.tracks(1);
    world.tracks(2);
    world.loses(1, START);
    world.loses(2, START);
    assert_eq!(world.metas(), 2);
    assert_eq!(world.tracks(3), [(one(), one())]);
    assert_eq!(world.metas(), 2, "the other device has its grace");
    assert_eq!(world.tracks(4), [(one(), one())]);
    assert_eq!(world.metas(), 2);
    assert_eq!(world.tracks(5), [(one(), vec![])], "a third device");
}

#[test]
fn who_comes_back_on_another_node_ends_the_grace_here() {
    let mut world = World::new();
    world.tracks(1);
    world.loses(1, START);
    world.other_tracks();
    assert_eq!(world.hears(), [(one(), one())]);
    // A third node must hear of the track before the removal, which is another node's message.
    assert_eq!((world.metas(), world.own()), (1, 1));
    let soon = START + Duration::from_millis(999);
    assert_eq!(world.happens(Input::Tick, soon), []);
    assert_eq!((world.metas(), world.own()), (1, 1));
    let later = START + Duration::from_secs(1);
    assert_eq!(world.happens(Input::Tick, later), []);
    assert_eq!(
        (world.metas(), world.own()),
        (1, 0),
        "the owner's node has ended it"
    );
    assert_eq!(world.shard.counts().graces_expired, 0);
}

#[test]
fn another_nodes_loss_is_known_here_and_ends_by_a_track_here() {
    let mut world = World::new();
    let clock = world.other_tracks();
    world.hears();
    let (_, lost) = world.other.lose(clock).unwrap();
    assert_eq!(world.hears(), [], "nobody is told of a loss");
    assert_eq!(world.tracks(1), [(one(), one())]);
    // The other node ends it a moment later, when it hears of the track.
    world.other.remove(lost.tag.clock);
    assert_eq!(world.hears(), []);
    assert_eq!(world.metas(), 1);
}

#[test]
fn a_loss_that_is_heard_of_with_its_track_is_no_return() {
    let mut world = World::new();
    world.tracks(1);
    world.loses(1, START);
    let clock = world.other_tracks();
    world.other.lose(clock);
    assert_eq!(world.hears(), [(one(), vec![])]);
    assert_eq!(world.metas(), 2, "two lost devices");
}

// A node that has just come may hear of a track after the loss that came later.
#[test]
fn a_replica_that_is_complete_only_now_ends_no_grace() {
    let mut world = World::new();
    world.tracks(1);
    world.loses(1, START);
    world.other_tracks();
    world.happens(Input::Down(ReplicaName::new("other")), START);
    world.happens(Input::Up(Arc::clone(world.other.replica().origin())), START);
    world.hears();
    let (origin, clock) = (Arc::clone(world.other.replica().origin()), Clock::new(1));
    let recent = true;
    world.happens(
        Input::Announced {
            origin,
            clock,
            recent,
        },
        START,
    );
    assert_eq!((world.metas(), world.own()), (2, 1));
    world.happens(Input::Tick, START + GRACE);
    assert_eq!((world.metas(), world.own()), (1, 0));
}

#[test]
fn a_grace_goes_on_under_another_incarnation() {
    let mut world = World::new();
    world.tracks(1);
    world.tracks(2);
    world.loses(1, START);
    world.loses(2, START + Duration::from_secs(1));
    let now = world.shard.replica().origin().incarnation;
    assert_eq!(world.happens(Input::Retag(now.above(now, 0)), START), []);
    assert_eq!(world.happens(Input::Tick, START + GRACE), [(vec![], one())]);
    assert_eq!(world.metas(), 1);
    world.happens(Input::Tick, START + GRACE + Duration::from_secs(1));
    assert_eq!((world.metas(), world.own()), (0, 0));
}

#[test]
fn a_node_that_has_left_gives_no_grace_of_its_own() {
    let mut world = World::new();
    world.tracks(1);
    world.shard.linger();
    world.loses(1, START);
    assert_eq!((world.metas(), world.own()), (1, 0), "shown until it stops");
}

// A room that shares one key, whose members lose the network.
#[test]
fn a_return_visits_as_many_entries_whatever_its_key_holds() {
    let visits = |held: u64| {
        let mut world = World::new();
        for number in 0..held {
            world.tracks(number);
        }
        for number in 0..held / 2 {
            world.loses(number, START);
        }
        let visits: Vec<_> = (0..10)
            .map(|number| {
                let before = visited();
                world.tracks(held + number);
                visited() - before
            })
            .collect();
        assert_eq!(world.metas(), held as usize);
        visits
    };
    let few = visits(100);
    assert_eq!(few, visits(2_000));
    assert!(few.iter().all(|visits| *visits < 20), "{few:?}");
}
