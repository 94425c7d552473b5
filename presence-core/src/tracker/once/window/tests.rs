use super::super::tests::{change, origin};
use super::*;
use crate::replication::membership::{NEWNESS, Seat};

const SECOND: Duration = Duration::from_secs(1);
const KEEP: Duration = Duration::from_secs(40);
const OVERLAP: Duration = Duration::from_secs(3);

/// The windows of several nodes that see all changes at the same time.
struct Nodes {
    windows: Vec<(Arc<Origin>, Window)>,
    up: Vec<Seat>,
    left: Vec<Origin>,
}

impl Nodes {
    fn new(names: &[&str]) -> Self {
        let mut nodes = Self {
            windows: Vec::new(),
            up: Vec::new(),
            left: Vec::new(),
        };
        for name in names {
            nodes.start(name, Duration::ZERO);
        }
        nodes
    }

    fn start(&mut self, name: &str, counts_from: Duration) {
        let me = origin(name);
        self.windows
            .push((Arc::clone(&me), Window::new(KEEP, OVERLAP, Duration::ZERO)));
        self.up.push(Seat {
            origin: me,
            counts_from,
            returns_until: Duration::ZERO,
        });
    }

    fn roll(&self, me: &Arc<Origin>) -> Roll {
        Roll {
            me: Arc::clone(me),
            up: self.up.clone(),
            left: self.left.clone(),
        }
    }

    /// Ends a node. Returns its name.
    fn end(&mut self, name: &str, in_order: bool) {
        self.up.retain(|seat| seat.origin.name.as_str() != name);
        self.windows.retain(|(me, _)| me.name.as_str() != name);
        if in_order {
            self.left.push(origin(name).as_ref().clone());
        }
    }

    /// All nodes see a change. Returns the nodes that run it.
    fn change(&mut self, topic: &str, key: &str, came: bool, now: Duration) -> Vec<String> {
        let on = origin("elsewhere");
        self.each(|window, roll| {
            let changes = vec![change(key, came, &on)];
            window.note(&topic.into(), changes, (now, SystemTime::UNIX_EPOCH), roll)
        })
    }

    /// All nodes look. Returns the nodes that run a change again.
    fn look(&mut self, now: Duration) -> Vec<String> {
        let run = self.each(|window, roll| {
            let run = window.look(now, roll);
            assert!(run.iter().all(|event| event.is_repeated));
            run
        });
        assert_eq!(self.each(|window, roll| window.look(now, roll)), [""; 0]);
        run
    }

    fn each(&mut self, mut run: impl FnMut(&mut Window, &Roll) -> Vec<Event>) -> Vec<String> {
        let rolls: Vec<_> = self.windows.iter().map(|(me, _)| self.roll(me)).collect();
        let mut ran = Vec::new();
        for ((me, window), roll) in self.windows.iter_mut().zip(&rolls) {
            let events = run(window, roll);
            ran.extend(events.iter().map(|_| me.name.to_string()));
        }
        ran
    }

    fn responsible(&self, topic: &str) -> String {
        let me = &self.up[0].origin;
        self.roll(me).responsible(topic).name.to_string()
    }

    /// Returns a topic that this node is responsible for.
    fn topic_of(&self, name: &str) -> String {
        let topics = (0..).map(|topic| format!("room:{topic}"));
        let mut topics = topics.filter(|topic| self.responsible(topic) == name);
        topics.next().unwrap()
    }
}

#[test]
fn one_node_runs_each_change() {
    let mut nodes = Nodes::new(&["a", "b", "c"]);
    for number in 0..20 {
        let topic = format!("room:{number}");
        let now = number * SECOND;
        let responsible = nodes.responsible(&topic);
        assert_eq!(nodes.change(&topic, "k", true, now), [&*responsible]);
        assert_eq!(nodes.change(&topic, "k", false, now), [&*responsible]);
        assert_eq!(nodes.look(now), [""; 0]);
    }
}

#[test]
fn all_that_is_kept_of_a_node_that_is_down_runs_again_on_the_next_one() {
    let mut nodes = Nodes::new(&["a", "b", "c"]);
    let (lost, other) = (nodes.topic_of("b"), nodes.topic_of("a"));
    for second in 0..60 {
        nodes.change(&lost, "k", second % 2 == 0, second * SECOND);
        nodes.change(&other, "k", second % 2 == 0, second * SECOND);
    }
    nodes.end("b", false);
    let next = nodes.responsible(&lost);
    // Those of the seconds 20 to 59, and not those of other topics.
    assert_eq!(nodes.look(60 * SECOND), vec![next.clone(); 40]);

    // And again, should the next one die as well.
    nodes.end(&next, false);
    let last = nodes.responsible(&lost);
    let run = nodes.look(61 * SECOND);
    assert!(
        run.len() >= 39 && run.iter().all(|node| *node == last),
        "{run:?}"
    );
}

#[test]
fn only_the_last_changes_run_again_after_a_leave_in_order() {
    let mut nodes = Nodes::new(&["a", "b", "c"]);
    let lost = nodes.topic_of("b");
    for second in 0..60 {
        nodes.change(&lost, "k", second % 2 == 0, second * SECOND);
    }
    nodes.end("b", true);
    let next = nodes.responsible(&lost);
    // Of the seconds 57, 58 and 59: the leave may have reached the others late.
    assert_eq!(nodes.look(60 * SECOND), vec![next; 3]);
}

#[test]
fn a_newcomer_runs_what_it_has_seen_from_the_time_on_at_which_it_counts() {
    let mut nodes = Nodes::new(&["a", "b"]);
    let counts_from = 100 * SECOND + NEWNESS;
    nodes.change("warm", "k", true, 99 * SECOND);
    nodes.start("c", counts_from);
    let topic = nodes.topic_of("c");
    for second in 100..110 {
        let ran = nodes.change(&topic, "k", second % 2 == 0, second * SECOND);
        assert!(ran.len() == 1 && ran[0] != "c", "{ran:?}");
    }
    // The others may have thought that it counts already.
    assert_eq!(nodes.look(counts_from), ["c"; 3]);
    assert_eq!(nodes.change(&topic, "k", true, counts_from), ["c"]);
    // The older nodes have the earlier changes.
    let before = nodes.change(&nodes.topic_of("a"), "k", true, counts_from);
    assert_eq!(before, ["a"]);
}

#[test]
fn a_newcomer_takes_the_presences_of_older_nodes_for_no_joins() {
    let mut nodes = Nodes::new(&["a", "c"]);
    let old = origin("a");
    for seat in &mut nodes.up {
        match seat.origin == old {
            true => seat.returns_until = NEWNESS,
            false => seat.counts_from = NEWNESS,
        }
    }
    let (me, mut window) = nodes.windows.pop().unwrap();
    let roll = nodes.roll(&me);
    let at = (SECOND, SystemTime::UNIX_EPOCH);
    let changes = vec![
        change("there before", true, &old),
        change("gone", false, &old),
    ];
    assert!(window.note(&"t".into(), changes, at, &roll).is_empty());
    nodes.up.retain(|seat| seat.origin != old);
    // The older node is down, and the newcomer alone.
    let run = window.look(2 * SECOND, &nodes.roll(&me));
    let keys: Vec<_> = run.iter().map(|event| &*event.change.entry.key).collect();
    assert_eq!(keys, ["gone"]);
}

#[test]
fn a_leave_that_was_held_back_runs_again_after_a_leave_in_order() {
    let mut nodes = Nodes::new(&["a", "b"]);
    for (_, window) in &mut nodes.windows {
        *window = Window::new(KEEP, OVERLAP, 10 * SECOND);
    }
    let topic = nodes.topic_of("a");
    nodes.change(&topic, "gone", false, SECOND);
    nodes.change(&topic, "came", true, SECOND);
    nodes.change(&topic, "gone too", false, 2 * SECOND);
    nodes.end("a", true);
    // The two leaves.
    assert_eq!(nodes.look(14 * SECOND), ["b"; 2]);
}

#[test]
fn the_window_is_bounded() {
    let mut nodes = Nodes::new(&["a"]);
    for round in 0..3 {
        let changes = (0..MAX_CHANGES / 2).map(|number| (number, change("k", true, &origin("a"))));
        let changes = changes.map(|(_, change)| change).collect();
        let at = (round * SECOND, SystemTime::UNIX_EPOCH);
        let roll = nodes.roll(&origin("a"));
        let window = &mut nodes.windows[0].1;
        let run = window.note(&"t".into(), changes, at, &roll);
        assert_eq!(run.len(), MAX_CHANGES / 2, "what is too much to keep runs");
        assert!(window.kept.len() <= MAX_CHANGES && window.bytes <= MAX_BYTES);
    }
    let window = &mut nodes.windows[0].1;
    let kept = window.kept.len() as u64;
    assert_eq!(window.take_dropped() + kept, 3 * MAX_CHANGES as u64 / 2);
    let roll = nodes.roll(&origin("a"));
    let window = &mut nodes.windows[0].1;
    window.look(10 * KEEP, &roll);
    assert!(window.is_empty() && window.bytes == 0);
}
