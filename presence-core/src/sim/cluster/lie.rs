//! A peer that says what is false, and says it well.

use bytes::Bytes;

use super::Cluster;
use crate::replication::message::{
    self, Body, Cell, Header, Heartbeat, Refusal, Request, Row, Vector,
};
use crate::replication::node::Node;
use crate::replication::set::{Clock, Incarnation, Origin, ReplicaName};
use crate::sim::Violation;

/// Nobody runs under this name: it only speaks.
const LIAR: &str = "liar";

/// The time by which a claimed incarnation is later.
const LATER_MS: u64 = 1000;

impl Cluster {
    /// A machine is told something false about another one, by a peer that introduces itself first.
    pub(super) fn lie(&mut self, to: usize, about: usize, which: u64) -> Result<(), Violation> {
        let me = self.machines[about].node.as_ref().map(origin_of);
        let (Some(Some(about)), false) = (me, self.network.is_away(to)) else {
            return Ok(());
        };
        self.coverage.add("lies", 1);
        if which.is_multiple_of(4) {
            self.meddles_with = Some(to);
            return Ok(());
        }
        let clock = match which % 2 {
            0 => Clock::MAX,
            _ => Clock::ZERO,
        };
        let hello = self.as_liar(&Body::Heartbeat(Heartbeat {
            clocks: vec![clock; self.options.pool_size],
            check: which,
            digest: which,
        }));
        let lie = self.as_liar(&body(&about, which / 2, self.pool_size()));
        for message in [hello, lie].into_iter().flatten() {
            self.deliver(to, message)?;
        }
        Ok(())
    }

    /// Returns the distorted message that arrives first, or `None` if no liar meddles with the
    /// answers to this machine.
    pub(super) fn meddle(&mut self, to: usize, message: &Bytes) -> Option<Bytes> {
        if self.meddles_with != Some(to) {
            return None;
        }
        let (header, mut body) = message::decode(message).ok()?;
        let Body::Part(part) = &mut body else {
            return None;
        };
        part.of += 1;
        part.to = Clock::MAX;
        self.meddles_with = None;
        self.has_lied = true;
        message::encode(&header, &body)
    }

    fn pool_size(&self) -> u16 {
        u16::try_from(self.options.pool_size).unwrap_or_default()
    }

    fn as_liar(&mut self, body: &Body<'_>) -> Option<Bytes> {
        self.lies_told += 1;
        let header = Header {
            pool_size: self.pool_size(),
            sender: Origin {
                name: ReplicaName::new(LIAR),
                incarnation: Incarnation {
                    started_ms: 1,
                    nonce: 1,
                },
            },
            number: self.lies_told,
        };
        message::encode(&header, body)
    }
}

fn origin_of(node: &Node) -> Option<Origin> {
    let views = node.replicas();
    views.into_iter().next().map(|view| view.origin)
}

fn body(about: &Origin, which: u64, shards: u16) -> Body<'static> {
    let origin = about.clone();
    let later = Incarnation {
        started_ms: about.incarnation.started_ms + LATER_MS,
        nonce: which,
    };
    let vector = |origin, answer| {
        let cells = (0..shards).map(|shard| Cell {
            shard,
            clock: Clock::MAX,
            check: which,
        });
        Body::Vector(Vector {
            rows: vec![Row {
                origin,
                shards: cells.collect(),
            }],
            left: Vec::new(),
            answer,
        })
    };
    match which % 5 {
        // It is at the largest clock.
        0 => vector(origin, which.is_multiple_of(2)),
        // It has been started anew.
        1 => {
            let name = origin.name;
            let origin = Origin {
                name,
                incarnation: later,
            };
            vector(origin, false)
        }
        // What comes after the largest clock?
        2 => Body::Request(Request {
            shard: u16::try_from(which % u64::from(shards)).unwrap_or_default(),
            origin,
            from: Clock::MAX,
            id: which,
        }),
        // It is over.
        3 => Body::Refusal(Refusal {
            refused: about.incarnation,
            known: later,
            number: u64::MAX,
        }),
        // A later word of it than it has said: it is there.
        _ => Body::Vouch {
            origin,
            number: u64::MAX,
        },
    }
}
