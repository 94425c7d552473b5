//! The misfortunes of the network.

use std::time::Duration;

use super::{ScriptWriter, pick};
use crate::sim::network::{Bandwidth, Bursts, Weather};
use crate::sim::{Operation, ScriptPresence};

impl ScriptWriter {
    pub(super) fn part(&mut self) {
        match self.rng.u8(..6) {
            0 | 1 => {
                let (from, to) = self.pair();
                self.operations.push(Operation::Cut(from, to));
            }
            2 => {
                let (from, to) = self.pair();
                self.operations.push(Operation::Mend(from, to));
            }
            3 => {
                let side = (0..self.nodes).filter(|_| self.rng.bool()).collect();
                self.operations.push(Operation::Part(side));
            }
            _ => self.operations.push(Operation::Heal),
        }
    }

    /// The broker is away, for one machine or for all of them, each of which finds out at another
    /// time.
    pub(super) fn disconnect(&mut self) {
        let nodes: Vec<_> = match self.rng.bool() {
            true => (0..self.nodes).collect(),
            false => vec![self.node()],
        };
        for node in &nodes {
            self.operations.push(Operation::Disconnect(*node));
            self.wait(1..400);
        }
        match self.rng.u8(..4) {
            0 => {}
            1 => self.wait(100..3000),
            2 => self.watch(),
            _ => self.wait_long(),
        }
        if self.rng.u8(..6) == 0 {
            return;
        }
        for node in nodes {
            self.operations.push(Operation::Reconnect(node));
            self.wait(1..400);
        }
    }

    pub(super) fn weather(&mut self) {
        let rng = &mut self.rng;
        let ms = Duration::from_millis;
        let weather = if rng.u8(..3) == 0 {
            Weather::CALM
        } else {
            Weather {
                least_delay: ms(1),
                longest_delay: ms(*pick(rng, &[3, 30, 100, 300])),
                lost: *pick(rng, &[0, 0, 50, 300]),
                doubled: *pick(rng, &[0, 50, 200]),
                late: *pick(rng, &[0, 20, 100, 200]),
                late_by: ms(*pick(rng, &[100, 500, 1000, 4000, 8000, 12_000])),
            }
        };
        self.operations.push(Operation::Weather(weather));
    }

    /// Changes of one machine in quick succession, on a network where they overtake each other:
    /// what is asked for comes in part before the answer does.
    pub(super) fn rush(&mut self) {
        let ms = Duration::from_millis;
        self.operations.push(Operation::Weather(Weather {
            longest_delay: ms(*pick(&mut self.rng, &[40, 80, 150])),
            lost: *pick(&mut self.rng, &[0, 50, 150]),
            ..Weather::CALM
        }));
        let node = self.node();
        for _ in 0..self.rng.usize(6..20) {
            let presence = ScriptPresence {
                node,
                ..self.presence()
            };
            self.operations.push(match self.rng.u8(..3) {
                0 => Operation::Untrack(presence),
                1 => Operation::Update(presence),
                _ => Operation::Track(presence),
            });
            self.wait(1..30);
        }
    }

    /// Loss that comes in bursts, or no more of it.
    pub(super) fn bursts(&mut self) {
        let rng = &mut self.rng;
        let bursts = match rng.u8(..3) {
            0 => Bursts::NONE,
            _ => Bursts {
                begin: *pick(rng, &[5, 20, 60]),
                end: *pick(rng, &[50, 200, 500]),
                lost: *pick(rng, &[500, 900, 1000]),
            },
        };
        self.operations.push(Operation::Bursts(bursts));
    }

    /// A machine's link gets a bandwidth, or the links of all machines do. Often a machine then
    /// starts, and catches up over the slow link.
    pub(super) fn limit(&mut self) {
        let bandwidth = self.bandwidth();
        let nodes: Vec<_> = match self.rng.u8(..4) {
            0 => (0..self.nodes).collect(),
            _ => vec![self.node()],
        };
        if self.rng.u8(..4) == 0 {
            self.operations
                .extend(nodes.into_iter().map(Operation::Unlimit));
            return;
        }
        for node in &nodes {
            self.operations.push(Operation::Limit(*node, bandwidth));
        }
        if self.rng.bool() {
            // Everything comes to a machine that has just started.
            self.operations.push(Operation::Start(nodes[0]));
            self.wait(10..2000);
        }
    }

    /// A machine starts over an engine that carries short messages alone.
    pub(super) fn engine(&mut self) {
        let node = self.node();
        let bytes = *pick(&mut self.rng, &[1600, 2048, 4096]);
        self.operations.push(Operation::Engine(node, bytes));
    }

    pub(super) fn bandwidth(&mut self) -> Bandwidth {
        let rng = &mut self.rng;
        Bandwidth {
            bytes_a_second: *pick(rng, &[4000, 12_500, 50_000, 1_000_000]),
            queue_bytes: *pick(rng, &[2000, 8000, 64 * 1024]),
        }
    }
}
