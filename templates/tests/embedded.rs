//! Every template is embedded, and every template is part of the package.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use walkdir::WalkDir;

fn embedded() -> BTreeSet<String> {
    cargo_phx_templates::all()
        .iter()
        .map(|template| template.path.to_owned())
        .collect()
}

#[test]
fn every_template_file_is_embedded() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let on_disk: BTreeSet<String> = WalkDir::new(root)
        .into_iter()
        .map(|entry| entry.expect("the folder is readable").into_path())
        .filter(|path| path.extension().is_some_and(|ext| ext == "tera"))
        .map(|path| {
            let relative = path.strip_prefix(root).expect("below the crate");
            relative.to_string_lossy().replace('\\', "/")
        })
        .collect();
    assert_eq!(on_disk, embedded());
}

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
    for path in embedded() {
        assert!(listed.contains(&path), "{path} is not in the package");
    }
}
