//! Work that takes several turns, and what does not wait for it.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use super::*;
use crate::replication::set::visits::{HoldCount, take_most_in_a_hold};
use crate::replication::set::{Delta, Gone, Ownership, Tag};
use crate::replication::shard::part::parts_of;

const BATCH: usize = 100;
/// The number of topics of the other node, each with one presence.
const TOPICS: u64 = 10_000;

fn there() -> Arc<Origin> {
    Arc::new(Origin {
        name: ReplicaName::new("there"),
        incarnation: Incarnation {
            started_ms: 1,
            nonce: 1,
        },
    })
}

fn topic(number: u64) -> String {
    format!("theirs {number}")
}

/// The presences of the other node, the one of the first topic first.
fn tracks() -> Input {
    Input::Delta {
        delta: Delta {
            origin: there(),
            from: Clock::ZERO,
            to: Clock::new(TOPICS),
            adds: entries(1..=TOPICS),
            gone: Gone::nothing(),
        },
        recent: true,
    }
}

/// Presences of the other node, each in the topic of the number of its clock.
fn entries(clocks: RangeInclusive<u64>) -> Vec<Arc<Entry>> {
    let mut refs = PhxRefs::new(*clocks.start());
    let entries = clocks.map(|clock| {
        Arc::new(Entry {
            tag: Tag {
                origin: there(),
                clock: Clock::new(clock),
            },
            topic: topic(clock).into(),
            key: "k".into(),
            owner: Ownership::ELSEWHERE,
            meta: Meta::new(refs.make(), None, &body()),
        })
    });
    entries.collect()
}

/// A shard, and how many diffs of each topic it has sent.
struct InTurns {
    shard: Shard,
    /// The parts of answers that it has sent.
    parts: Vec<Part>,
    diffs: BTreeMap<String, Vec<(usize, usize)>>,
    turns: u64,
}

impl InTurns {
    fn new() -> Self {
        Self {
            shard: Shard::new(ShardConfig {
                batch: BATCH,
                max_hidden: usize::MAX,
                diff_interval: Duration::ZERO,
                ..config(INTERVAL)
            }),
            parts: Vec::new(),
            diffs: BTreeMap::new(),
            turns: 0,
        }
    }

    /// Runs one turn. Diffs are carried out at once.
    fn turn(&mut self, input: Input) {
        let mut out = Vec::new();
        self.shard.handle(input, Duration::ZERO, &mut out);
        self.turns += 1;
        self.carry_out(out);
    }

    fn carry_out(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            let diff = match effect {
                Effect::TopicDiff(diff) => diff,
                Effect::Part(_, part) => {
                    self.parts.push(part);
                    continue;
                }
                _ => continue,
            };
            let diff = diff.sides();
            let sizes = (diff.joins.len(), diff.leaves.len());
            let topic = Arc::clone(&diff.topic);
            self.diffs.entry(topic.to_string()).or_default().push(sizes);
            let mut more = Vec::new();
            // Not by an input, which would be a turn.
            let index = &mut self.shard.index;
            index.dispatched(&topic, Duration::ZERO, &mut more);
            self.carry_out(more);
        }
    }

    fn is_busy(&self) -> bool {
        self.shard.next_deadline() == Some(Duration::ZERO)
    }

    fn take(&mut self, topic: &str) -> Vec<(usize, usize)> {
        self.diffs.remove(topic).unwrap_or_default()
    }
}

// A node with many presences comes and goes, while users of this node join rooms of their own.
#[test]
fn a_quiet_topic_waits_for_no_other_that_is_shown_or_hidden() {
    let mut held = InTurns::new();
    held.turn(Input::Up(there()));
    for (input, sizes) in [
        (tracks(), (1, 0)),
        (Input::Down(there().name.clone()), (0, 1)),
    ] {
        held.turns = 0;
        held.turn(input);
        while held.is_busy() {
            let own = format!("own {sizes:?} {}", held.turns);
            let mut out = Vec::new();
            let which = which(held.turns, &own, "k");
            held.shard.track(which, &body(), &mut out).unwrap();
            held.carry_out(out);
            assert_eq!(held.take(&own), [(1, 0)], "in turn {}", held.turns);
            held.turn(Input::Tick);
        }
        assert!(held.turns >= TOPICS / BATCH as u64);
        for number in 1..=TOPICS {
            assert_eq!(held.take(&topic(number)), [sizes], "one diff of {number}");
        }
    }
}

#[test]
fn a_topic_that_the_work_has_changed_waits_for_its_end() {
    let mut held = InTurns::new();
    held.turn(Input::Up(there()));
    held.turn(tracks());
    assert!(held.is_busy());
    let (first, last) = (topic(1), topic(TOPICS));
    for own in [&first, &last] {
        let mut out = Vec::new();
        let which = which(0, own, "mine");
        held.shard.track(which, &body(), &mut out).unwrap();
        held.carry_out(out);
    }
    assert_eq!(held.take(&first), [], "a part of it is shown");
    assert_eq!(held.take(&last), [(1, 0)], "nothing of it is shown yet");
    while held.is_busy() {
        held.turn(Input::Tick);
    }
    assert_eq!(held.take(&first), [(2, 0)]);
    assert_eq!(held.take(&last), [(1, 0)]);
}

/// Returns the parts that a shard of many entries sends at once, turn after turn, and whether more
/// are due later.
fn parts_at_once(credit: Option<Credit>) -> (usize, bool) {
    let (mut shard, mut out) = (shard_with(INTERVAL), Vec::new());
    shard.handle(Input::Alone(false), Duration::ZERO, &mut out);
    for number in 0..1000 {
        let topic = topic(number);
        shard
            .track(which(0, &topic, "k"), &body(), &mut out)
            .unwrap();
    }
    let now = Duration::from_secs(1);
    shard.handle(Input::Tick, now, &mut out);
    let asked = Input::Asked {
        by: there().name.clone(),
        ask: Ask {
            origin: Arc::clone(shard.replica().origin()),
            from: Clock::ZERO,
            id: 1,
            attempt: 0,
            is_small: false,
        },
        credit,
        is_late: false,
    };
    shard.handle(asked, now, &mut out);
    let mut parts = 0;
    loop {
        let in_turn = out
            .drain(..)
            .filter(|effect| matches!(effect, Effect::Part(..)));
        let in_turn = in_turn.count();
        assert!(in_turn <= 3, "{in_turn} parts in one hold of the shard");
        parts += in_turn;
        if shard.next_deadline().is_none_or(|due| due > now) {
            break;
        }
        shard.handle(Input::Tick, now, &mut out);
    }
    let soon = now + Duration::from_millis(5);
    (parts, shard.next_deadline().is_some_and(|due| due <= soon))
}

#[test]
fn an_answer_within_credit_has_no_pauses_and_one_without_has() {
    let credit = Credit {
        part_bytes: 1000,
        upto: 20,
        again: Vec::new(),
    };
    assert_eq!(parts_at_once(Some(credit)), (20, false));
    assert_eq!(parts_at_once(None), (3, true));
}

/// Returns a shard that has asked for the delta, the number of its request, and the time.
fn asking(delta: &Delta) -> (Shard, u64, Duration) {
    let (mut shard, mut out) = (InTurns::new().shard, Vec::new());
    let mut now = Duration::ZERO;
    shard.handle(Input::Up(there()), now, &mut out);
    let announced = Input::Announced {
        origin: there(),
        clock: delta.to,
        recent: true,
    };
    shard.handle(announced, now, &mut out);
    let id = loop {
        let asked = out.iter().find_map(|effect| match effect {
            Effect::Ask(ask) => Some(ask.id),
            _ => None,
        });
        if let Some(id) = asked {
            break id;
        }
        now = shard.next_deadline().expect("it asks");
        shard.handle(Input::Tick, now, &mut out);
    };
    (shard, id, now)
}

// The first part of an answer is lost and sent again, and all others wait behind it.
#[test]
fn the_parts_behind_one_that_came_late_are_put_together_in_turns() {
    let Input::Delta { delta, .. } = tracks() else {
        unreachable!("tracks are a delta");
    };
    let (mut shard, id, now) = asking(&delta);
    take_most_in_a_hold();
    let handle = |shard: &mut Shard, input| {
        let _hold = HoldCount::begin();
        shard.handle(input, now, &mut Vec::new());
    };
    for part in parts_of(&delta, id).into_iter().rev() {
        handle(&mut shard, Input::Part { part, own: true });
    }
    assert!(!shard.wants(&there(), id), "all parts have come");
    handle(&mut shard, Input::Over(there(), id));
    assert_eq!(shard.count(&topic(1)), 0, "it is not shown in part");
    let mut turns = 0;
    while shard.count(&topic(TOPICS)) == 0 {
        assert_eq!(shard.next_deadline(), Some(Duration::ZERO));
        handle(&mut shard, Input::Tick);
        turns += 1;
    }
    assert!(turns >= TOPICS / BATCH as u64, "{turns} turns");
    let most = take_most_in_a_hold();
    assert!(most <= 5 * BATCH as u64, "a hold visits {most}");
}

// A node was cut off while all users of another moved to other rooms.
#[test]
fn many_changes_since_a_clock_are_taken_over_in_turns() {
    let mut held = InTurns::new();
    held.turn(Input::Up(there()));
    held.turn(tracks());
    while held.is_busy() {
        held.turn(Input::Tick);
    }
    held.diffs.clear();
    let (old, new) = (TOPICS, 2 * TOPICS);
    for gone in [
        Gone::Tags((1..=old).map(Clock::new).collect()),
        Gone::Except(Vec::new()),
    ] {
        let mut shard = held.shard.clone();
        let delta = Delta {
            origin: there(),
            from: Clock::new(old),
            to: Clock::new(old + new),
            adds: entries(old + 1..=new),
            gone,
        };
        let announced = Input::Announced {
            origin: there(),
            clock: delta.to,
            recent: true,
        };
        let mut out = Vec::new();
        shard.handle(announced, Duration::ZERO, &mut out);
        let now = shard.next_deadline().expect("it asks");
        shard.handle(Input::Tick, now, &mut out);
        let id = out.iter().find_map(|effect| match effect {
            Effect::Ask(ask) => Some(ask.id),
            _ => None,
        });
        let mut held = InTurns {
            shard,
            ..InTurns::new()
        };
        take_most_in_a_hold();
        for part in parts_of(&delta, id.expect("it has asked")) {
            let _hold = HoldCount::begin();
            held.turn(Input::Part { part, own: true });
        }
        let partly = held.shard.shown_of(&there());
        assert!(partly.is_none(), "it is no state that the node was in");
        let asked = Input::Asked {
            by: ReplicaName::new("third"),
            ask: Ask {
                origin: there(),
                from: Clock::ZERO,
                id: 1,
                attempt: 1,
                is_small: false,
            },
            credit: Some(Credit {
                part_bytes: 1000,
                upto: 1,
                again: Vec::new(),
            }),
            is_late: false,
        };
        held.turn(asked);
        let digest = held.shard.digest();
        let mut turns = 0;
        while held.is_busy() {
            let _hold = HoldCount::begin();
            held.turn(Input::Tick);
            turns += 1;
        }
        assert!(turns >= 2 * TOPICS / BATCH as u64, "{turns} turns");
        let most = take_most_in_a_hold();
        assert!(most <= 5 * BATCH as u64, "a hold visits {most}");
        let [part] = &held.parts[..] else {
            panic!("{} parts", held.parts.len());
        };
        assert!(part.adds.iter().all(|entry| entry.tag.clock.get() > old));
        let shown = held.shard.shown_of(&there()).expect("it is complete");
        assert_eq!((shown.clock(), shown.len() as u64), (delta.to, TOPICS));
        assert_ne!(held.shard.digest(), digest);
        for number in 1..=TOPICS {
            assert_eq!(held.take(&topic(number)), [(0, 1)], "one diff of {number}");
            assert_eq!(held.take(&topic(TOPICS + number)), [(1, 0)]);
        }
    }
}

// A lying peer: all parts have come, and the last does not follow the others.
#[test]
fn an_answer_that_breaks_when_it_is_put_together_is_asked_for_again() {
    let Input::Delta { delta, .. } = tracks() else {
        unreachable!("tracks are a delta");
    };
    let (mut shard, id, mut now) = asking(&delta);
    let mut parts = parts_of(&delta, id);
    let first = parts[0].adds.clone();
    parts.last_mut().expect("many").adds = first;
    let mut out = Vec::new();
    for part in parts.into_iter().rev() {
        shard.handle(Input::Part { part, own: true }, now, &mut out);
    }
    assert!(!shard.wants(&there(), id), "all parts have come");
    let again = |out: &[Effect]| {
        out.iter()
            .any(|effect| matches!(effect, Effect::Ask(ask) if ask.id != id))
    };
    while !again(&out) {
        now = shard.next_deadline().expect("it asks again").max(now);
        shard.handle(Input::Tick, now, &mut out);
    }
    assert_eq!(shard.count(&topic(1)), 0, "nothing of it is shown");
}

#[test]
fn a_diff_of_many_changes_is_split_without_the_lock() {
    let (mut shard, mut out) = (shard_with(INTERVAL), Vec::new());
    for number in 0..3000 {
        let key = format!("k{number}");
        let tracked = shard.track(which(number, "t", &key), &body(), &mut out);
        tracked.expect("nothing is tracked yet");
    }
    out.clear();
    shard.handle(Input::Dispatched("t".into()), Duration::ZERO, &mut out);
    take_most_in_a_hold();
    let hold = HoldCount::begin();
    shard.handle(Input::Tick, INTERVAL, &mut out);
    drop(hold);
    let most = take_most_in_a_hold();
    assert!(most < 10, "{most} visits");
    let Some(Effect::TopicDiff(diff)) = out.pop() else {
        panic!("no diff");
    };
    assert_eq!(diff.sides().joins.len(), 2999, "the first left alone");
}
