//! Declaring a module: `pub mod presence;`, in the order of the others.

use syn::{Item, Visibility};

use super::{Edits, Outcome, Source};

/// Declares the module `name`, `pub` or private, unless the file already declares it.
pub(crate) fn declare(source: &Source, name: &str, public: bool) -> Outcome {
    if find(source, name).is_some() {
        return Outcome::Unchanged;
    }
    let line = if public {
        format!("pub mod {name};\n")
    } else {
        format!("mod {name};\n")
    };

    let mut edits = Edits::default();
    let group = last_group(source);
    if let Some((_, after)) = group.iter().find(|(sibling, _)| name < sibling.as_str()) {
        edits.insert(source.above(*after), line);
    } else if let Some((_, last)) = group.last() {
        edits.insert(source.line_end(*last), format!("\n{}", line.trim_end()));
    } else if let Some(first) = source.file.items.first() {
        let at = source.above(source.range(first).start);
        edits.insert(at, format!("{line}\n"));
    } else if let Some(end) = source.preamble_end() {
        let rest = source.text()[end..].is_empty();
        let line = if rest { line.as_str() } else { line.trim_end() };
        edits.insert(end, format!("\n\n{line}"));
    } else {
        edits.insert(source.text().len(), line);
    }
    Outcome::Edited(edits.apply(source.text()))
}

/// Finds the module `name`, and returns whether it is `pub`.
///
/// Returns `None` if the file does not declare the module.
pub(crate) fn find(source: &Source, name: &str) -> Option<bool> {
    source.file.items.iter().find_map(|item| match item {
        Item::Mod(module) if module.ident == name => {
            Some(matches!(module.vis, Visibility::Public(_)))
        }
        _ => None,
    })
}

/// Returns the last run of module declarations without a blank line in it: names and offsets.
///
/// rustfmt sorts such a run. Modules for tests do not count.
fn last_group(source: &Source) -> Vec<(String, usize)> {
    let mut group: Vec<(String, usize)> = Vec::new();
    let mut end = 0;
    for item in &source.file.items {
        let Item::Mod(module) = item else { continue };
        if module.semi.is_none() || module.attrs.iter().any(|attr| attr.path().is_ident("cfg")) {
            continue;
        }
        let range = source.range(item);
        let between = source.text().get(end..range.start).unwrap_or_default();
        let adjoins = between
            .trim()
            .lines()
            .all(|line| line.trim_start().starts_with("//"))
            && between.matches('\n').count() == between.trim().lines().count() + 1;
        if !adjoins {
            group.clear();
        }
        group.push((module.ident.to_string(), range.start));
        end = range.end;
    }
    group
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::testing::{edited, outcome};

    fn declared(text: &str, name: &str) -> String {
        edited(text, |source| declare(source, name, true))
    }

    #[test]
    fn a_module_goes_to_its_place_in_the_order() {
        let text = "pub mod application;\npub mod web;\n";
        assert_eq!(
            declared(text, "channels"),
            "pub mod application;\npub mod channels;\npub mod web;\n"
        );
        assert_eq!(
            declared(text, "zoo"),
            "pub mod application;\npub mod web;\npub mod zoo;\n"
        );
        assert_eq!(
            declared(text, "a"),
            "pub mod a;\npub mod application;\npub mod web;\n"
        );
    }

    #[test]
    fn a_file_of_documentation_gets_its_first_module() {
        assert_eq!(
            declared("//! Docs.\n", "room"),
            "//! Docs.\n\npub mod room;\n"
        );
        assert_eq!(declared("", "room"), "pub mod room;\n");
        assert_eq!(
            declared("//! Docs.\n\n// Later.\n", "room"),
            "//! Docs.\n\npub mod room;\n\n// Later.\n"
        );
    }

    #[test]
    fn modules_come_before_other_items_and_comments_stay_with_theirs() {
        assert_eq!(
            declared(
                "// A licence.\n\n// Imports.\nuse a::b;\n\nfn main() {}\n",
                "room"
            ),
            "// A licence.\n\npub mod room;\n\n// Imports.\nuse a::b;\n\nfn main() {}\n"
        );
        assert_eq!(
            declared("mod a;\n// The last one.\nmod z;\n", "room"),
            "mod a;\npub mod room;\n// The last one.\nmod z;\n"
        );
        assert_eq!(
            declared("// A licence.\nuse a::b;\n", "room"),
            "// A licence.\npub mod room;\n\nuse a::b;\n"
        );
    }

    #[test]
    fn windows_line_breaks_and_a_byte_order_mark_stay() {
        assert_eq!(
            declared("\u{feff}mod a;\r\nmod z;\r\n", "room"),
            "\u{feff}mod a;\r\npub mod room;\r\nmod z;\r\n"
        );
        assert_eq!(
            declared("\u{feff}mod a;\r\n", "room"),
            "\u{feff}mod a;\r\npub mod room;\r\n"
        );
    }

    #[test]
    fn a_module_for_tests_is_no_neighbour() {
        assert_eq!(
            declared("use a::b;\n\n#[cfg(test)]\nmod tests;\n", "room"),
            "pub mod room;\n\nuse a::b;\n\n#[cfg(test)]\nmod tests;\n"
        );
    }

    #[test]
    fn a_declared_module_is_left_alone() {
        let declare = |source: &Source| declare(source, "room", true);
        assert_eq!(outcome("mod room;\n", declare), Outcome::Unchanged);
        assert_eq!(outcome("pub mod room {}\n", declare), Outcome::Unchanged);
    }
}
