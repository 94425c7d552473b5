//! Scripts from seeds.

mod large;
mod network;

use std::time::Duration;

use super::network::mix;
use super::{Operation, Script, ScriptPresence, Setup};
use crate::replication::node::NodeOptions;

pub use large::generate_large;

/// Makes the script of a seed: the same one always.
///
/// Four machines, few topics and keys, small limits: so that things meet, and what is rare in
/// production happens. Each seed has its own mixture of misfortunes, since with all of them at once
/// the rare paths that need quiet would never be taken.
pub fn generate(seed: u64) -> Script {
    let mut rng = fastrand::Rng::with_seed(mix(&[seed, 0x5c21_0b17]));
    let nodes = 2 + usize::from(rng.u8(..8) > 0) + usize::from(rng.u8(..3) > 0);
    let setup = Setup {
        seed,
        nodes,
        options: options(&mut rng),
    };
    let mixture = Mixture::draw(&mut rng);
    let mut writer = ScriptWriter {
        rng,
        nodes,
        options: setup.options.clone(),
        mixture,
        operations: Vec::new(),
    };
    writer.write();
    Script {
        setup,
        operations: writer.operations,
    }
}

fn options(rng: &mut fastrand::Rng) -> NodeOptions {
    let ms = Duration::from_millis;
    NodeOptions {
        pool_size: 1 + usize::from(rng.bool()),
        diff_interval: *pick(rng, &[Duration::ZERO, ms(50), ms(50), ms(400)]),
        delta_interval: *pick(rng, &[Duration::ZERO, ms(5), ms(5), ms(100)]),
        max_silent_periods: *pick(rng, &[1, 2, 2, 2]),
        down_period: *pick(rng, &[ms(4000), ms(6000), ms(9000)]),
        permdown_period: *pick(rng, &[ms(15_000), ms(25_000)]),
        chunk_bytes: *pick(rng, &[256, 256, 600, 48 * 1024]),
        removal_log_bytes: *pick(rng, &[0, 32, 200, 64 * 1024]),
        batch: *pick(rng, &[1, 2, 5, 2000]),
        max_hidden: *pick(rng, &[0, 3, 100_000, 100_000]),
        max_answers: *pick(rng, &[1, 2, 4]),
        ..NodeOptions::default()
    }
}

/// How likely each kind of misfortune is, in this seed.
struct Mixture {
    crash: u32,
    twin: u32,
    stop: u32,
    leave: u32,
    part: u32,
    weather: u32,
    clocks: u32,
    hint: u32,
    snapshot: u32,
    lies: u32,
    replay: u32,
    slow_dispatch: u32,
    long_waits: u32,
    rush: u32,
    disconnect: u32,
    bursts: u32,
    limit: u32,
    rename: u32,
    downgrade: u32,
    engine: u32,
}

impl Mixture {
    fn draw(rng: &mut fastrand::Rng) -> Self {
        let mut weight = |often: u32| {
            // Half of the time not at all.
            if rng.bool() { rng.u32(1..=often) } else { 0 }
        };
        // Now and then a machine does little but go back.
        let restores = if weight(4) == 4 { 4 } else { 1 };
        Self {
            crash: weight(8),
            twin: if weight(8) == 8 { 2 } else { 0 },
            stop: weight(6),
            leave: weight(5),
            part: weight(10),
            weather: weight(6),
            clocks: weight(4),
            hint: weight(4),
            snapshot: weight(6) * restores,
            lies: weight(5),
            replay: weight(6),
            slow_dispatch: weight(4),
            long_waits: weight(4),
            rush: weight(4),
            disconnect: weight(4),
            bursts: weight(4),
            limit: weight(6),
            rename: weight(4),
            downgrade: weight(3),
            engine: weight(3),
        }
    }
}

/// How likely, and what.
type Choice = (u32, fn(&mut ScriptWriter));

struct ScriptWriter {
    rng: fastrand::Rng,
    nodes: usize,
    options: NodeOptions,
    mixture: Mixture,
    operations: Vec<Operation>,
}

impl ScriptWriter {
    fn write(&mut self) {
        let length = self.rng.usize(30..130);
        if self.rng.bool() {
            self.weather();
        }
        if self.rng.bool() {
            // The set need not be empty when misfortune comes.
            for _ in 0..self.rng.usize(3..20) {
                let presence = self.presence();
                self.operations.push(Operation::Track(presence));
            }
            self.wait(100..4000);
        }
        while self.operations.len() < length {
            self.write_one();
        }
    }

    fn write_one(&mut self) {
        let Mixture {
            crash,
            twin,
            stop,
            leave,
            part,
            weather,
            clocks,
            hint,
            snapshot,
            lies,
            replay,
            slow_dispatch,
            long_waits,
            rush,
            disconnect,
            bursts,
            limit,
            rename,
            downgrade,
            engine,
        } = self.mixture;
        let choices: [Choice; 29] = [
            (30, Self::track),
            (12, |writer| {
                let presence = writer.presence();
                writer.operations.push(Operation::Update(presence));
            }),
            (18, |writer| {
                let presence = writer.presence();
                writer.operations.push(Operation::Untrack(presence));
            }),
            (3, |writer| {
                let (node, owner) = (writer.node(), writer.rng.u8(..3));
                writer.operations.push(Operation::OwnerEnds(node, owner));
            }),
            (6, Self::lose),
            (10, Self::list),
            (15, |writer| writer.wait(1..40)),
            (20, |writer| writer.wait(40..400)),
            (8, |writer| writer.wait(300..2500)),
            (crash, Self::crash),
            (twin, |writer| {
                let (node, of) = writer.pair();
                writer.operations.push(Operation::Twin(node, of));
            }),
            (stop, Self::stop),
            (leave, Self::leave),
            (part, Self::part),
            (weather, Self::weather),
            (clocks, Self::clocks),
            (hint, |writer| {
                let (at, about) = writer.pair();
                writer.operations.push(Operation::Hint(at, about));
            }),
            (snapshot, Self::snapshot),
            (lies, Self::lie),
            (replay, |writer| {
                let (node, which) = (writer.node(), writer.number());
                writer.operations.push(Operation::Replay(node, which));
            }),
            (slow_dispatch, |writer| {
                let (node, ms) = (writer.node(), writer.rng.u64(..800));
                let time = Duration::from_millis(ms);
                writer.operations.push(Operation::SlowDispatch(node, time));
            }),
            (long_waits, Self::wait_long),
            (rush, Self::rush),
            (disconnect, Self::disconnect),
            (bursts, Self::bursts),
            (limit, Self::limit),
            (rename, |writer| {
                let node = writer.node();
                writer.operations.push(Operation::Rename(node));
            }),
            (downgrade, |writer| {
                let node = writer.node();
                writer.operations.push(Operation::Downgrade(node));
            }),
            (engine, Self::engine),
        ];
        let sum: u32 = choices.iter().map(|(weight, _)| weight).sum();
        let mut choice = self.rng.u32(..sum);
        for (weight, write) in choices {
            if choice < weight {
                write(self);
                return;
            }
            choice -= weight;
        }
    }

    fn track(&mut self) {
        let presence = self.presence();
        self.operations.push(Operation::Track(presence));
        if self.rng.u8(..10) == 0 {
            // The same user comes elsewhere: what ends a grace.
            let elsewhere = ScriptPresence {
                node: self.node(),
                ..presence
            };
            self.operations.push(Operation::Track(elsewhere));
        }
    }

    /// A connection is lost. Often the same user comes back, here or elsewhere.
    fn lose(&mut self) {
        let presence = self.presence();
        let grace = Duration::from_millis(self.rng.u64(..4000));
        self.operations.push(Operation::Track(presence));
        self.wait(1..100);
        let lost = Operation::OwnerLost(presence.node, presence.owner, grace);
        self.operations.push(lost);
        if self.rng.bool() {
            self.wait(1..2000);
            let node = self.node();
            let back = ScriptPresence { node, ..presence };
            self.operations.push(Operation::Track(back));
        }
    }

    fn list(&mut self) {
        let (node, topic) = (self.node(), self.rng.u8(..2));
        let number = self.rng.u8(..5);
        self.operations.push(if self.rng.u8(..4) == 0 {
            Operation::ListAgain(node, topic, number)
        } else {
            Operation::List(node, topic, number)
        });
    }

    fn crash(&mut self) {
        let node = self.node();
        self.operations.push(Operation::Crash(node));
        match self.rng.u8(..4) {
            0 => {}
            1 => self.operations.push(Operation::Start(node)),
            2 => {
                self.wait(10..3000);
                self.operations.push(Operation::Start(node));
            }
            _ => {
                self.wait_long();
                self.operations.push(Operation::Start(node));
            }
        }
    }

    fn stop(&mut self) {
        if self.rng.u8(..6) == 0 {
            self.stop_with_a_suspect();
            return;
        }
        let node = self.node();
        self.operations.push(Operation::Stop(node));
        match self.rng.u8(..3) {
            0 => {}
            1 => self.wait(100..3000),
            _ if self.rng.bool() => self.wait_long(),
            _ => self.watch(),
        }
        if self.rng.u8(..4) > 0 {
            self.operations.push(Operation::Continue(node));
        }
    }

    /// A machine stands still for longer than one that it suspects has to answer, and for less than
    /// tells it that it did.
    fn stop_with_a_suspect(&mut self) {
        let (node, suspect) = self.pair();
        self.operations.push(Operation::Hint(node, suspect));
        self.operations.push(Operation::Stop(node));
        let patience = self.options.suspect_period.as_millis() as u64;
        self.wait(patience * 5 / 4..patience * 7 / 4);
        self.operations.push(Operation::Continue(node));
    }

    /// Writes clients that list, and others that join, while a silent node goes down. The diffs of
    /// that node must then fit the lists.
    fn watch(&mut self) {
        let earliest = self
            .options
            .down_period
            .saturating_sub(Duration::from_millis(1000));
        self.operations.push(Operation::Wait(earliest));
        for _ in 0..self.rng.usize(2..8) {
            self.track();
            self.wait(1..300);
            self.list();
        }
    }

    fn leave(&mut self) {
        let node = self.node();
        let grace = Duration::from_millis(self.rng.u64(..8000));
        self.operations.push(Operation::Leave(node, grace));
        if self.rng.bool() {
            self.wait(1..4000);
        }
        match self.rng.u8(..3) {
            0 => {}
            1 => self.operations.push(Operation::Crash(node)),
            _ => self.operations.push(Operation::Start(node)),
        }
        if self.rng.bool() {
            self.track();
        }
    }

    fn clocks(&mut self) {
        let node = self.node();
        self.operations.push(if self.rng.bool() {
            Operation::WallClock(node, self.rng.i64(-60_000..20_000))
        } else {
            Operation::Skew(node, self.rng.u32(900..=1100))
        });
    }

    fn snapshot(&mut self) {
        let node = self.node();
        self.operations.push(Operation::Snapshot(node));
        // The changes that the machine will forget.
        self.some_changes(node);
        match self.rng.u8(..4) {
            0 => return,
            1 => self.wait_long(),
            _ => self.wait(1..3000),
        }
        self.operations.push(Operation::Restore(node));
        self.some_changes(node);
    }

    fn some_changes(&mut self, node: usize) {
        for _ in 0..self.rng.u8(..4) {
            let presence = ScriptPresence {
                node,
                ..self.presence()
            };
            self.operations.push(if self.rng.bool() {
                Operation::Track(presence)
            } else {
                Operation::Untrack(presence)
            });
        }
    }

    fn lie(&mut self) {
        let (to, about) = self.pair();
        let which = self.number();
        self.operations.push(if self.rng.bool() {
            Operation::Garbage(to, which)
        } else {
            Operation::Lie(to, about, which)
        });
    }

    fn wait_long(&mut self) {
        let (down, permdown) = (self.options.down_period, self.options.permdown_period);
        let about = if self.rng.u8(..4) == 0 {
            permdown
        } else {
            down
        };
        let earliest = about.saturating_sub(Duration::from_millis(1500));
        let time = earliest + Duration::from_millis(self.rng.u64(..3000));
        self.operations.push(Operation::Wait(time));
    }

    fn wait(&mut self, ms: std::ops::Range<u64>) {
        let time = Duration::from_millis(self.rng.u64(ms));
        self.operations.push(Operation::Wait(time));
    }

    fn presence(&mut self) -> ScriptPresence {
        ScriptPresence {
            node: self.node(),
            owner: self.rng.u8(..3),
            topic: self.rng.u8(..2),
            key: self.rng.u8(..3),
        }
    }

    fn node(&mut self) -> usize {
        self.rng.usize(..self.nodes)
    }

    /// Two machines that differ.
    fn pair(&mut self) -> (usize, usize) {
        let one = self.node();
        (one, (one + self.rng.usize(1..self.nodes)) % self.nodes)
    }

    fn number(&mut self) -> u64 {
        self.rng.u64(..10_000)
    }
}

fn pick<'a, T>(rng: &mut fastrand::Rng, choices: &'a [T]) -> &'a T {
    &choices[rng.usize(..choices.len())]
}
