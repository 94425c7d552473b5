//! Measures both servers in turn, and prints the figures.

use serde_json::json;
use support::quantiles::Samples;

use crate::scenario::{Scenario, Size};

/// The unit of ratios; figures are whole numbers.
const RATIO: f64 = 1e-6;

pub(crate) fn run(quick: bool, only: Option<&str>, workers: usize) -> anyhow::Result<()> {
    let (rounds, size) = match quick {
        true => (
            3,
            Size {
                broadcasts: 200,
                pings: 20_000,
                joins: 2_000,
            },
        ),
        false => (
            9,
            Size {
                broadcasts: 1_000,
                pings: 100_000,
                joins: 5_000,
            },
        ),
    };
    let only = only.unwrap_or_default();
    let scenarios: Vec<_> = Scenario::ALL
        .into_iter()
        .filter(|scenario| scenario.name().contains(only))
        .collect();
    let ours_is = ["serve".into(), "--workers".into(), workers.to_string()];
    let floor_is = ["floor".into()];
    let mut rows = Vec::new();
    println!("| scenario | unit | ours | floor | ours / floor | from | to |");
    println!("| --- | --- | --- | --- | --- | --- | --- |");
    for scenario in scenarios {
        let (mut ours, mut floors) = (Samples::new(1.0), Samples::new(1.0));
        let mut ratios = Samples::new(RATIO);
        for round in 1..=rounds {
            eprintln!("{} {round}/{rounds}", scenario.name());
            let (our, floor) = (
                scenario.measure(&ours_is, size)?,
                scenario.measure(&floor_is, size)?,
            );
            ours.add(our);
            floors.add(floor);
            ratios.add(our / floor);
        }
        let (from, to) = (ratios.min(), ratios.max());
        let (ours, floors, ratio) = (ours.median(), floors.median(), ratios.median());
        println!(
            "| {} | {} | {ours:.0} | {floors:.0} | {ratio:.2} | {from:.2} | {to:.2} |",
            scenario.name(),
            scenario.unit(),
        );
        rows.push(json!({
            "scenario": scenario.name(),
            "unit": scenario.unit(),
            "ours": ours.round(),
            "floor": floors.round(),
            "ratio": (ratio * 1000.0).round() / 1000.0,
        }));
    }
    println!(
        "{}",
        json!({ "workers": workers, "rounds": rounds, "rows": rows })
    );
    Ok(())
}
