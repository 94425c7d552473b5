//! The entries of a manifest's tables of dependencies.

use toml_edit::{Array, DocumentMut, InlineTable, Item, Table, TableLike, Value};

/// A table of dependencies that a package's code can use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    Normal,
    /// `[target.'cfg(unix)'.dependencies]`, with the name of the target.
    Target(String),
    /// `[dev-dependencies]`, for tests alone.
    Dev,
}

impl Place {
    /// Returns the tables that the manifest has, the most general first.
    pub(super) fn all(document: &DocumentMut) -> Vec<Place> {
        let targets = document.get("target").and_then(Item::as_table_like);
        let targets = targets.into_iter().flat_map(TableLike::iter);
        let mut places = vec![Place::Normal];
        places.extend(targets.map(|(target, _)| Place::Target(target.to_owned())));
        places.push(Place::Dev);
        places
    }

    pub(super) fn table<'d>(&self, document: &'d DocumentMut) -> Option<&'d dyn TableLike> {
        let item = match self {
            Place::Normal => document.get("dependencies"),
            Place::Target(target) => document.get("target")?.get(target)?.get("dependencies"),
            Place::Dev => document
                .get("dev-dependencies")
                .or_else(|| document.get("dev_dependencies")),
        };
        item?.as_table_like()
    }

    pub(super) fn table_mut<'d>(
        &self,
        document: &'d mut DocumentMut,
    ) -> Option<&'d mut dyn TableLike> {
        let item = match self {
            Place::Normal => document.get_mut("dependencies"),
            Place::Target(target) => document
                .get_mut("target")?
                .get_mut(target)?
                .get_mut("dependencies"),
            Place::Dev if document.contains_key("dev-dependencies") => {
                document.get_mut("dev-dependencies")
            }
            Place::Dev => document.get_mut("dev_dependencies"),
        };
        item?.as_table_like_mut()
    }
}

/// Inserts an entry: in its place if the entries are sorted, else at the end.
pub(super) fn insert(table: &mut dyn TableLike, key: &str, item: Item) {
    let before: Vec<String> = table.iter().map(|(key, _)| key.to_owned()).collect();
    table.insert(key, item);
    if !before.is_sorted() {
        return;
    }
    // Only the new entry moves. The keys inside of dotted entries have no rank, and stay.
    let rank = |name: &str| match before.iter().position(|present| present == name) {
        Some(index) => Some(2 * index + 1),
        None if name == key => Some(
            2 * before
                .iter()
                .filter(|present| present.as_str() < key)
                .count(),
        ),
        None => None,
    };
    let order = |one: &str, other: &str| match (rank(one), rank(other)) {
        (Some(one), Some(other)) => one.cmp(&other),
        _ => std::cmp::Ordering::Equal,
    };
    sort(table, &order);
}

/// Sorts the entries of a table. `TableLike` cannot sort by an order of the caller.
fn sort(table: &mut dyn TableLike, order: &dyn Fn(&str, &str) -> std::cmp::Ordering) {
    let mut keys: Vec<String> = table.iter().map(|(key, _)| key.to_owned()).collect();
    keys.sort_by(|one, other| order(one, other));
    // Removing and inserting an entry moves it to the end, with its comments.
    for key in keys {
        let Some(name) = table.key(&key).cloned() else {
            continue;
        };
        if let Some(item) = table.remove(&key) {
            table.entry_format(&name).or_insert(item);
        }
    }
}

/// Returns an entry that takes its requirement from the workspace, in the style of the others:
/// `name.workspace = true` unless they write `name = { workspace = true }`.
pub(super) fn inherit(document: &DocumentMut, inherited: &[String], wanted: &[&str]) -> Item {
    let table = Place::Normal.table(document);
    let entries = || {
        let entries = table.into_iter().flat_map(TableLike::iter);
        entries.filter(|(_, item)| is_inherited(item))
    };
    let inline = entries().any(|(_, item)| item.is_inline_table());
    let dotted = entries().any(|(_, item)| item.is_table());
    let missing = missing(inherited, wanted);
    if missing.is_empty() && (dotted || !inline) {
        let mut table = Table::new();
        table.set_dotted(true);
        table.insert("workspace", toml_edit::value(true));
        return Item::Table(table);
    }
    let mut table = InlineTable::new();
    table.insert("workspace", Value::from(true));
    if !missing.is_empty() {
        table.insert("features", Value::Array(missing.into_iter().collect()));
    }
    Item::Value(Value::InlineTable(table))
}

/// Returns whether an entry takes its requirement from the workspace.
pub(super) fn is_inherited(item: &Item) -> bool {
    item.get("workspace").and_then(Item::as_bool) == Some(true)
}

/// Returns whether a comment stands above an entry.
pub(super) fn has_comment(table: &dyn TableLike, key: &str) -> bool {
    let decor = table.key(key).map(toml_edit::Key::leaf_decor);
    let prefix = decor.and_then(|decor| decor.prefix()?.as_str());
    prefix.is_some_and(|prefix| prefix.contains('#'))
}

/// Adds the features that an entry lacks. `inherited` are those of the workspace's entry.
pub(super) fn merge_features(item: &mut Item, inherited: &[String], wanted: &[&str]) {
    let mut present = features(item);
    if is_inherited(item) {
        present.extend_from_slice(inherited);
    }
    let missing = missing(&present, wanted);
    if missing.is_empty() {
        return;
    }
    if let Some(version) = item.as_str().map(str::to_owned) {
        let mut table = InlineTable::new();
        table.insert("version", Value::from(version));
        let mut value = Value::InlineTable(table);
        // The comment behind the version stays there.
        if let Some(old) = item.as_value() {
            *value.decor_mut() = old.decor().clone();
        }
        *item = Item::Value(value);
    }
    pad_last(item, "");
    let Some(table) = item.as_table_like_mut() else {
        return;
    };
    let array = table
        .entry("features")
        .or_insert_with(|| Item::Value(Value::Array(Array::new())));
    if let Some(array) = array.as_array_mut() {
        for feature in missing {
            push(array, feature);
        }
    }
    pad_last(item, " ");
}

/// Adds a feature to a list, on a line of its own if the others have theirs.
fn push(array: &mut Array, feature: &str) {
    let prefix = array.iter().last().and_then(|last| {
        let prefix = last.decor().prefix()?.as_str()?;
        prefix.contains('\n').then(|| {
            let start = prefix.rfind('\n').unwrap_or_default();
            prefix[start..].to_owned()
        })
    });
    array.push(feature);
    let Some(prefix) = prefix else { return };
    // A comment behind the last comma belongs to the value before it.
    let trailing = array.trailing().as_str().unwrap_or_default().to_owned();
    let comment = trailing.trim_end().to_owned();
    if !comment.is_empty() {
        array.set_trailing(trailing[comment.len()..].to_owned());
    }
    if let Some(last) = array.iter_mut().last() {
        last.decor_mut().set_prefix(format!("{comment}{prefix}"));
    }
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

/// Returns an entry that asks for no features.
pub(super) fn without_features(mut item: Item) -> Item {
    if let Some(table) = item.as_table_like_mut() {
        table.remove("features");
    }
    pad_last(&mut item, " ");
    item
}

pub(super) fn features(item: &Item) -> Vec<String> {
    let array = item.get("features").and_then(Item::as_array);
    let features = array.into_iter().flatten();
    features
        .filter_map(|feature| feature.as_str().map(str::to_owned))
        .collect()
}

fn missing<'w>(present: &[String], wanted: &[&'w str]) -> Vec<&'w str> {
    let lacks = |wanted: &&str| !present.iter().any(|feature| implies(feature, wanted));
    wanted.iter().copied().filter(lacks).collect()
}

/// Returns whether a present feature includes the wanted one. The names are tokio's.
fn implies(present: &str, wanted: &str) -> bool {
    present == wanted || present == "full" || (present == "rt-multi-thread" && wanted == "rt")
}
