//! A node with a wrong setting ends with an error that names the setting.

use std::process::Command;

#[test]
fn an_unknown_engine_ends_it_with_its_variables_name() {
    let output = Command::new(env!("CARGO_BIN_EXE_cluster"))
        .envs([("PORT", "0"), ("ENGINE", "pigeons")])
        .output()
        .expect("the node can be started");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success());
    assert!(error.contains("ENGINE is `pigeons`"), "{error}");
}
