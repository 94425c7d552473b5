//! The memory, the waits and the messages of a shard are bounded, whatever other nodes send.

use super::*;
use crate::replication::set::{Delta, Gone, Ownership, Tag};

fn there() -> Arc<Origin> {
    Arc::new(Origin {
        name: ReplicaName::new("there"),
        incarnation: Incarnation {
            started_ms: 1,
            nonce: 1,
        },
    })
}

fn entry(clock: u64, topic: &str, key: &str, meta: Meta) -> Arc<Entry> {
    Arc::new(Entry {
        tag: Tag {
            origin: there(),
            clock: Clock::new(clock),
        },
        topic: topic.into(),
        key: key.into(),
        owner: Ownership::ELSEWHERE,
        meta,
    })
}

fn delta(from: u64, to: u64, adds: Vec<Arc<Entry>>, gone: Gone) -> Input {
    let delta = Delta {
        origin: there(),
        from: Clock::new(from),
        to: Clock::new(to),
        adds,
        gone,
    };
    Input::Delta {
        delta,
        recent: true,
    }
}

#[test]
fn a_change_that_waits_is_told_though_another_node_comes() {
    let (mut shard, mut out) = (shard_with(INTERVAL), Vec::new());
    shard.handle(Input::Alone(false), Duration::ZERO, &mut out);
    shard.track(which(0, "t", "k"), &body(), &mut out).unwrap();
    // Another one is up.
    shard.handle(Input::Alone(false), Duration::ZERO, &mut out);
    shard.handle(Input::Tick, INTERVAL, &mut out);
    let told = out.iter().find_map(|effect| match effect {
        Effect::Delta(delta) => Some(delta.adds.len()),
        _ => None,
    });
    assert_eq!(told, Some(1));
}

#[test]
fn a_reference_that_another_node_forged_takes_nothing_away() {
    for more in [0, 2] {
        let (mut shard, mut out) = (shard_with(INTERVAL), Vec::new());
        for number in 0..=more {
            let which = which(number, "t", "k");
            shard.track(which, &body(), &mut out).unwrap();
        }
        let own = shard.list("t");
        shard.handle(Input::Up(there()), Duration::ZERO, &mut out);
        let forged = entry(1, "t", "k", own[0].meta.clone());
        let add = delta(0, 1, vec![forged], Gone::nothing());
        shard.handle(add, Duration::ZERO, &mut out);
        assert_eq!(shard.list("t"), own);
        let gone = delta(1, 2, Vec::new(), Gone::Tags(vec![Clock::new(1)]));
        shard.handle(gone, Duration::ZERO, &mut out);
        assert_eq!(shard.list("t"), own);
    }
}

#[test]
fn a_node_that_goes_is_told_of_in_turns() {
    let (mut shard, mut out) = (shard_with(INTERVAL), Vec::new());
    shard.handle(Input::Up(there()), Duration::ZERO, &mut out);
    let mut refs = PhxRefs::new(1);
    let adds = (1..=5000_u64).map(|clock| {
        let meta = Meta::new(refs.make(), None, &body());
        entry(clock, &(clock / 2).to_string(), &clock.to_string(), meta)
    });
    let all = delta(0, 5000, adds.collect(), Gone::nothing());
    shard.handle(all, Duration::ZERO, &mut out);
    assert_eq!(told_in_turns(&mut shard, out), 5000);
    let mut out = Vec::new();
    let down = Input::Down(there().name.clone());
    shard.handle(down, 100 * INTERVAL, &mut out);
    assert_eq!(told_in_turns(&mut shard, out), 5000);
    assert_eq!(shard.topics().count(), 0);
}

/// Carries diffs out and ticks until nothing is due any more; how many changes were told. No turn
/// told of many.
fn told_in_turns(shard: &mut Shard, out: Vec<Effect>) -> usize {
    let mut now = 100 * INTERVAL;
    let mut changes = 0;
    let mut dispatched = Vec::new();
    let mut turn = out;
    loop {
        let mut told = 0;
        for effect in turn.drain(..) {
            if let Effect::TopicDiff(diff) = effect {
                let diff = diff.sides();
                told += diff.joins.len() + diff.leaves.len();
                dispatched.push(diff.topic);
            }
        }
        assert!(told <= 1002, "{told} changes in a turn of 1000");
        changes += told;
        let input = match (dispatched.pop(), shard.next_deadline()) {
            (Some(topic), _) => Input::Dispatched(topic),
            (None, Some(due)) => {
                now = now.max(due);
                Input::Tick
            }
            (None, None) => return changes,
        };
        shard.handle(input, now, &mut turn);
    }
}

#[test]
fn a_peer_has_no_more_answers_than_others() {
    let (mut shard, mut out) = (shard_with(INTERVAL), Vec::new());
    for number in 0..100 {
        let key = number.to_string();
        shard
            .track(which(number, "t", &key), &body(), &mut out)
            .unwrap();
    }
    let ask = |shard: &mut Shard, by: &str, id: u64| {
        let ask = Ask {
            origin: shard.replica().origin().clone(),
            from: Clock::ZERO,
            id,
            attempt: 0,
            is_small: false,
        };
        let by = ReplicaName::new(by);
        shard.handle(
            Input::Asked {
                by,
                ask,
                credit: None,
                is_late: false,
            },
            Duration::ZERO,
            &mut Vec::new(),
        );
        shard.counts().busy
    };
    for peer in ["a", "b", "c", "d"] {
        assert_eq!(ask(&mut shard, peer, 1), 0);
    }
    assert_eq!(ask(&mut shard, "e", 1), 1, "four are under way");
    assert_eq!(ask(&mut shard, "a", 2), 1, "in the place of its first");
}

// Rule 15: a request that its cancel has overtaken is not answered. A node that was set back may
// use the number again.
#[test]
fn what_was_cancelled_is_not_answered_when_its_request_comes_late() {
    let (mut shard, mut out) = (shard_with(INTERVAL), Vec::new());
    shard.track(which(0, "t", "k"), &body(), &mut out).unwrap();
    let mut served = |is_late| {
        let ask = Ask {
            origin: shard.replica().origin().clone(),
            from: Clock::ZERO,
            id: 7,
            attempt: 0,
            is_small: false,
        };
        let credit = Credit {
            part_bytes: 1024,
            upto: 1,
            again: Vec::new(),
        };
        let asked = Input::Asked {
            by: ReplicaName::new("a"),
            ask,
            credit: Some(credit),
            is_late,
        };
        let mut out = Vec::new();
        shard.handle(asked, Duration::ZERO, &mut out);
        let parts = out.iter();
        let parts = parts.filter(|effect| matches!(effect, Effect::Part(..)));
        let parts = parts.count();
        let cancelled = Input::Cancelled(ReplicaName::new("a"), 7);
        shard.handle(cancelled, Duration::ZERO, &mut out);
        parts
    };
    assert_eq!(served(true), 1, "it was not cancelled yet");
    assert_eq!(served(true), 0);
    assert_eq!(served(false), 1);
}

#[test]
fn a_node_that_comes_back_is_not_shown_as_it_was_before_it_went() {
    let (mut shard, mut out) = (shard_with(INTERVAL), Vec::new());
    let meta = Meta::new(PhxRefs::new(1).make(), None, &body());
    let announced = |clock: u64, recent: bool| Input::Announced {
        origin: there(),
        clock: Clock::new(clock),
        recent,
    };
    shard.handle(Input::Up(there()), Duration::ZERO, &mut out);
    let old = delta(0, 1, vec![entry(1, "t", "old", meta)], Gone::nothing());
    shard.handle(old, Duration::ZERO, &mut out);
    assert_eq!(keys(&shard.list("t")), ["old"]);

    shard.handle(Input::Down(there().name.clone()), INTERVAL, &mut out);
    shard.handle(Input::Up(there()), INTERVAL, &mut out);
    // A heartbeat of the time before it went, which was late.
    shard.handle(announced(1, false), INTERVAL, &mut out);
    assert!(shard.list("t").is_empty());
    shard.handle(announced(2, true), INTERVAL, &mut out);
    assert!(shard.list("t").is_empty(), "what it has done since lacks");
    let gone = delta(1, 2, Vec::new(), Gone::Tags(vec![Clock::new(1)]));
    shard.handle(gone, INTERVAL, &mut out);
    assert!(shard.list("t").is_empty());
    let diffs = out.iter().filter_map(|effect| match effect {
        Effect::TopicDiff(diff) => {
            let diff = diff.clone().sides();
            Some((diff.joins.len(), diff.leaves.len()))
        }
        _ => None,
    });
    assert_eq!(
        diffs.collect::<Vec<_>>(),
        [(1, 0)],
        "until the first is over"
    );
}

#[test]
fn what_a_node_left_with_ends_with_its_grace_though_it_is_held_again() {
    let (mut shard, mut out) = (shard_with(INTERVAL), Vec::new());
    let meta = Meta::new(PhxRefs::new(1).make(), None, &body());
    let add = |recent: bool| {
        let mut add = delta(
            0,
            1,
            vec![entry(1, "t", "k", meta.clone())],
            Gone::nothing(),
        );
        if let Input::Delta { recent: says, .. } = &mut add {
            *says = recent;
        }
        add
    };
    shard.handle(Input::Up(there()), Duration::ZERO, &mut out);
    shard.handle(add(true), Duration::ZERO, &mut out);
    let until = Duration::from_secs(5);
    shard.handle(Input::Leave(there(), until), Duration::ZERO, &mut out);
    // Late messages of a machine that was set back: it seems to be up, and is held, but never says
    // how far it is.
    shard.handle(Input::Up(there()), INTERVAL, &mut out);
    shard.handle(add(false), INTERVAL, &mut out);
    assert_eq!(keys(&shard.list("t")), ["k"], "in its grace");
    shard.handle(Input::Tick, until, &mut out);
    shard.handle(Input::Tick, until, &mut out);
    assert!(shard.list("t").is_empty());
}

#[test]
fn what_is_taken_away_of_a_node_leaves_its_later_grace_alone() {
    let one_a_turn = ShardConfig {
        batch: 1,
        ..config(INTERVAL)
    };
    let (mut shard, mut out) = (Shard::new(one_a_turn), Vec::new());
    let meta = Meta::new(PhxRefs::new(1).make(), None, &body());
    let add = || {
        delta(
            0,
            1,
            vec![entry(1, "t", "k", meta.clone())],
            Gone::nothing(),
        )
    };
    let until = Duration::from_secs(5);
    for _ in 0..2 {
        shard.handle(Input::Up(there()), Duration::ZERO, &mut out);
        shard.handle(add(), Duration::ZERO, &mut out);
        shard.handle(Input::Leave(there(), until), Duration::ZERO, &mut out);
    }
    for _ in 0..4 {
        shard.handle(Input::Tick, INTERVAL, &mut out);
        assert_eq!(keys(&shard.list("t")), ["k"]);
    }
    for _ in 0..4 {
        shard.handle(Input::Tick, until, &mut out);
    }
    assert!(shard.list("t").is_empty());
}

/// The next request, ticking until it is due. An earlier one led to nothing.
fn asked(shard: &mut Shard, now: &mut Duration, before: Option<&Ask>) -> Option<Ask> {
    let mut out = Vec::new();
    if let Some(before) = before {
        let over = Input::Over(Arc::clone(&before.origin), before.id);
        shard.handle(over, *now, &mut out);
    }
    for _ in 0..100 {
        *now += INTERVAL;
        shard.handle(Input::Tick, *now, &mut out);
        let ask = out.drain(..).find_map(|effect| match effect {
            Effect::Ask(ask) => Some(ask),
            _ => None,
        });
        if ask.is_some() {
            return ask;
        }
    }
    None
}

/// Returns the answer of the replica itself.
fn answer(ask: &Ask, to: u64, adds: Vec<Arc<Entry>>) -> Input {
    let part = Part {
        origin: there(),
        from: ask.from,
        to: Clock::new(to),
        id: ask.id,
        index: 0,
        of: 1,
        adds,
        gone: Gone::nothing(),
    };
    Input::Part { part, own: true }
}

#[test]
fn what_a_machine_told_before_it_was_set_back_is_given_up_when_it_does_not_know_it() {
    let mut shard = shard_with(INTERVAL);
    let meta = Meta::new(PhxRefs::new(1).make(), None, &body());
    let held = || vec![entry(1, "t", "k", meta.clone())];
    let removes_it = || delta(2, 3, Vec::new(), Gone::Tags(vec![Clock::new(1)]));
    let mut out = Vec::new();
    let mut now = Duration::ZERO;
    shard.handle(Input::Up(there()), now, &mut out);
    shard.handle(removes_it(), now, &mut out);
    let ask = asked(&mut shard, &mut now, None).expect("it lacks two changes");
    // This one came after the request: the answer says nothing of it.
    shard.handle(removes_it(), now, &mut out);
    shard.handle(answer(&ask, 1, held()), now, &mut out);
    let again =
        asked(&mut shard, &mut now, None).expect("a change that is not known may be another one");
    shard.handle(answer(&again, 1, Vec::new()), now, &mut out);
    assert!(
        asked(&mut shard, &mut now, Some(&again)).is_none(),
        "nothing is lacking"
    );
    assert_eq!(keys(&shard.list("t")), ["k"]);

    let other = Meta::new(PhxRefs::new(2).make(), None, &body());
    let add = delta(1, 2, vec![entry(2, "t", "l", other)], Gone::nothing());
    shard.handle(add, now, &mut out);
    assert_eq!(keys(&shard.list("t")), ["k", "l"]);
}

#[test]
fn a_change_that_comes_late_does_not_hide_that_others_are_missing() {
    let mut shard = shard_with(INTERVAL);
    let (mut out, mut now) = (Vec::new(), Duration::ZERO);
    shard.handle(Input::Up(there()), now, &mut out);
    shard.handle(delta(0, 1, Vec::new(), Gone::nothing()), now, &mut out);
    let announced = Input::Announced {
        origin: there(),
        clock: Clock::new(3),
        recent: true,
    };
    shard.handle(announced, now, &mut out);
    shard.handle(delta(1, 2, Vec::new(), Gone::nothing()), now, &mut out);
    let ask = asked(&mut shard, &mut now, None).expect("a third is known of");
    assert_eq!(ask.from, Clock::new(2));
}

#[test]
fn what_came_too_early_is_not_kept_longer_than_it_is_asked_for() {
    let mut shard = shard_with(INTERVAL);
    let (mut out, mut now) = (Vec::new(), Duration::ZERO);
    shard.handle(Input::Up(there()), now, &mut out);
    shard.handle(delta(2, 3, Vec::new(), Gone::nothing()), now, &mut out);
    let mut last = None;
    let mut asks = 0;
    while let Some(ask) = asked(&mut shard, &mut now, last.as_ref()) {
        last = Some(ask);
        asks += 1;
    }
    assert_eq!(asks, 6, "nobody answers");
    shard.handle(delta(0, 2, Vec::new(), Gone::nothing()), now, &mut out);
    let shown = |shard: &Shard| shard.shown_of(&there()).map(|held| held.clock().get());
    assert_eq!(shown(&shard), None, "a third is known of, and lacks");

    let announced = Input::Announced {
        origin: there(),
        clock: Clock::new(2),
        recent: true,
    };
    shard.handle(announced, now, &mut out);
    let ask = asked(&mut shard, &mut now, None).expect("is there a third?");
    shard.handle(answer(&ask, 2, Vec::new()), now, &mut out);
    assert_eq!(shown(&shard), Some(2), "there is none");
}
