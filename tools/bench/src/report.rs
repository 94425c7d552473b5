//! Measures in turn, and says what came out.

use serde_json::json;

use crate::scenario::{Scenario, Size};

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
        let (mut ours, mut floors, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
        for round in 1..=rounds {
            eprintln!("{} {round}/{rounds}", scenario.name());
            let (our, floor) = (
                scenario.measure(&ours_is, size)?,
                scenario.measure(&floor_is, size)?,
            );
            ours.push(our);
            floors.push(floor);
            ratios.push(our / floor);
        }
        let (ours, floors) = (median(&mut ours), median(&mut floors));
        let ratio = median(&mut ratios);
        let (from, to) = (ratios[0], ratios[ratios.len() - 1]);
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

/// The middle value; sorts the values.
fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
