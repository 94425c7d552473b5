//! Scripts of large clusters.

use std::time::Duration;

use super::{Mixture, ScriptWriter, pick};
use crate::replication::node::NodeOptions;
use crate::sim::network::mix;
use crate::sim::{Operation, Script, ScriptPresence, Setup};

/// Makes the script of a seed for a large cluster: 8 to 50 machines with the options of production,
/// each behind a link with a bandwidth. The same seed always makes the same script.
///
/// Such a script meets what four machines do not: many answerers for one asker, many askers of one
/// answerer, and deployments that replace every machine in turn.
pub fn generate_large(seed: u64) -> Script {
    let mut rng = fastrand::Rng::with_seed(mix(&[seed, 0x1a26_e5ed]));
    let nodes = *pick(&mut rng, &[8, 12, 20, 35, 50]);
    let setup = Setup {
        seed,
        nodes,
        options: NodeOptions {
            pool_size: 1 + usize::from(rng.bool()),
            chunk_bytes: *pick(&mut rng, &[600, 48 * 1024]),
            down_period: Duration::from_secs(9),
            permdown_period: Duration::from_secs(25),
            ..NodeOptions::default()
        },
    };
    let mixture = Mixture::draw(&mut rng);
    let mut writer = ScriptWriter {
        rng,
        nodes,
        options: setup.options.clone(),
        mixture,
        operations: Vec::new(),
    };
    writer.write_large();
    Script {
        setup,
        operations: writer.operations,
    }
}

impl ScriptWriter {
    fn write_large(&mut self) {
        let bandwidth = self.bandwidth();
        for node in 0..self.nodes {
            for number in 0..self.rng.u8(..6) {
                let presence = ScriptPresence {
                    node,
                    owner: number,
                    topic: self.rng.u8(..4),
                    key: self.rng.u8(..20),
                };
                self.operations.push(Operation::Track(presence));
            }
        }
        self.wait(3000..5000);
        let bandwidth = crate::sim::Bandwidth {
            // A link must carry the heartbeats of all nodes.
            bytes_a_second: bandwidth.bytes_a_second.max(1000 * self.nodes as u64),
            // And its queue holds those that come in one moment, after a link is healed.
            queue_bytes: bandwidth.queue_bytes.max(400 * self.nodes as u64),
        };
        for node in 0..self.nodes {
            if self.rng.bool() {
                self.operations.push(Operation::Limit(node, bandwidth));
            }
        }
        for _ in 0..self.rng.usize(2..6) {
            match self.rng.u8(..6) {
                0 => self.deploy(),
                1 => self.join_at_once(),
                2 => {
                    let side = (0..self.nodes).filter(|_| self.rng.bool()).collect();
                    self.operations.push(Operation::Part(side));
                    self.churn();
                    self.wait_long();
                    self.operations.push(Operation::Heal);
                }
                3 => self.bursts(),
                4 => self.weather(),
                _ => self.disconnect(),
            }
            self.churn();
        }
    }

    /// Machines are replaced in turn, each under a new name. What leaves has a grace.
    fn deploy(&mut self) {
        let first = self.node();
        for number in 0..self.rng.usize(1..6) {
            let node = (first + number) % self.nodes;
            let grace = Duration::from_secs(2);
            self.operations.push(Operation::Leave(node, grace));
            self.wait(1..300);
            self.operations.push(Operation::Rename(node));
            self.wait(100..1500);
        }
    }

    /// Several machines start in one moment, and lack everything.
    fn join_at_once(&mut self) {
        let first = self.node();
        for number in 0..self.rng.usize(2..6) {
            let node = (first + number) % self.nodes;
            self.operations.push(match self.rng.u8(..4) {
                0 => Operation::Downgrade(node),
                1 => Operation::Engine(node, 2048),
                _ => Operation::Start(node),
            });
        }
        self.wait(500..3000);
    }

    fn churn(&mut self) {
        for _ in 0..self.rng.usize(3..15) {
            let presence = ScriptPresence {
                node: self.node(),
                owner: self.rng.u8(..6),
                topic: self.rng.u8(..4),
                key: self.rng.u8(..20),
            };
            self.operations.push(match self.rng.u8(..3) {
                0 => Operation::Untrack(presence),
                1 => Operation::Update(presence),
                _ => Operation::Track(presence),
            });
            self.wait(1..200);
        }
    }
}
