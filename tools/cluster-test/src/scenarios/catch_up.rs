//! Nodes join over slow links while the app sends its own messages.
//!
//! Each joiner is behind a [`Link`](crate::link::Link) of its own. A case passes if the joiner has
//! all presences in the time of rule 15 of the replication (twice the minimum by the bandwidth,
//! plus a second and ten round trips), if its link has carried at most 1.3 times the minimum for
//! that, if no message of the app is lost or later than a second, and if no node is seen down.

mod field;
mod joiner;
mod outcome;
mod trial;

use std::time::Duration;

use anyhow::{Result, bail, ensure};
use clap::ValueEnum;

use self::field::Field;
use self::outcome::{Outcome, table};
use self::trial::Trial;
use crate::cluster::{Cluster, NODES_MAX, Setup};
use crate::figures::Printer;
use crate::link::Quality;

/// The size of `catch-up`, and its cases.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Options {
    /// The nodes of `catch-up` that are up before others join
    #[arg(long, default_value_t = 3, value_name = "N")]
    nodes: usize,
    /// The presences of each of them
    #[arg(long, default_value_t = 20_000, value_name = "N")]
    presences: usize,
    /// The bandwidths of a joiner's link, in Mbit/s
    #[arg(
        long,
        default_value = "100,50,10",
        value_delimiter = ',',
        value_name = "LIST"
    )]
    mbit: Vec<u32>,
    /// The round trips of a joiner's link, in milliseconds
    #[arg(
        long,
        default_value = "1,50",
        value_delimiter = ',',
        value_name = "LIST"
    )]
    rtt: Vec<u64>,
    /// The cases that run over each link
    #[arg(
        long,
        value_enum,
        default_value = "join,three,partition",
        value_delimiter = ','
    )]
    cases: Vec<Case>,
    /// The seconds of a partition
    #[arg(long, default_value_t = 60, value_name = "SECONDS")]
    parted: u64,
}

/// The events over a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Case {
    /// A node joins
    Join,
    /// Three nodes join at once, each over a link of its own
    Three,
    /// A node that has joined is parted, a quarter of the presences change, and the link heals
    Partition,
}

impl Case {
    fn name(self) -> &'static str {
        match self {
            Self::Join => "join",
            Self::Three => "three",
            Self::Partition => "partition",
        }
    }
}

pub(super) async fn run(setup: &Setup, options: &Options, figures: &Printer) -> Result<()> {
    ensure!(
        (1..=NODES_MAX).contains(&options.nodes) && options.presences > 0,
        "--nodes must be 1 to {NODES_MAX}, and --presences at least 1"
    );
    ensure!(
        options.mbit.iter().all(|mbit| *mbit > 0),
        "--mbit must be at least 1"
    );
    let cluster = Cluster::start(setup, options.nodes, Vec::new()).await?;
    let field = Field::fill(&cluster, options.presences).await?;
    let mut trial = Trial::new(setup, cluster, field, Duration::from_secs(options.parted));

    let mut outcomes = Vec::new();
    // Without a limit on the bandwidth, to compare with.
    let unlimited = Quality {
        mbit: None,
        round_trip: Duration::from_millis(1),
    };
    report(
        trial.run(Case::Join, unlimited).await?,
        figures,
        &mut outcomes,
    );
    for case in &options.cases {
        for mbit in &options.mbit {
            for rtt in &options.rtt {
                let quality = Quality {
                    mbit: Some(*mbit),
                    round_trip: Duration::from_millis(*rtt),
                };
                report(trial.run(*case, quality).await?, figures, &mut outcomes);
            }
        }
    }
    print!("{}", table(&outcomes));
    trial.nobody_panicked()?;
    let broken: Vec<_> = outcomes.iter().flat_map(Outcome::broken).collect();
    if !broken.is_empty() {
        bail!(
            "{} promises are broken:\n{}",
            broken.len(),
            broken.join("\n")
        );
    }
    Ok(())
}

fn report(new: Vec<Outcome>, figures: &Printer, outcomes: &mut Vec<Outcome>) {
    for outcome in new {
        figures.print("catch-up", outcome.figures());
        outcomes.push(outcome);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Engine;

    #[tokio::test]
    async fn a_cluster_has_at_most_as_many_nodes_as_there_are_names() {
        const { assert!(NODES_MAX >= 20, "the promise is for 20 nodes") };
        let setup = Setup {
            program: "none".into(),
            logs: "none".into(),
            engine: Engine::Zenoh,
        };
        let figures = Printer {
            commit: String::new(),
            engine: Engine::Zenoh,
        };
        for nodes in [0, NODES_MAX + 1] {
            let options = Options {
                nodes,
                presences: 1,
                mbit: Vec::new(),
                rtt: Vec::new(),
                cases: Vec::new(),
                parted: 0,
            };
            let error = run(&setup, &options, &figures).await.unwrap_err();
            assert!(error.to_string().contains("1 to 26"), "{error}");
        }
    }
}
