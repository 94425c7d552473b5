//! The least of a script that still breaks the promise.

use std::time::Duration;

use super::violation::Rule;
use super::{Operation, Script, Setup, Violation, run};

/// Cuts a script down, as long as it still breaks the rule, with at most `runs` runs. Returns the
/// smallest one found and how it breaks it. `None`: the script itself does not.
///
/// First in halves, then in ever smaller pieces down to single lines; then options go back to their
/// defaults and waits are shortened.
pub fn shrink(script: &Script, rule: Rule, runs: usize) -> Option<(Script, Violation)> {
    let violation = broken(script, rule)?;
    let mut shrinker = Shrinker {
        smallest: script.clone(),
        violation,
        rule,
        runs,
    };
    shrinker.leave_out();
    shrinker.simplify_setup();
    shrinker.shorten_waits();
    shrinker.leave_out();
    Some((shrinker.smallest, shrinker.violation))
}

fn broken(script: &Script, rule: Rule) -> Option<Violation> {
    run(script)
        .violation
        .filter(|violation| violation.rule == rule)
}

struct Shrinker {
    smallest: Script,
    violation: Violation,
    rule: Rule,
    /// The number of runs that are left.
    runs: usize,
}

impl Shrinker {
    fn try_operations(&mut self, operations: Vec<Operation>) -> bool {
        self.try_one(Script {
            setup: self.smallest.setup.clone(),
            operations,
        })
    }

    fn try_one(&mut self, script: Script) -> bool {
        if self.runs == 0 {
            return false;
        }
        self.runs -= 1;
        let Some(violation) = broken(&script, self.rule) else {
            return false;
        };
        self.smallest = script;
        self.violation = violation;
        true
    }

    fn leave_out(&mut self) {
        let mut piece = self.smallest.operations.len().div_ceil(2);
        while piece > 0 && self.runs > 0 {
            let mut from = 0;
            let mut fewer = false;
            while from < self.smallest.operations.len() {
                let mut operations = self.smallest.operations.clone();
                let to = operations.len().min(from + piece);
                operations.drain(from..to);
                if self.try_operations(operations) {
                    fewer = true;
                } else {
                    from += piece;
                }
            }
            // A line that was needed before may no longer be needed.
            if !fewer || piece > 1 {
                piece /= 2;
            }
        }
    }

    fn simplify_setup(&mut self) {
        for option in 0..Setup::OPTIONS {
            let setup = self.smallest.setup.with_default(option);
            // A default may contradict another option, as a short `down_period` does.
            if setup != self.smallest.setup && setup.options.check().is_ok() {
                self.try_one(Script {
                    setup,
                    operations: self.smallest.operations.clone(),
                });
            }
        }
        while self.smallest.setup.nodes > 1 {
            let mut script = self.smallest.clone();
            script.setup.nodes -= 1;
            if !self.try_one(script) {
                break;
            }
        }
    }

    fn shorten_waits(&mut self) {
        for place in 0..self.smallest.operations.len() {
            while let Some(Operation::Wait(time)) = self.smallest.operations.get(place) {
                let shorter = *time / 2;
                let mut operations = self.smallest.operations.clone();
                operations[place] = Operation::Wait(Duration::from_millis(
                    u64::try_from(shorter.as_millis()).unwrap_or_default(),
                ));
                if shorter.is_zero() || !self.try_operations(operations) {
                    break;
                }
            }
        }
    }
}
