//! The network between machines: it loses, delays, doubles, reorders and parts.

mod bursts;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::time::Duration;

use bytes::Bytes;

use super::operation::millis;
use crate::pubsub::TrafficClass;
pub use bursts::Bursts;

use crate::weather::Pipe;
pub use crate::weather::{Bandwidth, Weather};

impl Weather {
    pub(super) fn from_words(words: &[&str]) -> Option<Self> {
        let [least, longest, lost, doubled, late, late_by] = words else {
            return None;
        };
        Some(Self {
            least_delay: millis(least)?,
            longest_delay: millis(longest)?,
            lost: lost.parse().ok()?,
            doubled: doubled.parse().ok()?,
            late: late.parse().ok()?,
            late_by: millis(late_by)?,
        })
    }
}

impl fmt::Display for Weather {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (least, longest) = (self.least_delay.as_millis(), self.longest_delay.as_millis());
        let Self {
            lost,
            doubled,
            late,
            ..
        } = self;
        let late_by = self.late_by.as_millis();
        write!(f, "{least} {longest} {lost} {doubled} {late} {late_by}")
    }
}

/// The traffic of a network.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Messages, each counted once for each receiver.
    pub messages: u64,
    /// Their bytes, without what an engine or TCP adds.
    pub bytes: u64,
}

/// The counts of the network's faults.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Fates {
    pub(super) delivered: u64,
    pub(super) cut: u64,
    pub(super) lost: u64,
    pub(super) burst: u64,
    pub(super) doubled: u64,
    pub(super) late: u64,
    pub(super) overtaken: u64,
    pub(super) overflowed: u64,
    /// Of these, live messages behind a queue that is half full of bulk.
    pub(super) behind_bulk: u64,
}

/// The shortest queue in which live messages must not be lost behind bulk: a shorter one is half
/// full after two of the smallest parts.
const LEAST_QUEUE: u64 = 4096;

/// The most past messages that are kept for a replay.
const KEPT: usize = 256;

#[derive(Clone, Debug)]
pub(super) struct Network {
    seed: u64,
    pub(super) weather: Weather,
    pub(super) bursts: Bursts,
    cuts: BTreeSet<(usize, usize)>,
    /// The machines whose engines have lost their broker.
    away: BTreeSet<usize>,
    /// For each pair: how many messages so far, and when the last one arrives.
    links: BTreeMap<(usize, usize), Link>,
    /// The links with a bandwidth, from the network to a machine and from a machine to the network.
    to: BTreeMap<usize, Pipe>,
    from: BTreeMap<usize, Pipe>,
    /// The bulk messages that may wait for the links, in either direction: when each has passed,
    /// and its bytes.
    bulk: BTreeMap<(Direction, usize), VecDeque<(Duration, usize)>>,
    /// Past messages, with when they were sent.
    past: VecDeque<(Duration, Bytes)>,
    pub(super) traffic: Traffic,
    pub(super) fates: Fates,
}

#[derive(Clone, Copy, Debug, Default)]
struct Link {
    sent: u64,
    last_arrival: Duration,
    /// The bytes that came through.
    bytes: u64,
    /// Of these, the messages and bytes of answers to requests.
    bulk: Traffic,
    /// Set during a burst of loss.
    is_bad: bool,
}

/// A direction of a machine's link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Direction {
    From,
    To,
}

/// The traffic through a machine's link to it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LinkReport {
    /// In bytes, without what an engine or TCP adds.
    pub bytes: u64,
    /// The longest time that a message has waited for the link.
    pub longest_wait: Duration,
    /// Messages that were lost because too many waited.
    pub overflows: u64,
}

impl Network {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            seed,
            weather: Weather::CALM,
            bursts: Bursts::NONE,
            cuts: BTreeSet::new(),
            away: BTreeSet::new(),
            links: BTreeMap::new(),
            to: BTreeMap::new(),
            from: BTreeMap::new(),
            bulk: BTreeMap::new(),
            past: VecDeque::new(),
            traffic: Traffic::default(),
            fates: Fates::default(),
        }
    }

    pub(super) fn cut(&mut self, from: usize, to: usize) {
        self.cuts.insert((from, to));
    }

    pub(super) fn mend(&mut self, from: usize, to: usize) {
        self.cuts.remove(&(from, to));
    }

    pub(super) fn heal(&mut self) {
        self.cuts.clear();
    }

    /// Nothing comes to a machine or from it, or all does again. Returns whether that is new.
    pub(super) fn set_away(&mut self, machine: usize, away: bool) -> bool {
        match away {
            true => self.away.insert(machine),
            false => self.away.remove(&machine),
        }
    }

    pub(super) fn is_away(&self, machine: usize) -> bool {
        self.away.contains(&machine)
    }

    /// Gives a machine's link a bandwidth, in each direction.
    pub(super) fn limit(&mut self, machine: usize, bandwidth: Bandwidth) {
        self.to.insert(machine, Pipe::new(bandwidth));
        self.from.insert(machine, Pipe::new(bandwidth));
    }

    /// Takes the bound from a machine's link. What waits for the link comes as before.
    pub(super) fn unlimit(&mut self, machine: usize) {
        self.to.remove(&machine);
        self.from.remove(&machine);
    }

    /// Returns the longest time that a number of bytes takes through one link, behind what waits
    /// there.
    pub(super) fn longest_passage(&self, bytes: u64) -> Duration {
        let pipes = self.to.values().chain(self.from.values());
        let longest = pipes.map(|pipe| pipe.longest_passage(bytes)).max();
        longest.unwrap_or_default()
    }

    /// Returns the bytes that came through to a machine, and the longest time that one has waited.
    pub(super) fn received(&self, machine: usize) -> LinkReport {
        let pipe = self.to.get(&machine);
        let links = self.links.iter().filter(|((_, to), _)| *to == machine);
        LinkReport {
            bytes: links.map(|(_, link)| link.bytes).sum(),
            longest_wait: pipe.map(|pipe| pipe.longest_wait).unwrap_or_default(),
            overflows: pipe.map(|pipe| pipe.overflows).unwrap_or_default(),
        }
    }

    /// Returns the answers to requests that came through to a machine.
    pub(super) fn bulk_received(&self, machine: usize) -> Traffic {
        let links = self.links.iter().filter(|((_, to), _)| *to == machine);
        links.fold(Traffic::default(), |sum, (_, link)| Traffic {
            messages: sum.messages + link.bulk.messages,
            bytes: sum.bytes + link.bulk.bytes,
        })
    }

    /// When all that has been sent so far has arrived.
    pub(super) fn last_arrival(&self) -> Option<Duration> {
        self.links.values().map(|link| link.last_arrival).max()
    }

    /// Keeps a message for replays.
    pub(super) fn remember(&mut self, message: &Bytes, now: Duration) {
        if self.past.len() == KEPT {
            self.past.pop_front();
        }
        self.past.push_back((now, message.clone()));
    }

    /// One of the messages sent since `oldest`.
    pub(super) fn past(&self, which: u64, oldest: Duration) -> Option<&Bytes> {
        let young = self.past.partition_point(|(sent, _)| *sent < oldest);
        let count = u64::try_from(self.past.len() - young).ok()?;
        let place = young + usize::try_from(which.checked_rem(count)?).ok()?;
        self.past.get(place).map(|(_, message)| message)
    }

    /// When a message arrives: once, twice or never.
    ///
    /// The fate of the k-th message of a link depends only on the seed, the link and k. So a script
    /// without one of its lines has nearly the same luck, and can be shrunk.
    pub(super) fn send(
        &mut self,
        from: usize,
        to: usize,
        (class, bytes): (TrafficClass, usize),
        now: Duration,
    ) -> [Option<Duration>; 2] {
        let link = self.links.entry((from, to)).or_default();
        link.sent += 1;
        self.traffic.messages += 1;
        self.traffic.bytes += bytes as u64;
        let away = self.away.contains(&from) || self.away.contains(&to);
        if away || self.cuts.contains(&(from, to)) {
            self.fates.cut += 1;
            return [None, None];
        }
        let mut rng =
            fastrand::Rng::with_seed(mix(&[self.seed, from as u64, to as u64, link.sent]));
        let mut happens = |of_a_thousand: u16| rng.u16(..1000) < of_a_thousand;
        let weather = self.weather;
        let (lost, doubled, late) = (
            happens(weather.lost),
            happens(weather.doubled),
            happens(weather.late),
        );
        if lost {
            self.fates.lost += 1;
            return [None, None];
        }
        if self.bursts.take(&mut link.is_bad, happens) {
            self.fates.burst += 1;
            return [None, None];
        }
        let mut arrival = |late: bool| {
            let most = if late {
                self.fates.late += 1;
                weather.late_by
            } else {
                weather.longest_delay
            };
            let spread = most.saturating_sub(weather.least_delay).as_micros();
            let spread = u64::try_from(spread).unwrap_or(u64::MAX - 1);
            let delay = weather.least_delay + Duration::from_micros(rng.u64(..=spread));
            let mut through = Ok(now);
            if let Some(pipe) = self.from.get_mut(&from) {
                let bulk = self.bulk.entry((Direction::From, from)).or_default();
                through = pass(pipe, bulk, (class, bytes), now, now);
            }
            through = through.map(|at| at + delay);
            if let (Some(pipe), Ok(at)) = (self.to.get_mut(&to), through) {
                let bulk = self.bulk.entry((Direction::To, to)).or_default();
                through = pass(pipe, bulk, (class, bytes), at, now);
            }
            let arrival = match through {
                Ok(arrival) => arrival,
                Err(Overflow { is_bulk }) => {
                    self.fates.overflowed += 1;
                    self.fates.behind_bulk += u64::from(is_bulk && class != TrafficClass::Bulk);
                    return None;
                }
            };
            link.bytes += bytes as u64;
            if class == TrafficClass::Bulk {
                link.bulk.messages += 1;
                link.bulk.bytes += bytes as u64;
            }
            self.fates.delivered += 1;
            if arrival < link.last_arrival {
                self.fates.overtaken += 1;
            }
            link.last_arrival = link.last_arrival.max(arrival);
            Some(arrival)
        };
        let first = arrival(late);
        let second = doubled.then(|| arrival(false)).flatten();
        self.fates.doubled += u64::from(doubled);
        [first, second]
    }
}

/// The queue of a link is full.
#[derive(Clone, Copy, Debug)]
struct Overflow {
    /// Set if at least half of what waits is bulk, in a queue that has room for it.
    is_bulk: bool,
}

/// Returns when a message has passed a link that it comes to at a time from `now` on.
fn pass(
    pipe: &mut Pipe,
    bulk: &mut VecDeque<(Duration, usize)>,
    (class, bytes): (TrafficClass, usize),
    at: Duration,
    now: Duration,
) -> Result<Duration, Overflow> {
    bulk.retain(|(passed, _)| *passed > now);
    let Some(passed) = pipe.pass(bytes, at, now) else {
        let waiting = bulk.iter().filter(|(passed, _)| *passed > at);
        let waiting: usize = waiting.map(|(_, bytes)| bytes).sum();
        let is_bulk = pipe.queue_bytes() >= LEAST_QUEUE && waiting as u64 * 2 > pipe.queue_bytes();
        return Err(Overflow { is_bulk });
    };
    if class == TrafficClass::Bulk {
        bulk.push_back((passed, bytes));
    }
    Ok(passed)
}

/// One number of several, for a seed.
pub(super) fn mix(numbers: &[u64]) -> u64 {
    numbers.iter().fold(0x9e37_79b9_7f4a_7c15, |hash, number| {
        // The finalizer of splitmix64: each bit of the input changes half of the output.
        let mut bits = (hash ^ number).wrapping_add(0x9e37_79b9_7f4a_7c15);
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const STORM: Weather = Weather {
        least_delay: Duration::from_millis(1),
        longest_delay: Duration::from_millis(40),
        lost: 200,
        doubled: 100,
        late: 50,
        late_by: Duration::from_secs(5),
    };

    #[test]
    fn a_storm_does_everything_and_repeats_exactly() {
        let run = || {
            let mut network = Network::new(7);
            network.weather = STORM;
            let sent = (0..1000)
                .map(|ms| network.send(0, 1, (TrafficClass::Live, 10), Duration::from_millis(ms)));
            (sent.collect::<Vec<_>>(), network.fates)
        };
        let (arrivals, fates) = run();
        assert_eq!(arrivals, run().0);
        for count in [fates.lost, fates.doubled, fates.late, fates.overtaken] {
            assert!(count > 10, "{fates:?}");
        }
    }

    #[test]
    fn a_cut_is_one_way() {
        let mut network = Network::new(7);
        network.cut(0, 1);
        assert_eq!(
            network.send(0, 1, (TrafficClass::Live, 1), Duration::ZERO),
            [None, None]
        );
        assert!(network.send(1, 0, (TrafficClass::Live, 1), Duration::ZERO)[0].is_some());
        network.heal();
        assert!(network.send(0, 1, (TrafficClass::Live, 1), Duration::ZERO)[0].is_some());
    }
}
