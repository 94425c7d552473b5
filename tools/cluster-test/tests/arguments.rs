//! The command line's errors.

use std::process::Command;

#[test]
fn an_unknown_scenario_is_answered_with_those_there_are() {
    let output = Command::new(env!("CARGO_BIN_EXE_cluster-test"))
        .args(["earthquake", "--program", "cluster", "--logs", "logs"])
        .output()
        .expect("the driver can be started");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success());
    assert!(
        error.contains("rolling") && error.contains("netns"),
        "{error}"
    );
}
