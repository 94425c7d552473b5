//! Runs one script again.

use std::fs;

use anyhow::{Context, Result};
use presence_core::sim::{self, Script};

use crate::seeds::script_of;

/// Runs a script, from a file or a seed, which may be one of a large cluster.
///
/// Returns whether it kept every promise.
///
/// With `watch`, prints every message.
pub(crate) fn run(what: &str, is_large: bool, watch: bool) -> Result<bool> {
    let script = match what.parse::<u64>() {
        Ok(seed) => script_of(seed, is_large),
        Err(_) => {
            let text = fs::read_to_string(what).with_context(|| {
                format!("{what:?} is neither a seed nor a file that can be read")
            })?;
            text.parse::<Script>()
                .with_context(|| format!("{what} is not a script"))?
        }
    };
    print!("{script}");
    let outcome = if watch {
        sim::run_watched(&script, |at, what| println!("{at:>12.3?} {what}"))
    } else {
        sim::run(&script)
    };
    println!();
    for (name, count) in outcome.coverage.iter().filter(|(_, count)| *count > 0) {
        println!("{count:>8} {name}");
    }
    match &outcome.violation {
        Some(violation) => println!("\n{violation}"),
        None => println!("\nevery promise was kept"),
    }
    Ok(outcome.violation.is_none())
}
