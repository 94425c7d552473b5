//! Measures the servers in turn, and prints the figures.

mod row;

use std::{path::PathBuf, time::Duration};

use anyhow::Context;
use serde_json::json;

use crate::{
    child::Stable,
    cores::{Cores, Which},
    scenario::{Scenario, Size},
};
use row::Row;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Measures less: under two minutes instead of many.
    #[arg(long)]
    quick: bool,
    /// Measures as little as shows that the loads run.
    #[arg(long, hide = true)]
    smoke: bool,
    /// Measures only the scenarios whose names contain this text.
    #[arg(long)]
    only: Option<String>,
    /// The cores of the server.
    #[arg(long, value_enum, default_value_t = Which::Both)]
    cores: Which,
    /// The rounds of each scenario.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// The program of the crate `bench-peers`. Without it, its servers are left out.
    #[arg(long)]
    peers: Option<PathBuf>,
}

impl Args {
    fn size(&self) -> Size {
        let (scale, paced) = match (self.smoke, self.quick) {
            (true, _) => (1, 10),
            (false, true) => (20, 300),
            (false, false) => (100, 2_000),
        };
        Size {
            broadcasts: 10 * scale,
            pings: 1_000 * scale,
            joins: 50 * scale,
            idle: 50 * scale,
            large_mebibytes: 2 * scale as usize,
            room: if self.smoke { 100 } else { 5_000 },
            hall: 100 * scale,
            newcomers: 10 * scale,
            beside: Duration::from_millis(100 * scale),
            paced: Duration::from_millis(paced),
        }
    }
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let size = args.size();
    let only = args.only.as_deref().unwrap_or_default();
    let scenarios: Vec<_> = Scenario::ALL
        .into_iter()
        .filter(|scenario| scenario.name().contains(only))
        .collect();
    let modes: &[bool] = match args.cores {
        Which::One => &[true],
        Which::All => &[false],
        Which::Both => &[true, false],
    };
    let mut runs = Vec::new();
    for is_one in modes {
        let stable = Stable {
            peers: args.peers.clone(),
            cores: Cores::take(*is_one),
        };
        let mut rows = Vec::new();
        for scenario in &scenarios {
            rows.push(measure(&stable, *scenario, args.rounds, size)?);
        }
        print(stable.cores, &rows);
        runs.push(json!({
            "cores": stable.cores.name(),
            "pinned": stable.cores.is_pinned,
            "rows": rows.iter().map(Row::json).collect::<Vec<_>>(),
        }));
    }
    println!("{}", json!({ "rounds": args.rounds, "runs": runs }));
    Ok(())
}

fn measure(stable: &Stable, scenario: Scenario, rounds: usize, size: Size) -> anyhow::Result<Row> {
    let programs = scenario.programs().iter().copied();
    let programs: Vec<_> = programs
        .filter(|program| !program.is_peer() || stable.peers.is_some())
        .collect();
    let mut row = Row::new(scenario, &programs);
    for round in 1..=rounds {
        eprintln!("{} {round}/{rounds}", scenario.name());
        let measured = programs
            .iter()
            .map(|program| {
                let measured = scenario.measure(stable, *program, size);
                measured.with_context(|| format!("{}: {}", scenario.name(), program.name()))
            })
            .collect::<anyhow::Result<Vec<_>>>()?;
        row.add(measured);
    }
    Ok(row)
}

fn print(cores: Cores, rows: &[Row]) {
    let pinned = match cores.is_pinned {
        true => "pinned",
        false => "not pinned",
    };
    println!("\nCores of the server: {}, {pinned}\n", cores.name());
    println!("| scenario | unit | server | figure | ours / it | from | to | frames a packet |");
    println!("| --- | --- | --- | --- | --- | --- | --- | --- |");
    rows.iter().for_each(Row::print_figures);
    if rows.iter().any(Row::has_latencies) {
        println!("\nLatencies at half of each server's throughput, in microseconds\n");
        println!("| scenario | server | p50 | p90 | p99 | p99.9 | max |");
        println!("| --- | --- | --- | --- | --- | --- | --- |");
        rows.iter().for_each(Row::print_latencies);
    }
    println!();
}
