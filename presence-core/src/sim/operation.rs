//! The operations on a cluster, one for each line of a script.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::network::{Bandwidth, Bursts, Weather};

/// The presence that a line of a script names: small numbers, so that scripts stay short and their
/// lines often meet at one presence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ScriptPresence {
    /// The machine.
    pub node: usize,
    /// The owner on that machine.
    pub owner: u8,
    /// The topic, the same on every machine.
    pub topic: u8,
    /// The key, the same on every machine.
    pub key: u8,
}

/// One line of a [`Script`](super::Script).
///
/// An operation that is not possible at the moment (a crash of a machine that is off) does nothing,
/// so any line of a script can be left out.
///
/// Each prints as a line and is read back from it:
///
/// ```
/// use presence_core::sim::Operation;
///
/// let operation: Operation = "track n0 o1 t0 k2".parse()?;
/// assert_eq!(operation.to_string(), "track n0 o1 t0 k2");
/// # Ok::<(), presence_core::sim::ParseError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operation {
    /// `wait 120`: that many milliseconds pass.
    Wait(Duration),
    /// `track n0 o1 t0 k2`
    Track(ScriptPresence),
    /// `update n0 o1 t0 k2`
    Update(ScriptPresence),
    /// `untrack n0 o1 t0 k2`
    Untrack(ScriptPresence),
    /// `owner-ends n0 o1`: all that the owner tracked goes.
    OwnerEnds(usize, u8),
    /// `owner-lost n0 o1 500`: the owner's connection is lost. All that it tracked stays for a
    /// grace in milliseconds.
    OwnerLost(usize, u8, Duration),
    /// `list n0 t1 2`: a client takes its first list. It held back the given number of the last
    /// diffs until then.
    List(usize, u8, u8),
    /// `list-again n0 t1 3`: one of the topic's clients takes another list.
    ListAgain(usize, u8, u8),
    /// `crash n0`: power off. Nobody is told.
    Crash(usize),
    /// `start n0`: power on, under the same name. A machine that runs crashes first.
    Start(usize),
    /// `rename n0`: power on, under a name that no machine has had, as with a new deployment. It
    /// has its own name again after its next start.
    Rename(usize),
    /// `downgrade n0`: power on, with the previous version of the format between nodes. It has the
    /// present version again after its next start.
    Downgrade(usize),
    /// `engine n0 2048`: power on, over an engine that carries messages of at most the given bytes.
    /// Its engine has no limit again after its next start.
    Engine(usize, usize),
    /// `twin n0 n1`: the first is started anew under the name of the second, by mistake. It has its
    /// own name again after its next start.
    Twin(usize, usize),
    /// `stop n0`: the process stands still (SIGSTOP). Messages to it wait.
    Stop(usize),
    /// `continue n0`: it goes on (SIGCONT).
    Continue(usize),
    /// `leave n0 2000`: it leaves in order, with a grace in milliseconds. Its clients stay until it
    /// crashes.
    Leave(usize, Duration),
    /// `cut n0 n1`: nothing comes from the one to the other, until `mend` or `heal`.
    Cut(usize, usize),
    /// `mend n0 n1`: undoes a cut.
    Mend(usize, usize),
    /// `part n0 n2`: these on one side and the others on the other hear nothing of each other.
    Part(Vec<usize>),
    /// `heal`: all cuts are undone.
    Heal,
    /// `disconnect n0`: its engine loses its broker, and knows it. Nothing comes or goes.
    Disconnect(usize),
    /// `reconnect n0`: its engine is connected again.
    Reconnect(usize),
    /// `weather 1 30 100 50 20 4000`: least and longest delay of a message in milliseconds; how
    /// many of a thousand are lost, doubled, late; and by how many milliseconds late ones are.
    Weather(Weather),
    /// `bursts 20 200 900`: how many messages of a thousand make a good link bad, make a bad link
    /// good, and are lost on a bad link.
    Bursts(Bursts),
    /// `limit n0 12500 8192`: its link carries the given bytes a second in each direction, and the
    /// given bytes wait for it at most. A message that comes when more wait is lost.
    Limit(usize, Bandwidth),
    /// `unlimit n0`: its link carries everything at once again.
    Unlimit(usize),
    /// `wall-clock n0 -5000`: its wall clock jumps by the given milliseconds. It reads the clock
    /// when it starts.
    WallClock(usize, i64),
    /// `skew n0 1100`: from now on its clock makes the given milliseconds of a thousand.
    Skew(usize, u32),
    /// `slow-dispatch n0 200`: from now on its diffs take the given milliseconds to reach their
    /// subscribers.
    SlowDispatch(usize, Duration),
    /// `hint n0 n1`: the engine tells the one that the other is lost, true or not.
    Hint(usize, usize),
    /// `snapshot n0`: the machine is saved as it stands, clients and all.
    Snapshot(usize),
    /// `restore n0`: it is what it was at the snapshot, which is used up.
    Restore(usize),
    /// `garbage n0 17`: bytes that mean nothing reach it; the number says which.
    Garbage(usize, u64),
    /// `replay n0 17`: a message of the past reaches it; the number says which.
    Replay(usize, u64),
    /// `lie n0 n1 17`: it is told something false about the other; the number says what.
    Lie(usize, usize, u64),
}

/// Why a text is not a script. Says which line, if it is known.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}not an operation or setting: {line:?}", .number.map(|number| format!("line {number}: ")).unwrap_or_default())]
pub struct ParseError {
    /// The line.
    pub line: String,
    /// Its number, from 1.
    pub number: Option<usize>,
}

impl ParseError {
    pub(super) fn new(line: &str) -> Self {
        Self {
            line: line.to_owned(),
            number: None,
        }
    }
}

impl fmt::Display for ScriptPresence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            node,
            owner,
            topic,
            key,
        } = self;
        write!(f, "n{node} o{owner} t{topic} k{key}")
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Wait(time) => write!(f, "wait {}", time.as_millis()),
            Self::Track(presence) => write!(f, "track {presence}"),
            Self::Update(presence) => write!(f, "update {presence}"),
            Self::Untrack(presence) => write!(f, "untrack {presence}"),
            Self::OwnerEnds(node, owner) => write!(f, "owner-ends n{node} o{owner}"),
            Self::OwnerLost(node, owner, grace) => {
                write!(f, "owner-lost n{node} o{owner} {}", grace.as_millis())
            }
            Self::List(node, topic, held) => write!(f, "list n{node} t{topic} {held}"),
            Self::ListAgain(node, topic, client) => {
                write!(f, "list-again n{node} t{topic} {client}")
            }
            Self::Crash(node) => write!(f, "crash n{node}"),
            Self::Start(node) => write!(f, "start n{node}"),
            Self::Rename(node) => write!(f, "rename n{node}"),
            Self::Downgrade(node) => write!(f, "downgrade n{node}"),
            Self::Engine(node, bytes) => write!(f, "engine n{node} {bytes}"),
            Self::Twin(node, of) => write!(f, "twin n{node} n{of}"),
            Self::Stop(node) => write!(f, "stop n{node}"),
            Self::Continue(node) => write!(f, "continue n{node}"),
            Self::Leave(node, grace) => write!(f, "leave n{node} {}", grace.as_millis()),
            Self::Cut(from, to) => write!(f, "cut n{from} n{to}"),
            Self::Mend(from, to) => write!(f, "mend n{from} n{to}"),
            Self::Part(side) => {
                f.write_str("part")?;
                side.iter().try_for_each(|node| write!(f, " n{node}"))
            }
            Self::Heal => f.write_str("heal"),
            Self::Disconnect(node) => write!(f, "disconnect n{node}"),
            Self::Reconnect(node) => write!(f, "reconnect n{node}"),
            Self::Weather(weather) => write!(f, "weather {weather}"),
            Self::Bursts(bursts) => write!(f, "bursts {bursts}"),
            Self::Limit(node, bandwidth) => {
                let Bandwidth {
                    bytes_a_second,
                    queue_bytes,
                } = bandwidth;
                write!(f, "limit n{node} {bytes_a_second} {queue_bytes}")
            }
            Self::Unlimit(node) => write!(f, "unlimit n{node}"),
            Self::WallClock(node, by) => write!(f, "wall-clock n{node} {by}"),
            Self::Skew(node, rate) => write!(f, "skew n{node} {rate}"),
            Self::SlowDispatch(node, time) => {
                write!(f, "slow-dispatch n{node} {}", time.as_millis())
            }
            Self::Hint(at, about) => write!(f, "hint n{at} n{about}"),
            Self::Snapshot(node) => write!(f, "snapshot n{node}"),
            Self::Restore(node) => write!(f, "restore n{node}"),
            Self::Garbage(to, which) => write!(f, "garbage n{to} {which}"),
            Self::Replay(to, which) => write!(f, "replay n{to} {which}"),
            Self::Lie(to, about, which) => write!(f, "lie n{to} n{about} {which}"),
        }
    }
}

impl FromStr for Operation {
    type Err = ParseError;

    fn from_str(line: &str) -> Result<Self, ParseError> {
        parse(line).ok_or_else(|| ParseError::new(line))
    }
}

fn parse(line: &str) -> Option<Operation> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let (name, rest) = words.split_first()?;
    Some(match (*name, rest) {
        ("wait", [time]) => Operation::Wait(millis(time)?),
        ("track", rest) => Operation::Track(presence(rest)?),
        ("update", rest) => Operation::Update(presence(rest)?),
        ("untrack", rest) => Operation::Untrack(presence(rest)?),
        ("owner-ends", [node, owner]) => Operation::OwnerEnds(at(node)?, with('o', owner)?),
        ("owner-lost", [node, owner, grace]) => {
            Operation::OwnerLost(at(node)?, with('o', owner)?, millis(grace)?)
        }
        ("list", [node, topic, held]) => {
            Operation::List(at(node)?, with('t', topic)?, held.parse().ok()?)
        }
        ("list-again", [node, topic, client]) => {
            Operation::ListAgain(at(node)?, with('t', topic)?, client.parse().ok()?)
        }
        ("crash", [node]) => Operation::Crash(at(node)?),
        ("start", [node]) => Operation::Start(at(node)?),
        ("rename", [node]) => Operation::Rename(at(node)?),
        ("downgrade", [node]) => Operation::Downgrade(at(node)?),
        ("engine", [node, bytes]) => Operation::Engine(at(node)?, bytes.parse().ok()?),
        ("twin", [node, of]) => Operation::Twin(at(node)?, at(of)?),
        ("stop", [node]) => Operation::Stop(at(node)?),
        ("continue", [node]) => Operation::Continue(at(node)?),
        ("leave", [node, grace]) => Operation::Leave(at(node)?, millis(grace)?),
        ("cut", [from, to]) => Operation::Cut(at(from)?, at(to)?),
        ("mend", [from, to]) => Operation::Mend(at(from)?, at(to)?),
        ("part", side) => Operation::Part(side.iter().map(|node| at(node)).collect::<Option<_>>()?),
        ("heal", []) => Operation::Heal,
        ("disconnect", [node]) => Operation::Disconnect(at(node)?),
        ("reconnect", [node]) => Operation::Reconnect(at(node)?),
        ("weather", rest) => Operation::Weather(Weather::from_words(rest)?),
        ("bursts", rest) => Operation::Bursts(Bursts::from_words(rest)?),
        ("limit", [node, rate, queue]) => {
            let bandwidth = Bandwidth {
                bytes_a_second: rate.parse().ok().filter(|rate| *rate > 0)?,
                queue_bytes: queue.parse().ok()?,
            };
            Operation::Limit(at(node)?, bandwidth)
        }
        ("unlimit", [node]) => Operation::Unlimit(at(node)?),
        ("wall-clock", [node, by]) => Operation::WallClock(at(node)?, by.parse().ok()?),
        ("skew", [node, rate]) => Operation::Skew(at(node)?, rate.parse().ok()?),
        ("slow-dispatch", [node, time]) => Operation::SlowDispatch(at(node)?, millis(time)?),
        ("hint", [node, about]) => Operation::Hint(at(node)?, at(about)?),
        ("snapshot", [node]) => Operation::Snapshot(at(node)?),
        ("restore", [node]) => Operation::Restore(at(node)?),
        ("garbage", [node, which]) => Operation::Garbage(at(node)?, which.parse().ok()?),
        ("replay", [node, which]) => Operation::Replay(at(node)?, which.parse().ok()?),
        ("lie", [node, about, which]) => Operation::Lie(at(node)?, at(about)?, which.parse().ok()?),
        _ => return None,
    })
}

pub(super) fn millis(word: &str) -> Option<Duration> {
    word.parse().ok().map(Duration::from_millis)
}

fn with<T: FromStr>(letter: char, word: &str) -> Option<T> {
    word.strip_prefix(letter)?.parse().ok()
}

fn at(word: &str) -> Option<usize> {
    with('n', word)
}

fn presence(words: &[&str]) -> Option<ScriptPresence> {
    let [node, owner, topic, key] = words else {
        return None;
    };
    Some(ScriptPresence {
        node: at(node)?,
        owner: with('o', owner)?,
        topic: with('t', topic)?,
        key: with('k', key)?,
    })
}
