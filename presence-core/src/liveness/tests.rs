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

fn liveness() -> Liveness {
    Liveness::new(origin("here"), Arc::default(), 1, Duration::ZERO)
}

#[test]
fn a_leave_told_by_a_third_node_of_an_unknown_one_is_remembered_and_not_passed_on() {
    let (mut here, mut events) = (liveness(), Vec::new());
    let there = origin("there");
    here.has_told_of_leave(&there, 7, SECOND, Duration::ZERO, &mut events);
    assert!(here.left(Duration::ZERO).is_empty());
    let late = here.heard(&there, 7, Duration::ZERO, &mut events);
    assert!(matches!(late, Verdict::Ignored), "{late:?}");

    // One that was known here is told of: others may have missed its leave.
    let other = origin("other");
    here.heard(&other, 1, Duration::ZERO, &mut events);
    here.has_told_of_leave(&other, 7, SECOND, Duration::ZERO, &mut events);
    assert_eq!(here.left(Duration::ZERO), [(other, 7, SECOND)]);
}

#[test]
fn a_process_that_is_always_late_sees_that_others_died() {
    let (mut here, mut events) = (liveness(), Vec::new());
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
    let (mut here, mut events) = (liveness(), Vec::new());
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
    for (number, since) in [(8, true), (5, true), (4, false), (1, false)] {
        let late = here.heard(&there, number, now, &mut events);
        assert!(
            matches!(late, Verdict::Late(_, recent) if recent == since),
            "{number}: {late:?}"
        );
    }
}
