//! A package's Cargo.toml and that of its workspace: finding and adding dependencies, without
//! touching anything else in the files.
//!
//! A dependency is found by its package. Its key is the name that the code uses for the crate:
//! `json = { package = "serde_json" }`.

use std::path::{Path, PathBuf};

use anyhow::Context;
use toml_edit::{DocumentMut, InlineTable, Item, Table, TableLike, Value};

use crate::hint::hinted;
use crate::paths::normal;

pub(crate) mod endings;
mod entry;
pub(crate) mod member;

use entry::{Place, insert, merge_features};

/// A package that generated code uses.
#[derive(Debug, Clone)]
pub(crate) struct Dependency {
    pub(crate) name: &'static str,
    pub(crate) version: String,
    /// The folder to take the package from, instead of the registry. A relative path begins at the
    /// package that has the dependency.
    pub(crate) path: Option<String>,
    pub(crate) features: &'static [&'static str],
}

impl Dependency {
    pub(crate) fn new(name: &'static str, version: &str) -> Dependency {
        Dependency {
            name,
            version: version.to_owned(),
            path: None,
            features: &[],
        }
    }

    pub(crate) fn features(mut self, features: &'static [&'static str]) -> Dependency {
        self.features = features;
        self
    }

    /// Returns the value that a manifest has after `name =`.
    pub(crate) fn value(&self) -> Value {
        if self.path.is_none() && self.features.is_empty() {
            return Value::from(&self.version);
        }
        let mut table = InlineTable::new();
        match &self.path {
            Some(path) => table.insert("path", Value::from(path)),
            None => table.insert("version", Value::from(&self.version)),
        };
        if !self.features.is_empty() {
            let features = self.features.iter().copied().collect();
            table.insert("features", Value::Array(features));
        }
        Value::InlineTable(table)
    }

    /// Returns the entry for a workspace's table, from which packages inherit. Each package names
    /// the features that it needs. `folder` is the package's folder, relative to the workspace.
    fn for_workspace(&self, folder: &Path) -> Dependency {
        let path = self.path.as_ref().map(|path| {
            let joined = normal(&folder.join(path));
            joined.display().to_string().replace('\\', "/")
        });
        Dependency {
            path,
            features: &[],
            ..self.clone()
        }
    }
}

/// Parses the text of the manifest at `path`. A byte order mark at its start does not count.
pub(crate) fn parse(text: &str, path: &Path) -> anyhow::Result<DocumentMut> {
    let document = text.trim_start_matches('\u{feff}').parse();
    document.with_context(|| format!("{} is not valid TOML", path.display()))
}

/// The manifests of a package and of its workspace, as they are edited.
pub(crate) struct Manifests {
    package: DocumentMut,
    /// The workspace's manifest, or `None` if it is the package's own, or outside a workspace.
    workspace: Option<DocumentMut>,
    /// The folder of the package, relative to that of the workspace.
    folder: PathBuf,
}

impl Manifests {
    /// Parses the text of a package's manifest. `workspace` is the path of the workspace's
    /// manifest, relative to the package, and its text, if that is another file.
    pub(crate) fn parse(
        package: &str,
        workspace: Option<(&Path, &str)>,
        folder: PathBuf,
    ) -> anyhow::Result<Manifests> {
        Ok(Manifests {
            package: parse(package, Path::new("Cargo.toml"))?,
            workspace: workspace
                .map(|(path, text)| parse(text, path))
                .transpose()?,
            folder,
        })
    }

    /// Returns the new text of the package's manifest. `original` is the text that was parsed: its
    /// line endings, its byte order mark and its end stay.
    pub(crate) fn package_text(&self, original: &str) -> String {
        endings::keep(original, &self.package.to_string())
    }

    /// Returns the new text of the workspace's manifest.
    ///
    /// Returns `None` if the workspace has no manifest of its own.
    pub(crate) fn workspace_text(&self, original: &str) -> Option<String> {
        let workspace = self.workspace.as_ref()?;
        Some(endings::keep(original, &workspace.to_string()))
    }

    /// Returns the name that code uses for the crate of a package, such as `json` for a
    /// `serde_json` that is renamed.
    ///
    /// Returns `None` if the package is not a dependency.
    pub(crate) fn crate_name(&self, package: &str) -> Option<String> {
        let (_, key) = self.find(package)?;
        Some(key.replace('-', "_"))
    }

    /// Returns whether the package depends on one of these packages.
    pub(crate) fn has_any(&self, packages: &[&str]) -> bool {
        packages.iter().any(|package| self.find(package).is_some())
    }

    /// Rejects a project with an older axum: its `Router` is not the type of the endpoint's router.
    pub(crate) fn check_axum(&self) -> anyhow::Result<()> {
        let Some((place, key)) = self.find("axum") else {
            return Ok(());
        };
        let Some(own) = place.table(&self.package).and_then(|table| table.get(&key)) else {
            return Ok(());
        };
        let inherited = self.shared().and_then(|shared| shared.get(&key));
        let version = version(own).or_else(|| version(inherited?));
        match version {
            Some(version) if is_before_0_8(&version) => Err(hinted(
                format!(
                    "this project depends on axum {version}, but presence-channels needs axum 0.8"
                ),
                "upgrade axum first: routers of different versions cannot be merged",
            )),
            _ => Ok(()),
        }
    }

    /// Adds dependencies that are missing, and missing features to those that are present. Where
    /// the workspace shares dependencies, a new one is added to the workspace and inherited.
    ///
    /// Returns notices about entries that only the user can change.
    pub(crate) fn add(&mut self, dependencies: &[Dependency]) -> anyhow::Result<Vec<String>> {
        let mut notices = Vec::new();
        for dependency in dependencies {
            match self.find(dependency.name) {
                Some((Place::Dev, key)) => self.move_from_dev(&key, dependency)?,
                Some((place, key)) => {
                    let inherited = self.inherited_features(&key);
                    let table = place.table_mut(&mut self.package);
                    let item = table.and_then(|table| table.get_mut(&key));
                    let item = item.context("a dependency that was found is there")?;
                    if item.get("optional").and_then(Item::as_bool) == Some(true) {
                        notices.push(optional(&key));
                    }
                    merge_features(item, &inherited, dependency.features);
                }
                None => self.add_new(dependency)?,
            }
        }
        Ok(notices)
    }

    /// Finds a dependency by its package: its table and its key.
    fn find(&self, package: &str) -> Option<(Place, String)> {
        let shared = self.shared();
        Place::all(&self.package).into_iter().find_map(|place| {
            let mut entries = place.table(&self.package)?.iter();
            let (key, _) = entries.find(|(key, item)| package_of(key, item, shared) == package)?;
            Some((place, key.to_owned()))
        })
    }

    /// Returns the table from which the workspace's packages inherit dependencies.
    fn shared(&self) -> Option<&dyn TableLike> {
        let document = self.workspace.as_ref().unwrap_or(&self.package);
        let dependencies = document.get("workspace")?.get("dependencies")?;
        dependencies.as_table_like()
    }

    fn shared_mut(&mut self) -> Option<&mut dyn TableLike> {
        let document = self.workspace.as_mut().unwrap_or(&mut self.package);
        let dependencies = document.get_mut("workspace")?.get_mut("dependencies")?;
        dependencies.as_table_like_mut()
    }

    /// Returns the features that an entry has from the workspace.
    fn inherited_features(&self, key: &str) -> Vec<String> {
        let shared = self.shared().and_then(|shared| shared.get(key));
        shared.map(entry::features).unwrap_or_default()
    }

    /// Adds a dependency that the package does not have.
    fn add_new(&mut self, dependency: &Dependency) -> anyhow::Result<()> {
        let Some(key) = self.share(dependency) else {
            let value = Item::Value(dependency.value());
            return self.insert(dependency.name, value);
        };
        let inherited = self.inherited_features(&key);
        let item = entry::inherit(&self.package, &inherited, dependency.features);
        self.insert(&key, item)
    }

    /// Adds a dependency to the workspace's table, unless it is there. Returns its key.
    ///
    /// Returns `None` if the workspace shares no dependencies, or if it uses the name for another
    /// package.
    fn share(&mut self, dependency: &Dependency) -> Option<String> {
        let shared = self.shared()?;
        let present = shared
            .iter()
            .find(|(key, item)| package_of(key, item, None) == dependency.name);
        if let Some((key, _)) = present {
            return Some(key.to_owned());
        }
        if shared.contains_key(dependency.name) {
            return None;
        }
        let value = dependency.for_workspace(&self.folder).value();
        insert(self.shared_mut()?, dependency.name, Item::Value(value));
        Some(dependency.name.to_owned())
    }

    /// Makes a dependency of the tests one of the package. The requirement stays, and tests keep
    /// their further features.
    fn move_from_dev(&mut self, key: &str, dependency: &Dependency) -> anyhow::Result<()> {
        let inherited = self.inherited_features(key);
        let table = Place::Dev.table_mut(&mut self.package);
        let table = table.context("a dependency that was found is there")?;
        let present = table.get(key).cloned().unwrap_or_default();
        let further = entry::features(&present)
            .iter()
            .any(|feature| !dependency.features.contains(&feature.as_str()));
        if !further && !entry::has_comment(table, key) {
            table.remove(key);
        }
        let mut item = entry::without_features(present);
        merge_features(&mut item, &inherited, dependency.features);
        self.insert(key, item)
    }

    /// Inserts an entry into `[dependencies]`.
    fn insert(&mut self, key: &str, item: Item) -> anyhow::Result<()> {
        let table = self
            .package
            .entry("dependencies")
            .or_insert_with(|| Item::Table(Table::new()))
            .as_table_like_mut()
            .context("`dependencies` in Cargo.toml is not a table")?;
        if table.contains_key(key) {
            return Err(hinted(
                format!("Cargo.toml uses the name `{key}` for another package"),
                format!("rename that dependency: the generated code needs the package {key}"),
            ));
        }
        insert(table, key, item);
        Ok(())
    }
}

/// Returns the package of an entry: the one that it names, or that the workspace's entry names, or
/// the one with the name of its key.
fn package_of<'k>(key: &'k str, item: &'k Item, shared: Option<&'k dyn TableLike>) -> &'k str {
    let named = item.get("package").and_then(Item::as_str);
    let inherited = || {
        entry::is_inherited(item).then_some(())?;
        shared?.get(key)?.get("package")?.as_str()
    };
    named.or_else(inherited).unwrap_or(key)
}

fn version(item: &Item) -> Option<String> {
    let version = item.as_str().or_else(|| item.get("version")?.as_str());
    version.map(str::to_owned)
}

fn is_before_0_8(version: &str) -> bool {
    let numbers = version.trim_start_matches(['^', '=', '~', 'v', ' ']);
    let mut numbers = numbers
        .split('.')
        .map(|part| part.trim().parse::<u32>().ok());
    matches!(
        (numbers.next().flatten(), numbers.next().flatten()),
        (Some(0), Some(minor)) if minor < 8
    )
}

fn optional(key: &str) -> String {
    format!(
        "{key} is an optional dependency of this package, and the generated code always needs it. \
         Change this in Cargo.toml:\n\n    \
         {key}: remove `optional = true`, and `dep:{key}` from the features"
    )
}

#[cfg(test)]
mod tests;
