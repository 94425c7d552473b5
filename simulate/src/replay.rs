//! One script again.

use std::fs;

use anyhow::{Context, Result};
use presence_core::sim::{self, Script, generate};

/// Runs a script, of a file or of a seed; tells whether it kept every promise.
pub(crate) fn run(what: &str) -> Result<bool> {
    let script = match what.parse::<u64>() {
        Ok(seed) => generate(seed),
        Err(_) => {
            let text = fs::read_to_string(what).with_context(|| {
                format!("{what:?} is neither a seed nor a file that can be read")
            })?;
            text.parse::<Script>()
                .with_context(|| format!("{what} is not a script"))?
        }
    };
    print!("{script}");
    let outcome = sim::run(&script);
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
