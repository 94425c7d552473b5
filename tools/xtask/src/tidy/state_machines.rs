//! The replication's state machines do no I/O, read no clock and draw no number: the time, the
//! messages and the seed are handed in. So the simulator runs the code that runs in production.

use std::path::Path;

use super::Tree;

/// Calls that would reach outside. A generator of random numbers that was seeded is allowed.
const OUTSIDE: [&str; 9] = [
    "Instant::now",
    "SystemTime",
    "tokio::",
    "std::fs",
    "std::net",
    "std::thread",
    "std::env",
    "fastrand::u",
    "fastrand::Rng::new",
];

pub(super) fn check(tree: &Tree) -> Vec<String> {
    let sources = tree.files.iter().filter(|(path, _)| is_state_machine(path));
    let mut complaints = Vec::new();
    for (path, text) in sources {
        for (number, line) in (1..).zip(text.iter().flat_map(|text| text.lines())) {
            let code = line.split("//").next().unwrap_or_default();
            let calls = OUTSIDE.iter().filter(|call| code.contains(**call));
            complaints.extend(calls.map(|call| {
                let path = path.display();
                format!("{path}:{number}: a state machine is handed the outside, not: {call}")
            }));
        }
    }
    complaints
}

/// Returns whether the file is part of a state machine, tests apart.
fn is_state_machine(path: &Path) -> bool {
    let Ok(path) = path.strip_prefix("presence-core/src/replication") else {
        return false;
    };
    !path.components().any(|part| {
        ["tests", "tests.rs"]
            .iter()
            .any(|name| part.as_os_str() == *name)
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::tree;
    use super::*;

    #[test]
    fn a_state_machine_that_reads_a_clock_is_a_complaint() {
        let reads = "// Instant::now is not allowed.\nlet now = Instant::now();\n";
        let tree = tree(&[
            ("presence-core/src/replication/set.rs", reads),
            (
                "presence-core/src/replication/node/beat.rs",
                "fastrand::Rng::with_seed(1)",
            ),
            ("presence-core/src/replication/node/tests.rs", reads),
            ("presence-core/src/replication/shard/tests/random.rs", reads),
            ("presence-core/src/tracker.rs", reads),
            ("presence-channels/src/crdt.rs", reads),
        ]);
        assert_eq!(
            check(&tree),
            [
                "presence-core/src/replication/set.rs:2: a state machine is handed the outside, not: Instant::now"
            ]
        );
    }
}
