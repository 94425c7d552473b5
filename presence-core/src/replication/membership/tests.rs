use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn origin(name: &str) -> Origin {
    Origin {
        name: ReplicaName::new(name),
        incarnation: Incarnation {
            started_ms: 1,
            nonce: 1,
        },
    }
}

fn membership() -> Membership {
    Membership::new(origin("here"), Arc::default(), 1, Duration::ZERO)
}

#[test]
fn a_leave_told_by_a_third_node_of_an_unknown_one_is_remembered_and_not_passed_on() {
    let (mut here, mut events) = (membership(), Vec::new());
    let there = origin("there");
    here.has_told_of_leave(&there, 7, SECOND, Duration::ZERO, &mut events);
    assert!(here.left(&there.name, 1000, Duration::ZERO).is_empty());
    let late = here.heard(&there, 7, Duration::ZERO, &mut events);
    assert!(matches!(late, Verdict::Ignored), "{late:?}");

    // One that was known here is told of: others may have missed its leave.
    let other = origin("other");
    here.heard(&other, 1, Duration::ZERO, &mut events);
    here.has_told_of_leave(&other, 7, SECOND, Duration::ZERO, &mut events);
    let left = here.left(&there.name, 1000, Duration::ZERO);
    assert_eq!(left, [(other, 7, SECOND)]);
}

#[test]
fn a_process_that_is_always_late_sees_that_others_died() {
    let (mut here, mut events) = (membership(), Vec::new());
    here.heard(&origin("there"), 1, Duration::ZERO, &mut events);
    let mut now = Duration::ZERO;
    while here.counts().downs == 0 {
        // Heartbeats are in time, and so nothing says that the process stood still; only suspects
        // are judged late.
        now += SECOND / 2;
        here.next_beat = now;
        here.expire(now, &mut events);
        assert!(now < 40 * SECOND, "{:?}", here.counts());
    }
    assert!(here.counts().respites <= 1);
}

#[test]
fn what_was_sent_before_a_node_went_is_told_from_what_was_overtaken_since() {
    let (mut here, mut events) = (membership(), Vec::new());
    let there = origin("there");
    here.heard(&there, 4, Duration::ZERO, &mut events);
    let mut now = Duration::ZERO;
    while here.counts().downs == 0 {
        now += SECOND;
        here.next_beat = now;
        here.expire(now, &mut events);
        assert!(now < 40 * SECOND, "{:?}", here.counts());
    }
    here.heard(&there, 9, now, &mut events);
    for (number, expected) in [
        (8, Age::Late),
        (5, Age::Late),
        (4, Age::BeforeDown),
        (1, Age::BeforeDown),
    ] {
        let late = here.heard(&there, number, now, &mut events);
        assert!(
            matches!(late, Verdict::Accepted(_, age) if age == expected),
            "{number}: {late:?}"
        );
    }
}

/// Lets time pass, with heartbeats of this node in time, until `until`.
fn pass(
    here: &mut Membership,
    now: &mut Duration,
    until: Duration,
    events: &mut Vec<MembershipEvent>,
) {
    while *now < until {
        *now += SECOND / 2;
        here.beat(*now);
        here.expire(*now, events);
    }
}

#[test]
fn nobody_goes_down_while_the_broker_is_away_and_the_dead_do_after() {
    let (mut here, mut events) = (membership(), Vec::new());
    let (there, dead) = (origin("there"), origin("dead"));
    here.heard(&there, 1, Duration::ZERO, &mut events);
    here.heard(&dead, 1, Duration::ZERO, &mut events);
    let mut now = Duration::ZERO;
    // The engine notices late. By then both are suspects.
    pass(&mut here, &mut now, 20 * SECOND, &mut events);
    assert_eq!(here.counts().suspects, 2);
    here.engine_is_away(true, now);
    assert_eq!(here.next_deadline(), None);
    pass(&mut here, &mut now, 3600 * SECOND, &mut events);
    here.engine_is_away(false, now);
    assert_eq!(here.next_beat(), now);
    let back = now;
    pass(&mut here, &mut now, back + 2 * SECOND, &mut events);
    here.heard(&there, 2, now, &mut events);
    assert_eq!(here.counts().downs, 0);
    let status = |here: &Membership, of: &Origin| {
        let statuses = here.statuses();
        let found = statuses.into_iter().find(|(origin, _)| origin == of);
        found.map(|(_, status)| status)
    };
    // Most of its time had passed before.
    pass(&mut here, &mut now, back + 11 * SECOND, &mut events);
    assert_eq!(status(&here, &dead), Some(Status::Down));
    assert_ne!(status(&here, &there), Some(Status::Down));
}

#[test]
fn a_stop_while_the_broker_is_away_counts_once() {
    let (mut here, mut events) = (membership(), Vec::new());
    here.heard(&origin("there"), 1, Duration::ZERO, &mut events);
    here.beat(Duration::ZERO);
    here.engine_is_away(true, SECOND);
    // Stopped for 100 s of them.
    here.expire(101 * SECOND, &mut events);
    assert_eq!(here.counts().late_turns, 1);
    here.engine_is_away(false, 102 * SECOND);
    let mut now = 102 * SECOND;
    pass(&mut here, &mut now, 133 * SECOND, &mut events);
    assert_eq!(here.counts().downs, 1);
}

#[test]
fn dead_names_never_keep_healthy_nodes_out_and_the_bound_remains() {
    let options = NodeOptions {
        max_replicas: 3,
        ..NodeOptions::default()
    };
    let mut here = Membership::new(origin("here"), Arc::new(options), 1, Duration::ZERO);
    let (mut events, mut now) = (Vec::new(), Duration::ZERO);
    // Each crashes before the next one starts under a name of its own.
    for number in 0..10 {
        here.heard(&origin(&format!("crashed-{number}")), 1, now, &mut events);
        let until = now + 40 * SECOND;
        pass(&mut here, &mut now, until, &mut events);
    }
    assert_eq!((here.counts().ups, here.counts().downs), (10, 10));
    let names = |here: &Membership| -> Vec<_> {
        here.peers
            .keys()
            .map(|name| name.as_str().to_owned())
            .collect()
    };
    // The longest down were given up first.
    assert_eq!(names(&here), ["crashed-7", "crashed-8", "crashed-9"]);
    assert!(here.tombs.statuses().count() <= 3);

    for name in ["a", "b", "c"] {
        let verdict = here.heard(&origin(name), 1, now, &mut events);
        assert!(
            matches!(verdict, Verdict::Accepted(_, Age::New)),
            "{name}: {verdict:?}"
        );
    }
    assert_eq!(names(&here), ["a", "b", "c"]);
    // All are up: the bound holds.
    let verdict = here.heard(&origin("d"), 1, now, &mut events);
    assert!(matches!(verdict, Verdict::Ignored), "{verdict:?}");
    assert!(matches!(
        events.last(),
        Some(MembershipEvent::Replica(ReplicaEvent::TooMany(name))) if name.as_str() == "d"
    ));
}

#[test]
fn a_leave_is_repeated_for_a_while_by_turns_and_to_those_who_came_later() {
    let (mut here, mut events) = (membership(), Vec::new());
    let (peer, late) = (origin("peer"), origin("late"));
    here.heard(&peer, 1, Duration::ZERO, &mut events);
    for number in 0..600 {
        let node = origin(&format!("node {number}"));
        here.heard(&node, 1, 2 * SECOND, &mut events);
        here.leaves(&node, 2, SECOND, 2 * SECOND, &mut events);
    }
    let mut told = std::collections::BTreeSet::new();
    for _ in 0..100 {
        let left = here.left(&peer.name, 400, 3 * SECOND);
        assert!((1..=8).contains(&left.len()), "{}", left.len());
        told.extend(left.into_iter().map(|(origin, ..)| origin));
    }
    assert_eq!(told.len(), 600, "each in its turn");
    let later = 40 * SECOND;
    assert!(here.left(&peer.name, 400, later).is_empty());
    here.heard(&late, 1, later, &mut events);
    assert!(!here.left(&late.name, 400, later).is_empty());
    assert!(here.left(&late.name, 400, 2 * later).is_empty());
}

#[test]
fn a_message_from_before_the_reconnect_extends_nothing_beyond_it() {
    let (mut here, mut events) = (membership(), Vec::new());
    let mut now = SECOND;
    here.beat(now);
    here.engine_is_away(true, now);
    pass(&mut here, &mut now, 600 * SECOND, &mut events);
    // It waited in a queue of the engine.
    here.heard(&origin("there"), 1, now, &mut events);
    here.engine_is_away(false, now);
    let back = now;
    pass(&mut here, &mut now, back + 32 * SECOND, &mut events);
    assert_eq!(here.counts().downs, 1);
}

#[test]
fn a_node_that_has_been_silent_is_not_asked_while_another_was_heard() {
    let (mut here, mut events) = (membership(), Vec::new());
    let (of, silent, heard) = (origin("of"), origin("silent"), origin("heard"));
    for node in [&of, &silent, &heard] {
        here.heard(node, 1, Duration::ZERO, &mut events);
    }
    let mut now = Duration::ZERO;
    here.beat(now);
    pass(&mut here, &mut now, 5 * SECOND, &mut events);
    here.heard(&heard, 2, now, &mut events);
    for _ in 0..20 {
        let whom = here.whom_to_ask(&of.name, 1, now).expect("two are up");
        assert_eq!(whom.name, heard.name);
    }
    // If none was heard, any is better than none.
    assert!(here.whom_to_ask(&of.name, 1, 3 * now).is_some());
}

#[test]
fn few_of_many_nodes_compare_with_one_that_differs() {
    let picks = |nodes: usize, differ: usize| {
        let (mut here, mut events) = (membership(), Vec::new());
        let origins: Vec<_> = (0..nodes).map(|node| origin(&format!("n{node}"))).collect();
        for origin in &origins {
            here.heard(origin, 1, Duration::ZERO, &mut events);
        }
        let heartbeats = (0..1000).filter(|_| {
            for origin in &origins[..differ] {
                here.differs(&origin.name, true);
            }
            here.pick_one_that_differs().is_some()
        });
        heartbeats.count()
    };
    // 199 nodes agree and one differs: each picks it in four heartbeats of 199.
    let few = picks(199, 1);
    assert!((5..=50).contains(&few), "{few}");
    // In a small cluster, between halves, and if this node alone differs, no heartbeat is left out.
    assert_eq!(picks(4, 1), 1000);
    assert_eq!(picks(199, 100), 1000);
    assert_eq!(picks(199, 199), 1000);
    assert_eq!(picks(199, 0), 0);
}
