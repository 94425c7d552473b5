//! A new package as a member of a workspace: listed, and with what it can inherit.

use std::path::Path;

use toml_edit::{Array, DocumentMut, InlineTable, Item, Table, TableLike, Value};

use super::entry::{self, insert};
use super::{Manifests, package_of, version};
use crate::paths::normal;

/// The keys of `[package]` that a new member inherits if its workspace has them.
const INHERITED: [&str; 6] = [
    "version",
    "authors",
    "license",
    "repository",
    "homepage",
    "rust-version",
];

impl Manifests {
    /// Lists the package in the workspace's `members`, in the order of the others.
    pub(crate) fn list_member(&mut self) {
        let member = self.folder.display().to_string().replace('\\', "/");
        let workspace = self.workspace.as_mut();
        let table = workspace.and_then(|workspace| workspace.get_mut("workspace"));
        let Some(table) = table.and_then(Item::as_table_like_mut) else {
            return;
        };
        let members = table
            .entry("members")
            .or_insert_with(|| Item::Value(Value::Array(Array::new())));
        if let Some(members) = members.as_array_mut() {
            insert_sorted(members, &member);
        }
    }

    /// Makes the package take from its workspace what the workspace has for it: the fields of
    /// `[workspace.package]`, its lints, and the versions of `[workspace.dependencies]`. Packages
    /// that are missing in that table are added.
    pub(crate) fn inherit(&mut self) {
        let Some(workspace) = self
            .workspace
            .as_ref()
            .and_then(|file| file.get("workspace"))
        else {
            return;
        };
        let fields = workspace.get("package").and_then(Item::as_table_like);
        let has = |field: &str| fields.is_some_and(|fields| fields.contains_key(field));
        let edition = fields.and_then(|fields| fields.get("edition")?.as_str());
        // The generated code is written for this edition.
        let same_edition = edition == self.package["package"]["edition"].as_str();
        let lints = workspace.get("lints").is_some_and(are_warnings);
        let mut inherited: Vec<&str> = INHERITED.into_iter().filter(|field| has(field)).collect();
        if edition.is_some() && same_edition {
            inherited.push("edition");
        }
        if let Some(package) = self.package["package"].as_table_like_mut() {
            for field in inherited {
                package.insert(field, dotted());
            }
        }
        if lints {
            let mut table = Table::new();
            table.insert("workspace", toml_edit::value(true));
            self.package.insert("lints", Item::Table(table));
        }
        self.inherit_dependencies();
    }

    fn inherit_dependencies(&mut self) {
        if self.shared().is_none() {
            return;
        }
        let dependencies = self.package.get("dependencies");
        let dependencies = dependencies.and_then(Item::as_table_like);
        let own: Vec<(String, Item)> = dependencies
            .into_iter()
            .flat_map(TableLike::iter)
            .map(|(key, item)| (key.to_owned(), item.clone()))
            .collect();
        for (package, item) in own {
            let Some((key, shared)) = self.share_item(&package, &item) else {
                continue;
            };
            let wanted = entry::features(&item);
            let wanted: Vec<&str> = wanted.iter().map(String::as_str).collect();
            let inherited = entry::inherit(&self.package, &entry::features(&shared), &wanted);
            let table = self.package.get_mut("dependencies");
            if let Some(table) = table.and_then(Item::as_table_like_mut) {
                if key != package {
                    table.remove(&package);
                }
                table.insert(&key, inherited);
            }
        }
    }

    /// Returns the workspace's entry for a package, which is made if it is missing: its key and
    /// what it holds.
    ///
    /// Returns `None` if the workspace has another version, or uses the name for another package.
    fn share_item(&mut self, package: &str, own: &Item) -> Option<(String, Item)> {
        let folder = self.folder.clone();
        let shared = self.shared_mut()?;
        let present = shared
            .iter()
            .find(|(key, item)| package_of(key, item, None) == package);
        if let Some((key, item)) = present {
            let compatible = match (version(item), version(own)) {
                (Some(one), Some(other)) => release(&one) == release(&other),
                _ => true,
            };
            return compatible.then(|| (key.to_owned(), item.clone()));
        }
        if shared.contains_key(package) {
            return None;
        }
        let mut item = entry::without_features(own.clone());
        if let Some(path) = item.get("path").and_then(Item::as_str) {
            let path = normal(&folder.join(path)).display().to_string();
            item["path"] = toml_edit::value(path.replace('\\', "/"));
        }
        if let Some(version) = lone_version(&item) {
            item = toml_edit::value(version);
        }
        insert(shared, package, item.clone());
        Some((package.to_owned(), item))
    }
}

/// Returns the version of an entry that holds nothing else.
fn lone_version(item: &Item) -> Option<String> {
    let table: &InlineTable = item.as_inline_table()?;
    (table.len() == 1).then(|| version(item)).flatten()
}

/// Returns the part of a version that releases must share to be compatible: `0.8` or `1`.
fn release(version: &str) -> String {
    let numbers = version.trim_start_matches(['^', '=', '~', 'v', ' ']);
    let length = if numbers.starts_with("0.") { 2 } else { 1 };
    let parts: Vec<&str> = numbers.split('.').take(length).collect();
    parts.join(".")
}

/// Returns whether no lint of a workspace is an error, so that generated code compiles. Generated
/// code has no `unsafe`.
fn are_warnings(lints: &Item) -> bool {
    let groups = lints.as_table_like().into_iter().flat_map(TableLike::iter);
    let mut lints = groups.flat_map(|(_, group)| {
        let lints = group.as_table_like().into_iter();
        lints.flat_map(TableLike::iter)
    });
    lints.all(|(name, lint)| {
        let level = lint.as_str().or_else(|| lint.get("level")?.as_str());
        name == "unsafe_code" || !matches!(level, Some("deny" | "forbid"))
    })
}

fn dotted() -> Item {
    let mut table = Table::new();
    table.set_dotted(true);
    table.insert("workspace", toml_edit::value(true));
    Item::Table(table)
}

/// Inserts a string into a list: in its place if the list is sorted, else at the end. A list with
/// a line for each value stays one.
fn insert_sorted(array: &mut Array, new: &str) {
    let values: Vec<String> = array
        .iter()
        .map(|value| value.as_str().unwrap_or_default().to_owned())
        .collect();
    let index = match values.is_sorted() {
        true => values.partition_point(|value| value.as_str() < new),
        false => values.len(),
    };
    let prefix = |index: usize| {
        let prefix = array.get(index)?.decor().prefix()?.as_str()?;
        Some(prefix.to_owned())
    };
    // The first value of a line stands behind the bracket, and all others behind a comma.
    let first = prefix(0).unwrap_or_default();
    let further = prefix(1).unwrap_or_else(|| match first.contains('\n') {
        true => first.clone(),
        false => " ".to_owned(),
    });
    // A comment above a value belongs to that value.
    let line = |prefix: &str| match prefix.rfind('\n') {
        Some(start) => prefix[start..].to_owned(),
        None => prefix.to_owned(),
    };
    if index == 0
        && !first.contains('\n')
        && let Some(value) = array.get_mut(0)
    {
        value.decor_mut().set_prefix(further.clone());
    }
    let own = if index == 0 {
        line(&first)
    } else {
        line(&further)
    };
    // The space before the bracket belongs to the last value of a list without a last comma.
    let suffix = match index == values.len() && index > 0 && !array.trailing_comma() {
        true => array.get_mut(index - 1).map(|last| {
            let suffix = last.decor().suffix().and_then(|suffix| suffix.as_str());
            let suffix = suffix.unwrap_or_default().to_owned();
            last.decor_mut().set_suffix("");
            suffix
        }),
        false => None,
    };
    let mut value = Value::from(new);
    value.decor_mut().set_prefix(own);
    value.decor_mut().set_suffix(suffix.unwrap_or_default());
    array.insert_formatted(index, value);
}

/// Returns whether the workspace of `document` already has the folder `inside` as a member, or
/// excludes it.
pub(crate) fn is_settled(document: &DocumentMut, inside: &Path) -> bool {
    let list = |key: &str| -> Vec<String> {
        let workspace = document.get("workspace");
        let array = workspace.and_then(|workspace| workspace.get(key)?.as_array());
        let values = array.into_iter().flatten();
        values
            .filter_map(|value| value.as_str().map(str::to_owned))
            .collect()
    };
    is_excluded(document, inside)
        || list("members")
            .iter()
            .any(|pattern| matches(&normal(Path::new(pattern)), inside))
}

/// Returns whether the workspace of `document` excludes the folder `inside`.
pub(crate) fn is_excluded(document: &DocumentMut, inside: &Path) -> bool {
    let workspace = document.get("workspace");
    let excluded = workspace.and_then(|workspace| workspace.get("exclude")?.as_array());
    let mut folders = excluded.into_iter().flatten().filter_map(Value::as_str);
    folders.any(|folder| inside.starts_with(normal(Path::new(folder))))
}

/// Returns whether a member pattern matches the folder. `*` stands for the name of one folder, or
/// for a part of it.
fn matches(pattern: &Path, folder: &Path) -> bool {
    let (pattern, folder): (Vec<_>, Vec<_>) = (pattern.iter().collect(), folder.iter().collect());
    pattern.len() == folder.len()
        && pattern.iter().zip(&folder).all(|(pattern, name)| {
            let (pattern, name) = (pattern.to_string_lossy(), name.to_string_lossy());
            match pattern.split_once('*') {
                Some((start, end)) => {
                    name.len() >= start.len() + end.len()
                        && name.starts_with(start)
                        && name.ends_with(end)
                }
                None => pattern == name,
            }
        })
}

#[cfg(test)]
mod tests;
