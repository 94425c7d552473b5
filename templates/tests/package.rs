//! Every template is part of the package.

use std::collections::BTreeSet;
use std::process::Command;

#[test]
fn the_package_contains_every_template() {
    let output = Command::new(env!("CARGO"))
        .args(["package", "--list", "--allow-dirty", "--offline"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let listed: BTreeSet<String> = String::from_utf8(output.stdout)
        .expect("paths are UTF-8")
        .lines()
        .map(|line| line.replace('\\', "/"))
        .collect();
    for template in cargo_phx_templates::all() {
        let path = template.path;
        assert!(listed.contains(path), "{path} is not in the package");
    }
}
