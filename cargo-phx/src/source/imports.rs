//! Adding an import: in the braces of its parent if the file has them, else as a sorted line.

use std::ops::Range;

use syn::{Item, ItemUse, UseTree, Visibility};

use super::{Edits, Outcome, Source, order};

/// The width of a line in columns. rustfmt breaks a longer one.
const MAX_WIDTH: usize = 100;

/// Imports `path`, such as `presence_channels::Tracker`, unless the file already does.
pub(crate) fn add(source: &Source, path: &str) -> Outcome {
    let wanted: Vec<String> = path.split("::").map(str::to_owned).collect();
    let (name, parent) = wanted.split_last().expect("a path is not empty");
    let uses = uses(source);

    let mut glob = parent.to_vec();
    glob.push("*".to_owned());
    if paths(source)
        .iter()
        .any(|path| *path == wanted || *path == glob)
    {
        return Outcome::Unchanged;
    }

    let mut edits = Edits::default();
    let braces = uses
        .iter()
        .find_map(|item| add_to_braces(source, item, parent, name));
    if let Some((range, list)) = braces {
        edits.replace(range, list);
    } else {
        insert_line(source, &uses, &wanted, &mut edits);
    }
    Outcome::Edited(edits.apply(source.text()))
}

/// Returns every path that the file imports.
pub(crate) fn paths(source: &Source) -> Vec<Vec<String>> {
    let uses = uses(source);
    uses.iter().flat_map(|item| flatten(&item.tree)).collect()
}

fn uses<'s>(source: &'s Source) -> Vec<&'s ItemUse> {
    let items = source.file.items.iter();
    items
        .filter_map(|item| match item {
            Item::Use(item) => Some(item),
            _ => None,
        })
        .collect()
}

/// Returns all paths that a tree imports. A renamed one ends in its new name.
fn flatten(tree: &UseTree) -> Vec<Vec<String>> {
    match tree {
        UseTree::Path(path) => flatten(&path.tree)
            .into_iter()
            .map(|mut rest| {
                rest.insert(0, path.ident.to_string());
                rest
            })
            .collect(),
        UseTree::Name(name) => vec![vec![name.ident.to_string()]],
        UseTree::Rename(rename) => vec![vec![rename.rename.to_string()]],
        UseTree::Group(group) => group.items.iter().flat_map(flatten).collect(),
        _ => vec![vec!["*".to_owned()]],
    }
}

/// Returns the segments by which rustfmt sorts an import. A list in braces counts as one segment.
fn sort_key(tree: &UseTree) -> Vec<String> {
    match tree {
        UseTree::Path(path) => {
            let mut key = sort_key(&path.tree);
            key.insert(0, path.ident.to_string());
            key
        }
        UseTree::Name(name) => vec![name.ident.to_string()],
        UseTree::Rename(rename) => vec![rename.ident.to_string()],
        UseTree::Group(_) => vec!["{".to_owned()],
        _ => vec!["*".to_owned()],
    }
}

/// Returns the edit that adds `name` to `item`, which must be like `use parent::{a, b};`.
///
/// Returns `None` if `item` is another import, is not on one line, or would become too long.
fn add_to_braces(
    source: &Source,
    item: &ItemUse,
    parent: &[String],
    name: &str,
) -> Option<(Range<usize>, String)> {
    if !matches!(item.vis, Visibility::Inherited) || !item.attrs.is_empty() {
        return None;
    }
    let mut tree = &item.tree;
    for segment in parent {
        let UseTree::Path(path) = tree else {
            return None;
        };
        if path.ident != segment {
            return None;
        }
        tree = &path.tree;
    }
    let UseTree::Group(group) = tree else {
        return None;
    };
    let simple = |tree: &UseTree| matches!(tree, UseTree::Name(_));
    if !group.items.iter().all(simple) {
        return None;
    }

    let range = source.range(group);
    let mut names: Vec<&str> = group.items.iter().map(|tree| source.slice(tree)).collect();
    let at = names.partition_point(|sibling| order::segment(sibling, name).is_lt());
    names.insert(at, name);
    let list = format!("{{{}}}", names.join(", "));
    let line = source.range(item);
    let fits = line.len() - range.len() + list.len() <= MAX_WIDTH;
    let one_line = !source.text()[range.clone()].contains('\n');
    (fits && one_line).then_some((range, list))
}

/// Inserts `use wanted;` into the run of imports that begin with the same segment, else as a new
/// run.
fn insert_line(source: &Source, uses: &[&ItemUse], wanted: &[String], edits: &mut Edits) {
    let line = format!("use {};", wanted.join("::"));
    let runs = runs(source, uses);
    let related = runs.iter().rev().find(|run| {
        run.iter()
            .any(|item| sort_key(&item.tree).first() == wanted.first())
    });

    if let Some(run) = related {
        let later = run
            .iter()
            .find(|item| order::path(wanted, &sort_key(&item.tree)).is_lt());
        if let Some(item) = later {
            let start = source.range(*item).start;
            edits.insert(source.line_start(start), format!("{line}\n"));
        } else if let Some(last) = run.last() {
            let end = source.line_end(source.range(*last).end);
            edits.insert(end, format!("\n{line}"));
        }
    } else if let Some(last) = uses.last() {
        let end = source.line_end(source.range(*last).end);
        edits.insert(end, format!("\n\n{line}"));
    } else if let Some(first) = source.file.items.first() {
        let at = source.above(source.range(first).start);
        edits.insert(at, format!("{line}\n\n"));
    } else if let Some(end) = source.preamble_end() {
        edits.insert(end, format!("\n\n{line}"));
    } else {
        edits.insert(source.text().len(), format!("{line}\n"));
    }
}

/// Returns the runs of imports without a blank line between them. rustfmt sorts only within a run.
fn runs<'s>(source: &Source, uses: &[&'s ItemUse]) -> Vec<Vec<&'s ItemUse>> {
    let mut runs: Vec<Vec<&ItemUse>> = Vec::new();
    let mut end = 0;
    for item in uses {
        let range = source.range(*item);
        let between = source.text().get(end..range.start).unwrap_or_default();
        let adjoins = end > 0 && between.trim().is_empty() && between.matches('\n').count() <= 1;
        match runs.last_mut() {
            Some(run) if adjoins => run.push(item),
            _ => runs.push(vec![item]),
        }
        end = range.end;
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::testing::{edited, outcome};

    fn added(text: &str, path: &str) -> String {
        edited(text, |source| add(source, path))
    }

    #[test]
    fn a_name_joins_the_braces_of_its_parent() {
        assert_eq!(
            added(
                "use presence_channels::{Config, PubSub};\n",
                "presence_channels::Endpoint"
            ),
            "use presence_channels::{Config, Endpoint, PubSub};\n"
        );
        assert_eq!(
            added(
                "use presence_channels::{Config, testing};\n",
                "presence_channels::Tracker"
            ),
            "use presence_channels::{Config, Tracker, testing};\n"
        );
    }

    #[test]
    fn braces_that_would_grow_too_long_or_are_not_simple_get_a_line_beside_them() {
        let long = "use presence_channels::{Aaaaaaaaaaaaaaaaa, Bbbbbbbbbbbbbbbbbbbbbb, Cccccccccccccccccccc, Ddddddd};\n";
        assert_eq!(
            added(long, "presence_channels::Tracker"),
            format!("use presence_channels::Tracker;\n{long}")
        );
        let renamed = "use presence_channels::{Config as C, PubSub};\n";
        assert_eq!(
            added(renamed, "presence_channels::Tracker"),
            format!("use presence_channels::Tracker;\n{renamed}")
        );
    }

    #[test]
    fn a_line_is_sorted_into_its_run() {
        let text = "use axum::Router;\n\nuse crate::application::AppState;\nuse crate::web;\n";
        assert_eq!(
            added(text, "crate::channels::room_channel::RoomChannel"),
            "use axum::Router;\n\nuse crate::application::AppState;\n\
             use crate::channels::room_channel::RoomChannel;\nuse crate::web;\n"
        );
    }

    #[test]
    fn without_a_run_of_its_kind_it_starts_one() {
        assert_eq!(
            added("use axum::Router;\n\nfn f() {}\n", "crate::a::B"),
            "use axum::Router;\n\nuse crate::a::B;\n\nfn f() {}\n"
        );
        assert_eq!(
            added("//! Docs.\n\nfn f() {}\n", "crate::a::B"),
            "//! Docs.\n\nuse crate::a::B;\n\nfn f() {}\n"
        );
        assert_eq!(
            added("fn f() {}\n", "crate::a::B"),
            "use crate::a::B;\n\nfn f() {}\n"
        );
    }

    #[test]
    fn what_is_imported_is_left_alone() {
        for text in [
            "use crate::a::B;\n",
            "use crate::a::{B, C};\n",
            "use crate::{a::{B}, c};\n",
            "use crate::a::*;\n",
        ] {
            assert_eq!(
                outcome(text, |source| add(source, "crate::a::B")),
                Outcome::Unchanged,
                "{text}"
            );
        }
    }
}
