//! A package without code, whose dependencies are those of all packages in the checkout.
//!
//! Cargo builds a dependency once for each set of features that a workspace asks for. With this
//! package beside them, the packed files ask for the same set as the checkout does.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::Result;
use cargo_metadata::{Dependency, DependencyKind};

use crate::workspace;

/// The name of the package, and of its folder.
pub(super) const NAME: &str = "same-features";

/// A dependency, as all packages together ask for it.
#[derive(Default)]
struct Wanted {
    requirement: String,
    default_features: bool,
    features: BTreeSet<String>,
}

/// Writes the package into `folder`.
pub(super) fn write(folder: &Path) -> Result<()> {
    let packages = workspace::packages()?;
    let dependencies = packages.iter().flat_map(|package| &package.dependencies);
    fs::create_dir_all(folder.join("src"))?;
    fs::write(folder.join("src/lib.rs"), "")?;
    fs::write(folder.join("Cargo.toml"), manifest(dependencies))?;
    Ok(())
}

fn manifest<'a>(dependencies: impl Iterator<Item = &'a Dependency>) -> String {
    let mut manifest = format!(
        "[package]\nname = \"{NAME}\"\nversion = \"0.1.0\"\nedition = \"2024\"\npublish = false\n"
    );
    for ((table, name), wanted) in union(dependencies) {
        let Wanted {
            requirement,
            default_features,
            features,
        } = wanted;
        let features = Vec::from_iter(features);
        manifest.push_str(&format!(
            "\n[{table}.{name}]\nversion = \"{requirement}\"\n\
             default-features = {default_features}\nfeatures = {features:?}\n"
        ));
    }
    manifest
}

/// Returns the dependencies on crates.io, by the table and the name that they are under.
fn union<'a>(
    dependencies: impl Iterator<Item = &'a Dependency>,
) -> BTreeMap<(String, String), Wanted> {
    let mut all = BTreeMap::<_, Wanted>::new();
    for dependency in dependencies.filter(|dependency| dependency.path.is_none()) {
        // Tests are built with development dependencies as well.
        let kind = match dependency.kind {
            DependencyKind::Build => "build-dependencies",
            _ => "dependencies",
        };
        let table = match &dependency.target {
            Some(target) => format!("target.'{target}'.{kind}"),
            None => kind.to_owned(),
        };
        let wanted = all.entry((table, dependency.name.clone())).or_default();
        wanted.requirement = dependency.req.to_string();
        wanted.default_features |= dependency.uses_default_features;
        wanted.features.extend(dependency.features.iter().cloned());
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dependency(name: &str, features: &[&str], target: Option<&str>) -> Dependency {
        let json = serde_json::json!({
            "name": name, "source": "registry", "req": "^1.2", "kind": "dev", "rename": null,
            "optional": false, "uses_default_features": false, "features": features,
            "target": target, "registry": null,
        });
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn a_dependency_has_the_features_of_all_packages() {
        let dependencies = [
            dependency("tokio", &["rt", "net"], None),
            dependency("tokio", &["macros", "rt"], None),
            dependency("rustix", &[], Some("cfg(unix)")),
        ];
        let manifest = manifest(dependencies.iter());
        let expected = "
[dependencies.tokio]
version = \"^1.2\"
default-features = false
features = [\"macros\", \"net\", \"rt\"]

[target.'cfg(unix)'.dependencies.rustix]
version = \"^1.2\"
default-features = false
features = []
";
        assert!(manifest.ends_with(expected), "{manifest}");
    }
}
