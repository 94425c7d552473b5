//! Taking back an import: from the braces of its parent, or its line.

use syn::{Item, UseTree};

use super::{choose, end_with_comma, mentions, without_lines};
use crate::source::{Edits, Outcome, Source, imports};

/// Removes the import of `path`, such as `presence_channels::Tracker`. An import under another
/// name, and one with `*`, stay.
pub(crate) fn remove(source: &Source, path: &str) -> Outcome {
    let wanted: Vec<&str> = path.split("::").collect();
    for item in &source.file.items {
        let Item::Use(import) = item else { continue };
        let Some(found) = find(&import.tree, &wanted) else {
            continue;
        };
        let candidates = match found {
            Found::Whole => without_lines(source, source.range(item)),
            Found::InGroup { group, index } => without_name(source, group, index),
        };
        return choose(source, candidates, |source| imports::add(source, path));
    }
    Outcome::Unchanged
}

/// Removes the import of `path` if no code of the file uses its name.
pub(crate) fn remove_unused(source: &Source, path: &str) -> Outcome {
    let name = path.rsplit("::").next().unwrap_or_default();
    let used = source
        .file
        .items
        .iter()
        .any(|item| !matches!(item, Item::Use(_)) && mentions(source.slice(item), name));
    if used {
        Outcome::Unchanged
    } else {
        remove(source, path)
    }
}

/// The place of an imported path in a tree.
enum Found<'s> {
    /// The tree imports this path alone.
    Whole,
    InGroup {
        group: &'s syn::UseGroup,
        index: usize,
    },
}

fn find<'s>(tree: &'s UseTree, wanted: &[&str]) -> Option<Found<'s>> {
    match (tree, wanted) {
        (UseTree::Path(path), [first, rest @ ..]) if path.ident == first => find(&path.tree, rest),
        (UseTree::Name(name), [last]) if name.ident == last => Some(Found::Whole),
        (UseTree::Group(group), _) => {
            group
                .items
                .iter()
                .enumerate()
                .find_map(|(index, tree)| match find(tree, wanted)? {
                    Found::Whole if group.items.len() > 1 => Some(Found::InGroup { group, index }),
                    found => Some(found),
                })
        }
        _ => None,
    }
}

/// Returns the texts without one name of a list in braces.
fn without_name(source: &Source, group: &syn::UseGroup, index: usize) -> Vec<String> {
    let range = source.range(group);
    let mut candidates = Vec::new();
    if !source.text()[range.clone()].contains('\n') {
        let others = group.items.iter().enumerate();
        let names: Vec<&str> = others
            .filter(|(at, _)| *at != index)
            .map(|(_, tree)| source.slice(tree))
            .collect();
        let mut edits = Edits::default();
        edits.replace(range, format!("{{{}}}", names.join(", ")));
        candidates.push(edits.apply(source.text()));
    } else {
        let name = &group.items[index];
        let start = source.range(name).start;
        let end = end_with_comma(source, name);
        candidates.extend(without_lines(source, start..end));
    }
    candidates
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::remove::testing::{removed, undone};

    #[test]
    fn an_import_is_taken_back() {
        for text in [
            "use presence_channels::{Config, PubSub};\n",
            "use presence_channels::{Config as C, PubSub};\n",
            "use presence_channels::Config;\nuse presence_channels::PubSub;\n",
            "use axum::Router;\n\nfn f() {}\n",
            "//! Docs.\n\nfn f() {}\n",
            "//! Docs.\n",
            "fn f() {}\n",
            "use axum::Router;\r\n\r\nuse crate::application::AppState;\r\nuse crate::web;\r\n",
        ] {
            for path in ["presence_channels::Tracker", "crate::a::B"] {
                undone(
                    text,
                    |source| imports::add(source, path),
                    |source| remove(source, path),
                );
            }
        }
    }

    #[test]
    fn a_list_of_several_lines_loses_one_line() {
        let text = "use a::{\n    B,\n    C, // big\n    D,\n};\n";
        assert_eq!(
            removed(text, |source| remove(source, "a::C")),
            "use a::{\n    B,\n    D,\n};\n"
        );
    }

    #[test]
    fn what_is_used_stays() {
        let text = "use a::B;\n\nfn f() {\n    g!(x, B::new());\n}\n";
        let source = Source::parse(std::path::Path::new("a.rs"), text).unwrap();
        assert_eq!(remove_unused(&source, "a::B"), Outcome::Unchanged);
        assert_eq!(remove(&source, "a::Other"), Outcome::Unchanged);
        let unused = removed(&text.replace("B::new()", "2"), |source| {
            remove_unused(source, "a::B")
        });
        assert_eq!(unused, "fn f() {\n    g!(x, 2);\n}\n");
    }
}
