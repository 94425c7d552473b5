//! Adding dependencies to a Cargo.toml, without touching the rest of it.

use std::path::Path;

use anyhow::Context;
use toml_edit::{Array, DocumentMut, InlineTable, Item, Table, Value};

use crate::hint::hinted;

/// A package that generated code uses.
#[derive(Debug, Clone)]
pub(crate) struct Dependency {
    pub(crate) name: &'static str,
    pub(crate) version: String,
    /// The folder to take the package from, instead of the registry.
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
            table.insert(
                "features",
                Value::Array(self.features.iter().copied().collect()),
            );
        }
        Value::InlineTable(table)
    }
}

/// Parses the text of the manifest at `path`. A byte order mark at its start does not count.
pub(crate) fn parse(text: &str, path: &Path) -> anyhow::Result<DocumentMut> {
    let document = text.trim_start_matches('\u{feff}').parse();
    document.with_context(|| format!("{} is not valid TOML", path.display()))
}

/// Returns the manifest with these dependencies: adds new ones, and adds missing features to
/// present ones. `workspace` is the text of the manifest that `workspace = true` refers to.
pub(crate) fn add(
    manifest: &str,
    workspace: Option<&str>,
    dependencies: &[Dependency],
) -> anyhow::Result<String> {
    let mut document: DocumentMut = manifest.parse().context("Cargo.toml is not valid TOML")?;
    let workspace: Option<DocumentMut> = workspace.map(str::parse).transpose()?;
    let table = document
        .entry("dependencies")
        .or_insert_with(|| Item::Table(Table::new()))
        .as_table_like_mut()
        .context("`dependencies` in Cargo.toml is not a table")?;
    let mut sort = table.iter().map(|(name, _)| name).is_sorted();
    sort &= dependencies
        .iter()
        .any(|dependency| !table.contains_key(dependency.name));

    for dependency in dependencies {
        if let Some(item) = table.get_mut(dependency.name) {
            let inherited = workspace.as_ref().and_then(|workspace| {
                let dependencies = workspace.get("workspace")?.get("dependencies")?;
                dependencies.get(dependency.name)
            });
            merge_features(item, inherited, dependency.features);
        } else {
            table.insert(dependency.name, Item::Value(dependency.value()));
        }
    }
    if sort {
        table.sort_values();
    }
    Ok(document.to_string())
}

/// Rejects a project with an older axum: its `Router` is not the type of the endpoint's router.
/// Returns whether the manifest depends on the package `name`.
pub(crate) fn has(manifest: &str, name: &str) -> anyhow::Result<bool> {
    let document: DocumentMut = manifest.parse().context("Cargo.toml is not valid TOML")?;
    let dependencies = document.get("dependencies");
    Ok(dependencies.is_some_and(|dependencies| dependencies.get(name).is_some()))
}

pub(crate) fn check_axum(manifest: &str, workspace: Option<&str>) -> anyhow::Result<()> {
    let document: DocumentMut = manifest.parse().context("Cargo.toml is not valid TOML")?;
    let own = document
        .get("dependencies")
        .and_then(|table| table.get("axum"));
    let Some(own) = own else { return Ok(()) };
    let inherited = match workspace {
        Some(text) => version(
            text.parse::<DocumentMut>()?
                .get("workspace")
                .and_then(|workspace| workspace.get("dependencies")?.get("axum")),
        ),
        None => None,
    };
    let Some(version) = version(Some(own)).or(inherited) else {
        return Ok(());
    };
    let numbers = version.trim_start_matches(['^', '=', '~', 'v', ' ']);
    let mut numbers = numbers
        .split('.')
        .map(|part| part.trim().parse::<u32>().ok());
    match (numbers.next().flatten(), numbers.next().flatten()) {
        (Some(0), Some(minor)) if minor < 8 => Err(hinted(
            format!("this project depends on axum {version}, but presence-channels needs axum 0.8"),
            "upgrade axum first: routers of different versions cannot be merged",
        )),
        _ => Ok(()),
    }
}

fn version(item: Option<&Item>) -> Option<String> {
    let item = item?;
    let version = item.as_str().or_else(|| item.get("version")?.as_str());
    version.map(str::to_owned)
}

fn merge_features(item: &mut Item, inherited: Option<&Item>, wanted: &[&str]) {
    let mut present = features(item);
    if item.get("workspace").and_then(Item::as_bool) == Some(true) {
        present.extend(inherited.map(features).unwrap_or_default());
    }
    let missing: Vec<&str> = wanted
        .iter()
        .copied()
        .filter(|wanted| !present.iter().any(|feature| implies(feature, wanted)))
        .collect();
    if missing.is_empty() {
        return;
    }

    if let Some(version) = item.as_str().map(str::to_owned) {
        let mut table = InlineTable::new();
        table.insert("version", Value::from(version));
        *item = Item::Value(Value::InlineTable(table));
    }
    pad_last(item, "");
    let Some(table) = item.as_table_like_mut() else {
        return;
    };
    let array = table
        .entry("features")
        .or_insert_with(|| Item::Value(Value::Array(Array::new())));
    if let Some(array) = array.as_array_mut() {
        array.extend(missing);
    }
    pad_last(item, " ");
}

/// Sets the space before the closing brace of an inline table, which belongs to its last value.
fn pad_last(item: &mut Item, space: &str) {
    let Some(table) = item.as_inline_table_mut() else {
        return;
    };
    if let Some((_, last)) = table.iter_mut().last() {
        last.decor_mut().set_suffix(space);
    }
}

fn features(item: &Item) -> Vec<String> {
    let array = item.get("features").and_then(Item::as_array);
    array
        .map(|array| {
            let features = array.iter().filter_map(|feature| feature.as_str());
            features.map(str::to_owned).collect()
        })
        .unwrap_or_default()
}

/// Returns whether a present feature includes the wanted one. The names are tokio's.
fn implies(present: &str, wanted: &str) -> bool {
    present == wanted || present == "full" || (present == "rt-multi-thread" && wanted == "rt")
}

#[cfg(test)]
mod tests;
