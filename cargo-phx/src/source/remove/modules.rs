//! Taking back `pub mod presence;`.

use syn::Item;

use super::{choose, without_lines};
use crate::names::TEST_SUPPORT;
use crate::source::{Outcome, Source, modules};

/// Removes the declaration of the module `name`. A module with a body stays.
pub(crate) fn remove(source: &Source, name: &str) -> Outcome {
    let declared = source.file.items.iter().find_map(|item| match item {
        Item::Mod(module) if module.ident == name => Some((item, module)),
        _ => None,
    });
    let Some((item, module)) = declared else {
        return Outcome::Unchanged;
    };
    if module.semi.is_none() {
        return Outcome::Unknown;
    }
    let public = modules::find(source, name) == Some(true);
    let candidates = without_lines(source, source.range(item));
    choose(source, candidates, |source| {
        modules::declare(source, name, public)
    })
}

/// Removes a function with its documentation.
pub(crate) fn remove_function(source: &Source, name: &str) -> Outcome {
    let item = source.file.items.iter().find(|item| match item {
        Item::Fn(function) => function.sig.ident == name,
        _ => false,
    });
    let Some(item) = item else {
        return Outcome::Unchanged;
    };
    let texts = without_lines(source, source.range(item));
    texts
        .into_iter()
        .next()
        .map_or(Outcome::Unknown, Outcome::Edited)
}

/// Returns whether the file declares a module, but for the helper of tests.
pub(crate) fn any(source: &Source) -> bool {
    let mut items = source.file.items.iter();
    items.any(|item| matches!(item, Item::Mod(module) if module.ident != TEST_SUPPORT))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::source::remove::testing::undone;

    #[test]
    fn a_declaration_is_taken_back() {
        for text in [
            "",
            "//! Docs.\n",
            "//! Docs.\n\n// Later.\n",
            "pub mod application;\npub mod web;\n",
            "// A licence.\n\n// Imports.\nuse a::b;\n\nfn main() {}\n",
            "// A licence.\nuse a::b;\n",
            "mod a;\n// The last one.\nmod z;\n",
            "mod a;\n\nmod z;\n",
            "\u{feff}mod a;\r\nmod z;\r\n",
            "use a::b;\n\n#[cfg(test)]\nmod tests;\n",
            "fn main() {}\n",
        ] {
            undone(
                text,
                |source| modules::declare(source, "room", true),
                |source| remove(source, "room"),
            );
        }
    }

    #[test]
    fn a_module_with_a_body_stays() {
        let source = Source::parse(std::path::Path::new("a.rs"), "mod room {}\n").unwrap();
        assert_eq!(remove(&source, "room"), Outcome::Unknown);
        assert_eq!(remove(&source, "other"), Outcome::Unchanged);
    }

    proptest! {
        #[test]
        fn several_declarations_are_taken_back_in_any_order(
            order in Just(vec!["room", "aaa", "zoo"]).prop_shuffle(),
            text in prop::sample::select(vec![
                "", "//! Docs.\n", "mod b;\nmod s;\n", "use a::b;\n\nfn main() {}\n",
                "// A licence.\nuse a::b;\n",
            ]),
        ) {
            let path = std::path::Path::new("a.rs");
            let mut present = text.to_owned();
            for name in ["room", "zoo", "aaa"] {
                let source = Source::parse(path, &present).unwrap();
                let Outcome::Edited(next) = modules::declare(&source, name, false) else { panic!() };
                present = next;
            }
            for name in order {
                let source = Source::parse(path, &present).unwrap();
                let Outcome::Edited(next) = remove(&source, name) else { panic!() };
                present = next;
            }
            prop_assert_eq!(present, text);
        }
    }
}
