//! The import of a name that the wiring takes out of the code.
//!
//! An import without a use is a warning, so it goes with the last use of its name.

use std::str::FromStr;

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens;
use syn::{Item, ItemUse, UseTree, Visibility};

use super::children::{self, Needs};
use super::find::is_test;
use super::flow::Flow;
use crate::source::Source;

/// The consequence for the imports of a file, if one use of a path goes.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Consequence {
    /// No import becomes unused.
    Nothing,
    /// The import of this path becomes unused, and can be removed.
    Unused(String),
    /// An import becomes unused, and cannot be removed.
    Blocked,
}

/// Returns what one use less of `path` means for the imports.
pub(super) fn without(source: &Source, flow: &Flow, path: &syn::Path) -> Consequence {
    if path.leading_colon.is_some() {
        return Consequence::Nothing;
    }
    let name = path.segments[0].ident.to_string();
    let found = imports(&source.file.items, &name);
    let needs = match found.as_slice() {
        [_] => children::needs(source, flow.functions, &name),
        _ => Needs::default(),
    };
    let nothing = match found.as_slice() {
        [] => !flow.crates.imports(&name),
        // Beside the one use, which goes.
        [_] => is_root_of_import(source, &name) || uses(source, &name, false) > 1 || needs.code,
        _ => false,
    };
    let in_tests = needs.tests || uses(source, &name, true) > 0;
    match found.as_slice() {
        _ if nothing => Consequence::Nothing,
        [import] if !import.is_fixed && !in_tests => Consequence::Unused(import.path.join("::")),
        _ => Consequence::Blocked,
    }
}

/// An import of a name.
pub(super) struct Import {
    pub(super) path: Vec<String>,
    /// `true` if other code may need it, or it has another name.
    is_fixed: bool,
}

/// Returns the imports of a name among the items of a module.
pub(super) fn imports(items: &[Item], name: &str) -> Vec<Import> {
    let mut found = Vec::new();
    for item in items {
        if let Item::Use(item) = item {
            imported(item, &item.tree, &[], name, &mut found);
        }
    }
    found
}

fn imported(item: &ItemUse, tree: &UseTree, above: &[String], name: &str, found: &mut Vec<Import>) {
    let below = |ident: &syn::Ident| [above, &[ident.to_string()]].concat();
    let is_fixed = !matches!(item.vis, Visibility::Inherited)
        || !item.attrs.is_empty()
        || item.leading_colon.is_some();
    match tree {
        UseTree::Path(path) => imported(item, &path.tree, &below(&path.ident), name, found),
        UseTree::Group(group) => {
            for tree in &group.items {
                imported(item, tree, above, name, found);
            }
        }
        UseTree::Name(own) if own.ident == name => found.push(Import {
            path: below(&own.ident),
            is_fixed,
        }),
        UseTree::Name(own) if own.ident == "self" && above.last().is_some_and(|it| it == name) => {
            found.push(Import {
                path: above.to_vec(),
                is_fixed: true,
            });
        }
        UseTree::Rename(rename) if rename.rename == name => found.push(Import {
            path: below(&rename.ident),
            is_fixed: true,
        }),
        _ => {}
    }
}

/// Returns whether the path of an import begins with the name.
fn is_root_of_import(source: &Source, name: &str) -> bool {
    fn begins(tree: &UseTree, name: &str) -> bool {
        match tree {
            UseTree::Path(path) => path.ident == name,
            UseTree::Group(group) => group.items.iter().any(|tree| begins(tree, name)),
            _ => false,
        }
    }
    source.file.items.iter().any(|item| match item {
        Item::Use(item) => item.leading_colon.is_none() && begins(&item.tree, name),
        _ => false,
    })
}

/// Returns the number of uses of an imported name: in the tests of the file, or outside of them.
fn uses(source: &Source, name: &str, in_tests: bool) -> usize {
    let items = source.file.items.iter().filter(|item| match item {
        Item::Use(_) => false,
        Item::Mod(item) => is_test(&item.attrs) == in_tests,
        Item::Fn(item) => is_test(&item.attrs) == in_tests,
        _ => !in_tests,
    });
    items
        .map(|item| count(item.to_token_stream(), name))
        .sum::<usize>()
}

/// Returns the number of uses of a name in code: not as a method or field, nor below another
/// module.
pub(super) fn count_in(code: &str, name: &str) -> usize {
    TokenStream::from_str(code).map_or(usize::MAX, |tokens| count(tokens, name))
}

pub(super) fn count(tokens: TokenStream, name: &str) -> usize {
    let mut found = 0;
    // The punctuation before a token: the last two marks.
    let mut before = [' '; 2];
    // `true` below `super`, `self` or `crate`.
    let mut is_own = false;
    for token in tokens {
        let here = match &token {
            TokenTree::Punct(punct) => punct.as_char(),
            _ => ' ',
        };
        match token {
            TokenTree::Group(group) => found += count(group.stream(), name),
            TokenTree::Ident(ident) => {
                let is_below = before == [':', ':'] || before[1] == '.' && before[0] != '.';
                found += usize::from(ident == name && (!is_below || is_own));
                is_own = ["super", "self", "crate"].iter().any(|own| ident == own);
            }
            _ => {}
        }
        before = [before[1], here];
    }
    found
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::source::serve::Resolver;
    use crate::source::serve::tests::Project;

    #[track_caller]
    fn assert_consequence(text: &str, path: &str, expected: &Consequence) {
        let source = Source::parse(Path::new("main.rs"), text).unwrap();
        let crates = Resolver::of(&source.file, &Project(&[]));
        let flow = Flow {
            source: &source,
            functions: &Project(&[]),
            crates: &crates,
        };
        let path: syn::Path = syn::parse_str(path).unwrap();
        assert_eq!(without(&source, &flow, &path), *expected, "{text}");
    }

    #[test]
    fn an_import_of_the_last_use_is_unused() {
        let unused = Consequence::Unused("axum::serve".to_owned());
        for text in [
            "use axum::serve;\nfn f() { serve(a); }\n",
            "use axum::{Router, serve};\nfn f() { serve(a); b.serve(); axum::serve(c); }\n",
        ] {
            assert_consequence(text, "serve", &unused);
        }
        for text in [
            "fn f() { serve(a); }\n",
            "use axum::serve;\nfn f() { serve(a); serve(b); }\n",
            "use axum::serve;\nfn f(a: serve) { serve(a); }\n",
            "use axum::serve;\nfn f() { serve(a); }\nmod m { use super::serve; }\n",
            "use axum::*;\nfn f() { serve(a); }\n",
            "use axum::serve;\nuse serve::Listener;\nfn f() { serve(a); }\n",
        ] {
            assert_consequence(text, "serve", &Consequence::Nothing);
        }
        assert_consequence("use axum::Router;\n", "axum::serve", &Consequence::Nothing);
    }

    #[test]
    fn an_import_that_other_code_may_need_cannot_be_removed() {
        for text in [
            "pub use axum::serve;\nfn f() { serve(a); }\n",
            "#[cfg(unix)]\nuse axum::serve;\nfn f() { serve(a); }\n",
            "use axum::run as serve;\nfn f() { serve(a); }\n",
            "use axum::serve::{self, Listener};\nfn f() { serve(a); }\n",
            "fn f() { use axum::serve; serve(a); }\n",
            "use axum::serve;\nfn f() { serve(a); }\n#[cfg(test)]\nmod tests { use super::*; fn g() { serve(b); } }\n",
        ] {
            assert_consequence(text, "serve", &Consequence::Blocked);
        }
        let alias = "use axum as w;\nfn f() { w::serve(a); }\n";
        assert_consequence(alias, "w::serve", &Consequence::Blocked);
    }
}
