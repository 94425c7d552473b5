//! One script, from its first line to the end of all that follows from it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use super::violation::{Rule, Violation};
use super::{Cluster, Coverage, Operation, Script};

/// The outcome of a run.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// The first promise that was broken.
    pub violation: Option<Violation>,
    /// The counts of events. Empty after a panic.
    pub coverage: Coverage,
}

/// Runs a script, then heals the network and waits until everything has settled.
///
/// A panic of the code under test is a [`Violation`] of [`Rule::NoPanic`].
pub fn run(script: &Script) -> Outcome {
    run_on(script, |cluster| cluster)
}

/// As [`run`], with every message and every line of the script told to `watcher` as it comes.
pub fn run_watched(script: &Script, watcher: impl FnMut(Duration, &str) + 'static) -> Outcome {
    run_on(script, |cluster| cluster.watched_by(watcher))
}

fn run_on(script: &Script, prepare: impl FnOnce(Cluster) -> Cluster) -> Outcome {
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        let mut cluster = prepare(Cluster::new(&script.setup));
        let violation = operate(&mut cluster, script).err();
        Outcome {
            violation,
            coverage: cluster.coverage(),
        }
    }));
    outcome.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<&str>().map(ToString::to_string);
        let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
        let violation = Violation {
            at: Duration::ZERO,
            rule: Rule::NoPanic,
            what: text.unwrap_or_default(),
        };
        Outcome {
            violation: Some(violation),
            coverage: Coverage::default(),
        }
    })
}

fn operate(cluster: &mut Cluster, script: &Script) -> Result<(), Violation> {
    for operation in &script.operations {
        cluster.apply(operation)?;
    }
    let graces = script
        .operations
        .iter()
        .filter_map(|operation| match operation {
            Operation::Leave(_, grace) | Operation::OwnerLost(_, _, grace) => Some(*grace),
            _ => None,
        });
    cluster.settle(graces.max().unwrap_or_default())
}
