mod links;

use super::*;
use crate::replication::set::{Clock, Incarnation};

const MS: Duration = Duration::from_millis(1);

/// A node whose peers all take credit, unless they are told not to.
struct Host {
    takes_credit: bool,
    is_silent: bool,
    unwanted: BTreeSet<u64>,
}

impl PullHost for Host {
    fn whom_to_ask(
        &mut self,
        replica: &ReplicaName,
        attempt: u32,
        _: Duration,
    ) -> Option<Answerer> {
        let name = match attempt {
            0 => replica.clone(),
            _ => ReplicaName::new("other"),
        };
        Some(Answerer {
            name,
            takes_credit: self.takes_credit,
        })
    }

    fn is_silent(&mut self, _: &ReplicaName, _: Duration) -> bool {
        self.is_silent
    }

    fn is_wanted(&mut self, _: usize, ask: &Ask) -> bool {
        !self.unwanted.contains(&ask.id)
    }
}

/// Pulls, and the time.
struct Table {
    pulls: Pulls,
    host: Host,
    now: Duration,
}

impl Table {
    fn new() -> Self {
        Self {
            pulls: Pulls::new(48 * 1024),
            host: Host {
                takes_credit: true,
                is_silent: false,
                unwanted: BTreeSet::new(),
            },
            now: Duration::ZERO,
        }
    }

    fn want(&mut self, id: u64, is_small: bool) -> Vec<PullAction> {
        self.pulls.want(0, ask(id, is_small));
        self.go_on()
    }

    fn go_on(&mut self) -> Vec<PullAction> {
        let mut actions = Vec::new();
        self.pulls.go_on(self.now, &mut self.host, &mut actions);
        actions
    }

    /// A part comes, of an answer up to clock 9.
    fn part(&mut self, id: u64, index: u32, of: u32) -> Vec<PullAction> {
        self.part_up_to(9, id, index, of)
    }

    fn part_up_to(&mut self, to: u64, id: u64, index: u32, of: u32) -> Vec<PullAction> {
        self.arrives(PartArrival {
            id,
            index,
            of,
            to,
            reached: None,
            bytes: usize::MAX,
        })
    }

    fn arrives(&mut self, part: PartArrival) -> Vec<PullAction> {
        let id = part.id;
        let is_wanted = !self.host.unwanted.contains(&id);
        let mut actions = Vec::new();
        self.pulls.arrived(part, is_wanted, self.now, &mut actions);
        self.pulls.go_on(self.now, &mut self.host, &mut actions);
        actions
    }

    /// Passes time until the patience with an answer ends.
    fn lose_patience(&mut self) -> Vec<PullAction> {
        self.now = self.pulls.next_deadline().expect("it waits");
        self.go_on()
    }
}

fn ask(id: u64, is_small: bool) -> Ask {
    Ask {
        origin: Arc::new(Origin {
            name: ReplicaName::new("there"),
            incarnation: Incarnation {
                started_ms: 1,
                nonce: 1,
            },
        }),
        from: Clock::ZERO,
        id,
        attempt: 0,
        is_small,
    }
}

/// The credit in a request: the number of parts, and those to be sent again.
fn credits(actions: &[PullAction]) -> Vec<(u64, u32, Vec<u32>)> {
    let credits = actions.iter().filter_map(|action| match action {
        PullAction::Pull { ask, credit, .. } => Some((ask.id, credit.upto, credit.again.clone())),
        _ => None,
    });
    credits.collect()
}

fn is_over(actions: &[PullAction], of: u64) -> bool {
    let mut actions = actions.iter();
    actions.any(|action| matches!(action, PullAction::Over { id, .. } if *id == of))
}

fn is_cancelled(actions: &[PullAction], of: u64) -> bool {
    let mut actions = actions.iter();
    actions.any(|action| matches!(action, PullAction::Cancel { id, .. } if *id == of))
}

#[test]
fn what_is_asked_for_at_once_keeps_within_the_window() {
    let mut table = Table::new();
    let mut begun = Vec::new();
    for id in 0..100 {
        begun.extend(credits(&table.want(id, false)));
    }
    assert_eq!(begun.len(), 4, "a quarter of the window each");
    // The first answer is long. Others begin only when there is room.
    let more = table.part(0, 0, 50);
    assert_eq!(credits(&more), [(0, 2, vec![])]);
    table.host.unwanted.insert(1);
    let more = table.part(1, 0, 1);
    // Its room is free, and the window has grown by it.
    assert_eq!(credits(&more), [(0, 4, vec![])], "what is begun goes first");
}

#[test]
fn a_small_answer_waits_for_no_large_one() {
    let mut table = Table::new();
    for id in 0..10 {
        table.want(id, false);
    }
    assert_eq!(credits(&table.want(11, true)), [(11, 1, vec![])]);
}

#[test]
fn a_part_that_does_not_come_is_asked_for_again_and_the_others_are_kept() {
    let mut table = Table::new();
    table.want(1, false);
    table.part(1, 0, 3);
    table.part(1, 2, 3);
    let again = table.lose_patience();
    assert_eq!(credits(&again), [(1, 3, vec![1])]);
    assert!(!is_over(&again, 1));
    // It comes, and the shard has all.
    table.host.unwanted.insert(1);
    let end = table.part(1, 1, 3);
    assert!(is_cancelled(&end, 1) && !is_over(&end, 1));
    assert_eq!(table.pulls.next_deadline(), None);
}

#[test]
fn a_part_that_three_others_overtook_is_asked_for_at_once() {
    let mut table = Table::new();
    table.want(1, false);
    table.part(1, 0, 9);
    for index in [2, 3] {
        let more = table.part(1, index, 9);
        assert!(credits(&more).iter().all(|(.., again)| again.is_empty()));
    }
    let more = table.part(1, 4, 9);
    assert_eq!(credits(&more)[0].2, [1]);
    let more = table.part(1, 5, 9);
    assert!(
        credits(&more).iter().all(|(.., again)| again.is_empty()),
        "once"
    );
}

#[test]
fn an_answer_is_given_up_for_its_silence_and_not_for_its_length() {
    let mut table = Table::new();
    table.want(1, false);
    for index in 0..200 {
        table.now += 400 * MS;
        let actions = table.part(1, index, 1000);
        assert!(!is_over(&actions, 1), "after {:?}", table.now);
    }
    for _ in 1..MAX_SILENCES {
        let actions = table.lose_patience();
        assert!(!is_over(&actions, 1));
        assert!(!credits(&actions).is_empty(), "it asks for the rest");
    }
    let actions = table.lose_patience();
    assert!(is_over(&actions, 1) && is_cancelled(&actions, 1));
}

#[test]
fn an_answer_goes_on_though_its_parts_are_larger_than_the_window_has_become() {
    let mut table = Table::new();
    table.want(1, false);
    let mut index = 0;
    // Fast: the window grows, and so do the parts of the next answer.
    while table.pulls.window.part_bytes(48 * 1024) < 48 * 1024 {
        table.now += MS;
        table.part(1, index, u32::MAX);
        index += 1;
    }
    table.host.unwanted.insert(1);
    table.part(1, index, u32::MAX);
    table.want(2, false);
    // Slow: the window becomes small.
    let mut smallest = usize::MAX;
    for index in 0..40 {
        table.now += 450 * MS;
        let before = table.pulls.active[0].granted;
        table.part(2, index, u32::MAX);
        let pull = &table.pulls.active[0];
        assert!(!pull.missing.is_empty(), "{before} parts, and no more");
        smallest = smallest.min(table.pulls.window.part_bytes(48 * 1024));
    }
    assert!(
        smallest < 12 * 1024,
        "the window has a part's size at least"
    );
}

#[test]
fn an_answer_that_never_begins_is_given_up_after_one_silence() {
    let mut table = Table::new();
    table.want(1, false);
    let actions = table.lose_patience();
    assert!(is_over(&actions, 1) && is_cancelled(&actions, 1));
    assert_eq!(table.pulls.window.room(), 16 * 1024, "nothing is under way");
}

#[test]
fn a_node_that_was_cut_off_is_soon_asked_again() {
    let mut table = Table::new();
    for attempt in 0..6 {
        let ask = Ask {
            attempt,
            ..ask(attempt.into(), false)
        };
        table.pulls.want(0, ask);
        table.go_on();
        let before = table.now;
        table.lose_patience();
        assert!(table.now - before <= 1200 * MS, "attempt {attempt}");
    }
}

#[test]
fn the_rest_is_not_waited_for_if_nothing_else_comes_from_its_node() {
    let mut table = Table::new();
    table.want(1, false);
    table.part(1, 0, 9);
    table.host.is_silent = true;
    let actions = table.lose_patience();
    assert!(is_over(&actions, 1) && is_cancelled(&actions, 1));
}

#[test]
fn one_message_that_came_late_is_no_reason_to_wait_for_long() {
    let mut window = Window::default();
    for number in 1..20 {
        let delay = if number == 15 { 9000 * MS } else { 20 * MS };
        window.arrived(8192, delay, number * 100 * MS);
        assert!(window.patience() <= 500 * MS);
        assert!(window.repeated_patience(MAX_SILENCES) <= 1200 * MS);
    }
    // A link on which all take long is another matter.
    for number in 20..30 {
        window.arrived(8192, 900 * MS, number * 100 * MS);
    }
    assert_eq!(window.patience(), 3600 * MS);
}

#[test]
fn an_answer_that_waits_for_room_is_not_given_up() {
    let mut table = Table::new();
    for id in 0..4 {
        table.want(id, false);
    }
    table.part(3, 0, 9);
    for id in 0..3 {
        table.part(id, 0, 9);
    }
    // The first answer has the whole window. The others have what they were granted.
    table.part(3, 1, 9);
    loop {
        let actions = table.lose_patience();
        assert!((1..4).all(|id| !is_over(&actions, id)), "{actions:?}");
        if is_over(&actions, 0) {
            break;
        }
    }
}

#[test]
fn what_a_node_was_asked_for_is_over_when_it_has_gone() {
    let mut table = Table::new();
    for id in 1..4 {
        table.want(id, false);
    }
    table.host.unwanted.insert(2);
    let mut actions = Vec::new();
    let there = ReplicaName::new("there");
    let other = ReplicaName::new("other");
    table.pulls.gone(&other, &mut table.host, &mut actions);
    assert!(is_cancelled(&actions, 2) && !is_over(&actions, 2));
    assert!(!is_over(&actions, 1) && !is_over(&actions, 3));
    table.pulls.gone(&there, &mut table.host, &mut actions);
    assert!(is_over(&actions, 1) && is_over(&actions, 3));
    assert_eq!(table.pulls.next_deadline(), None);
}

#[test]
fn an_answer_that_begins_anew_is_not_mixed_with_the_first() {
    let mut table = Table::new();
    table.want(1, false);
    table.part(1, 0, 3);
    let actions = table.part_up_to(10, 1, 1, 3);
    assert!(is_over(&actions, 1) && is_cancelled(&actions, 1));
}

#[test]
fn what_is_no_longer_wanted_is_cancelled_or_never_asked_for() {
    let mut table = Table::new();
    table.want(1, false);
    table.part(1, 0, 100);
    table.host.unwanted.insert(1);
    let actions = table.part(1, 1, 100);
    assert!(is_cancelled(&actions, 1) && !is_over(&actions, 1));
    table.host.unwanted.insert(2);
    assert!(table.want(2, false).is_empty());
}

#[test]
fn only_the_node_that_was_asked_is_listened_to() {
    let mut table = Table::new();
    table.want(1, false);
    let origin = ask(1, false).origin;
    let expects = |place, origin: &Origin, id, sender| {
        let sender = ReplicaName::new(sender);
        table.pulls.expects(place, origin, id, &sender)
    };
    assert!(expects(0, &origin, 1, "there"));
    assert!(!expects(0, &origin, 1, "other"));
    assert!(!expects(0, &origin, 2, "there"));
    // The same number, as after a snapshot: another shard, another replica.
    assert!(!expects(1, &origin, 1, "there"));
    let name = ReplicaName::new("third");
    let incarnation = origin.incarnation;
    assert!(!expects(0, &Origin { name, incarnation }, 1, "there"));
}

#[test]
fn nodes_that_take_no_credit_are_asked_for_few_answers_at_once() {
    let mut table = Table::new();
    table.host.takes_credit = false;
    let mut asked = 0;
    for id in 0..20 {
        asked += table.want(id, false).len();
    }
    assert_eq!(asked, MAX_WITHOUT_CREDIT);
    // The first is complete.
    table.host.unwanted.insert(0);
    let actions = table.part(0, 0, 1);
    assert!(
        matches!(actions[..], [PullAction::Ask { .. }]),
        "{actions:?}"
    );
}

#[test]
fn nodes_that_take_no_credit_hold_up_no_others() {
    let mut table = Table::new();
    table.host.takes_credit = false;
    for id in 0..20 {
        table.want(id, id % 2 == 0);
    }
    // Those that wait are of an old node. The next is of a new one.
    let old = table.pulls.small.len() + table.pulls.large.len();
    assert_eq!(old, 20 - MAX_WITHOUT_CREDIT);
    struct Mixed(Host);
    impl PullHost for Mixed {
        fn whom_to_ask(&mut self, replica: &ReplicaName, _: u32, _: Duration) -> Option<Answerer> {
            let takes_credit = replica.as_str() == "new";
            let name = replica.clone();
            Some(Answerer { name, takes_credit })
        }
        fn is_silent(&mut self, answerer: &ReplicaName, now: Duration) -> bool {
            self.0.is_silent(answerer, now)
        }
        fn is_wanted(&mut self, place: usize, ask: &Ask) -> bool {
            self.0.is_wanted(place, ask)
        }
    }
    let mut new = ask(100, false);
    new.origin = Arc::new(Origin {
        name: ReplicaName::new("new"),
        incarnation: new.origin.incarnation,
    });
    table.pulls.want(0, new);
    let mut actions = Vec::new();
    table
        .pulls
        .go_on(table.now, &mut Mixed(table.host), &mut actions);
    assert_eq!(credits(&actions), [(100, 1, vec![])]);
    let waits = table.pulls.large.iter().map(|wanted| wanted.ask.id);
    assert!(waits.is_sorted(), "in their order");
}
