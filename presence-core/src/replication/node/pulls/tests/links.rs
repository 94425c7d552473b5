//! Catching up over links of a bandwidth and a round trip.

use super::*;

const SECOND: Duration = Duration::from_secs(1);

/// Runs an endless answer over a link with a bandwidth and a round trip. Returns the longest time
/// that a part waited in the last half, and the bytes that came.
fn over_a_link(bytes_a_ms: f64, round_trip: Duration, time: Duration) -> (Duration, f64) {
    let mut table = Table::new();
    let mut arrivals: VecDeque<(Duration, u32)> = VecDeque::new();
    let (mut free, mut sent, mut came) = (Duration::ZERO, 0, 0.0);
    let mut longest = Duration::ZERO;
    let mut actions = table.want(1, false);
    while table.now < time {
        for action in actions.drain(..) {
            let PullAction::Pull { credit, .. } = action else {
                panic!("{action:?}");
            };
            assert!(credit.again.is_empty(), "nothing is lost");
            while sent < credit.upto {
                let at = table.now + round_trip;
                if table.now > time / 2 {
                    longest = longest.max(free.saturating_sub(at));
                }
                let takes = Duration::from_secs_f64(credit.part_bytes as f64 / bytes_a_ms / 1e3);
                free = free.max(at) + takes;
                came += credit.part_bytes as f64;
                arrivals.push_back((free, sent));
                sent += 1;
            }
        }
        let (at, index) = arrivals.pop_front().expect("it is never idle");
        table.now = at;
        actions = table.part(1, index, u32::MAX);
    }
    (longest, came)
}

#[test]
fn the_window_fills_a_link_and_leaves_its_queue_short() {
    // From 2 Mbit/s to 1 Gbit/s, near and far.
    for bytes_a_ms in [250.0, 1250.0, 12_500.0, 125_000.0] {
        for round_trip in [MS, 50 * MS, 200 * MS] {
            let time = Duration::from_secs(20);
            let (longest, came) = over_a_link(bytes_a_ms, round_trip, time);
            let used = came / (bytes_a_ms * 20_000.0);
            let what = format!("{bytes_a_ms} bytes a ms, {round_trip:?}: {used:.2}, {longest:?}");
            assert!(longest < 200 * MS, "{what}");
            // A far and fast link is filled to the largest window.
            let most = 8.0 * 1024.0 * 1024.0 / (bytes_a_ms * 1000.0 * round_trip.as_secs_f64());
            assert!(used > 0.7 * most.min(1.0), "{what}");
        }
    }
}

/// A node that joins over a link, and the answers to it.
struct Joiner {
    bytes_a_ms: f64,
    round_trip: Duration,
    /// The number of answers, and the bytes of each.
    answers: (u64, usize),
    /// Set if each of them has few changes.
    is_small: bool,
    /// The time for which the node's process gets no CPU, and how often that happens.
    stall: (Duration, Duration),
}

/// The clock that all answers lead to.
const END: u64 = 1000;

impl Joiner {
    /// Returns the time at which the process handles what arrives at `at`.
    fn handles(&self, at: Duration) -> Duration {
        let (stall, every) = self.stall;
        let into = Duration::from_nanos((at.as_nanos() % every.as_nanos()) as u64);
        at + stall.saturating_sub(into)
    }

    /// Returns the time until all answers are whole, and the longest time that a part waited in the
    /// link's queue.
    fn run(&self) -> (Duration, Duration) {
        let mut table = Table::new();
        let (answers, bytes) = self.answers;
        let mut actions = Vec::new();
        for id in 0..answers {
            actions.extend(table.want(id, self.is_small));
        }
        let mut sent: Vec<u32> = vec![0; answers as usize];
        let mut whole = 0;
        let mut arrivals: VecDeque<(Duration, PartArrival)> = VecDeque::new();
        let (mut free, mut longest) = (Duration::ZERO, Duration::ZERO);
        loop {
            for action in actions.drain(..) {
                let PullAction::Pull { ask, credit, .. } = action else {
                    continue;
                };
                assert!(credit.again.is_empty(), "nothing is lost");
                let parts = bytes.div_ceil(credit.part_bytes) as u32;
                let sent = &mut sent[ask.id as usize];
                while *sent < credit.upto.min(parts) {
                    let at = table.now + self.round_trip;
                    longest = longest.max(free.saturating_sub(at));
                    let of_part = bytes.min(credit.part_bytes) as f64;
                    free = free.max(at) + Duration::from_secs_f64(of_part / self.bytes_a_ms / 1e3);
                    let index = *sent;
                    *sent += 1;
                    let part = PartArrival {
                        id: ask.id,
                        index,
                        of: if *sent == parts { parts } else { 0 },
                        to: END,
                        reached: Some(u64::from(*sent) * END / u64::from(parts)),
                        bytes: of_part as usize,
                    };
                    arrivals.push_back((free, part));
                }
            }
            let Some((at, part)) = arrivals.pop_front() else {
                assert_eq!(whole, answers, "it stands still");
                return (table.now, longest);
            };
            table.now = table.now.max(self.handles(at));
            if part.of > 0 {
                whole += 1;
                table.host.unwanted.insert(part.id);
            }
            actions = table.arrives(part);
        }
    }
}

/// The time in which an ideal window has all: a few round trips until it fills the link.
fn ideal(joiner: &Joiner) -> Duration {
    let (answers, bytes) = joiner.answers;
    let carry = answers as f64 * bytes as f64 / joiner.bytes_a_ms / 1e3;
    Duration::from_secs_f64(carry) + 8 * joiner.round_trip
}

#[test]
fn a_joiner_uses_its_link_though_it_is_far_and_its_process_waits_for_a_cpu() {
    for bytes_a_ms in [1250.0, 6250.0, 12_500.0] {
        for round_trip in [MS, 20 * MS, 50 * MS] {
            for stall in [0, 20, 60] {
                let joiner = Joiner {
                    bytes_a_ms,
                    round_trip,
                    answers: (24, 194_000),
                    is_small: false,
                    stall: (stall * MS, 150 * MS),
                };
                let (took, waited) = joiner.run();
                // A process that waits for its CPU has less of the link.
                let most = ideal(&joiner).mul_f64(1.3 + f64::from(stall) / 150.0);
                let what = format!(
                    "{bytes_a_ms} bytes a ms, {round_trip:?}, stalls of {stall} ms: {took:?} of \
                     {most:?}, {waited:?} in the queue"
                );
                assert!(took <= most, "{what}");
                assert!(waited < 200 * MS, "{what}");
            }
        }
    }
}

/// A node that joins 199 others of eight shards each, which have little to tell.
#[test]
fn a_joiner_of_many_nodes_does_not_wait_a_round_trip_for_each_few() {
    for bytes_a_ms in [1250.0, 12_500.0] {
        for round_trip in [MS, 20 * MS, 50 * MS] {
            for (bytes, is_small) in [(450, true), (4_800, true), (4_800, false)] {
                let joiner = Joiner {
                    bytes_a_ms,
                    round_trip,
                    answers: (1592, bytes),
                    is_small,
                    stall: (Duration::ZERO, SECOND),
                };
                let (took, waited) = joiner.run();
                let carry = 1592.0 * bytes as f64 / bytes_a_ms / 1e3;
                let most = Duration::from_secs_f64(2.0 * carry) + SECOND + 10 * round_trip;
                let what = format!(
                    "{bytes_a_ms} bytes a ms, {round_trip:?}, {bytes} bytes: {took:?} of \
                     {most:?}, {waited:?} in the queue"
                );
                assert!(took <= most, "{what}");
                assert!(waited < 200 * MS, "{what}");
            }
        }
    }
}
