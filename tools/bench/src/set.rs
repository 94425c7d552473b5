//! The table and the chart of what the replicated set costs, from the figures that Criterion has
//! written: the time of each operation, and its ratio to a map of the standard library or to a copy
//! of the same bytes, measured in the same run.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use support::plot::{Titles, log_log};

/// An operation, and what it is compared with: both by Criterion's group and function.
struct Comparison {
    group: &'static str,
    function: &'static str,
    with: &'static str,
    /// The number of changes that the time is for.
    changes: Changes,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Changes {
    One,
    /// As many as a delta has.
    Thousand,
    /// One for each presence that is held.
    All,
}

const fn compare(group: &'static str, function: &'static str, with: &'static str) -> Comparison {
    Comparison {
        group,
        function,
        with,
        changes: Changes::One,
    }
}

const fn compare_all(function: &'static str, with: &'static str) -> Comparison {
    Comparison {
        changes: Changes::All,
        ..compare("set-all", function, with)
    }
}

const COMPARISONS: [Comparison; 9] = [
    compare("set-one", "track and untrack", "HashMap insert and remove"),
    compare("set-one", "count", "HashMap insert and remove"),
    compare("set-one", "list of 100", "HashMap insert and remove"),
    Comparison {
        changes: Changes::Thousand,
        ..compare(
            "set-delta",
            "delta of 1,000",
            "1,000 HashMap inserts and removes",
        )
    },
    compare_all("down", "HashMap inserts"),
    compare_all("up", "HashMap inserts"),
    compare_all("permdown", "HashMap inserts"),
    compare_all("snapshot", "HashMap inserts"),
    compare_all("snapshot", "memcpy of the snapshot"),
];

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The folder of Criterion's figures
    #[arg(long, default_value = "target/criterion")]
    criterion: PathBuf,
    /// The file for the chart
    #[arg(long, default_value = "docs/replication-cost.svg")]
    plot: PathBuf,
}

/// The mean time of each benchmark in nanoseconds, by group, function and size.
type Means = BTreeMap<(String, String, u64), f64>;

/// Prints the table and writes the chart. The last line is one JSON object.
pub(crate) fn run(args: &Args) -> Result<()> {
    let means = read(&args.criterion)?;
    let rows: Vec<_> = COMPARISONS
        .iter()
        .flat_map(|comparison| rows_of(comparison, &means))
        .collect();
    ensure!(
        !rows.is_empty(),
        "{} has no figures of the set: run `cargo xtask bench --micro --only set-` first",
        args.criterion.display()
    );
    println!("| operation | presences | time | compared with | ratio |");
    println!("| --- | --: | --: | --- | --: |");
    for row in &rows {
        let Row { comparison, .. } = row;
        println!(
            "| {} | {} | {} | {} | {:.2} |",
            comparison.function,
            row.size,
            readable(row.nanos),
            comparison.with,
            row.ratio
        );
    }
    draw(&rows, &args.plot)?;
    println!("\nthe chart is in {}", args.plot.display());
    let rows: Vec<_> = rows.iter().map(Row::as_json).collect();
    println!("{}", json!({ "set": rows }));
    Ok(())
}

struct Row<'a> {
    comparison: &'a Comparison,
    size: u64,
    nanos: f64,
    ratio: f64,
}

impl Row<'_> {
    fn as_json(&self) -> Value {
        json!({
            "operation": self.comparison.function,
            "presences": self.size,
            "nanoseconds": self.nanos,
            "compared_with": self.comparison.with,
            "ratio": self.ratio,
        })
    }

    /// Returns the time for one change.
    fn nanos_each(&self) -> f64 {
        match self.comparison.changes {
            Changes::One => self.nanos,
            Changes::Thousand => self.nanos / 1000.0,
            Changes::All => self.nanos / self.size as f64,
        }
    }
}

fn rows_of<'a>(comparison: &'a Comparison, means: &Means) -> Vec<Row<'a>> {
    let key = |function: &str, size| (comparison.group.to_owned(), function.to_owned(), size);
    let sizes = means
        .keys()
        .filter(|(group, function, _)| group == comparison.group && function == comparison.function)
        .map(|(_, _, size)| *size);
    sizes
        .filter_map(|size| {
            let nanos = *means.get(&key(comparison.function, size))?;
            let with = means.get(&key(comparison.with, size))?;
            Some(Row {
                comparison,
                size,
                nanos,
                ratio: nanos / with,
            })
        })
        .collect()
}

/// Draws the time of one operation by the presences that are held. For several changes, it is the
/// time for each.
fn draw(rows: &[Row<'_>], file: &Path) -> Result<()> {
    let mut lines: BTreeMap<String, Vec<(f64, f64)>> = BTreeMap::new();
    for row in rows {
        let name = match row.comparison.changes {
            Changes::One => row.comparison.function.to_owned(),
            Changes::Thousand => format!("{}, each change", row.comparison.function),
            Changes::All => format!("{}, each presence", row.comparison.function),
        };
        let point = (row.size as f64, row.nanos_each());
        let points = lines.entry(name).or_default();
        if !points.contains(&point) {
            points.push(point);
        }
    }
    let lines: Vec<_> = lines
        .iter()
        .map(|(name, points)| (name.as_str(), points.clone()))
        .collect();
    let titles = Titles {
        chart: "The cost of one change or read, by the presences that are held",
        across: "presences",
        up: "nanoseconds",
    };
    fs::write(file, log_log(titles, &lines)?)
        .with_context(|| format!("cannot write {}", file.display()))
}

/// Reads the figures of the latest run of each benchmark.
fn read(folder: &Path) -> Result<Means> {
    let mut means = Means::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(&folder) else {
            continue;
        };
        for entry in entries {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            }
        }
        let is_latest = folder.file_name().is_some_and(|name| name == "new");
        let about = folder.join("benchmark.json");
        if !is_latest || !about.exists() {
            continue;
        }
        let about = json_of(&about)?;
        let estimates = json_of(&folder.join("estimates.json"))?;
        let text = |field: &str| about[field].as_str().unwrap_or_default().to_owned();
        if let (Ok(size), Some(mean)) = (
            text("value_str").parse(),
            estimates["mean"]["point_estimate"].as_f64(),
        ) {
            means.insert((text("group_id"), text("function_id"), size), mean);
        }
    }
    Ok(means)
}

fn json_of(path: &Path) -> Result<Value> {
    let text = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_slice(&text).with_context(|| format!("{} is not JSON", path.display()))
}

fn readable(nanos: f64) -> String {
    match nanos {
        nanos if nanos < 1e3 => format!("{nanos:.0} ns"),
        nanos if nanos < 1e6 => format!("{:.1} us", nanos / 1e3),
        nanos => format!("{:.1} ms", nanos / 1e6),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operation_is_compared_within_its_size() {
        let mean = |group: &str, function: &str, size, nanos: f64| {
            ((group.to_owned(), function.to_owned(), size), nanos)
        };
        let means = Means::from([
            mean("set-all", "down", 1000, 300.0),
            mean("set-all", "down", 10_000, 5000.0),
            mean("set-all", "HashMap inserts", 1000, 100.0),
            mean("set-all", "HashMap inserts", 10_000, 1000.0),
            mean("set-one", "count", 1000, 7.0),
        ]);
        let rows = |function: &str| -> Vec<_> {
            let comparison = COMPARISONS.iter().find(|one| one.function == function);
            let rows = rows_of(comparison.unwrap(), &means);
            rows.iter()
                .map(|row| (row.size, row.ratio, row.nanos_each()))
                .collect()
        };
        assert_eq!(rows("down"), [(1000, 3.0, 0.3), (10_000, 5.0, 0.5)]);
        assert_eq!(rows("count"), [], "nothing to compare it with");
    }
}
