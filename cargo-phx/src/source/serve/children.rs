//! The modules of a file that stand in files of their own: they may need an import of that file.
//!
//! `use super::*;` in `handlers.rs` takes the private imports of `main.rs` too.

use std::path::{Path, PathBuf};

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use quote::ToTokens;
use syn::{Attribute, Expr, Item, Lit, Meta};

use super::find::is_test;
use super::flow::Functions;
use super::unused::{count, imports};
use crate::source::Source;

/// The kinds of code in other files that may need an import.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Needs {
    /// `true` if code outside of tests may need the import.
    pub(super) code: bool,
    /// `true` if a test may need the import.
    pub(super) tests: bool,
}

/// Returns which code in the modules below a file may need the file's import of `name`.
pub(super) fn needs(source: &Source, functions: &dyn Functions, name: &str) -> Needs {
    let mut search = Search {
        functions,
        name,
        seen: vec![source.path().to_owned()],
        found: Needs::default(),
    };
    let at = At {
        is_test: false,
        is_hidden: false,
    };
    search.modules(&source.file.items, &folders(source.path()), at);
    search.found
}

/// Returns the folders that may hold the modules of a file. Those of `a.rs` stand in `a`, and those
/// of a crate root or of `mod.rs` beside it.
fn folders(file: &Path) -> Vec<PathBuf> {
    let beside = file.parent().unwrap_or(Path::new(""));
    vec![file.with_extension(""), beside.to_owned()]
}

/// A place in the modules below the file.
#[derive(Clone, Copy)]
struct At {
    /// `true` in a module of tests.
    is_test: bool,
    /// `true` below a module with an import of its own of the name, which hides the file's from
    /// `super`.
    is_hidden: bool,
}

struct Search<'a> {
    functions: &'a dyn Functions,
    name: &'a str,
    /// The files that are read already.
    seen: Vec<PathBuf>,
    found: Needs,
}

impl Search<'_> {
    /// Reads the files of the modules that `items` declare.
    fn modules(&mut self, items: &[Item], folders: &[PathBuf], at: At) {
        for item in items {
            let Item::Mod(module) = item else { continue };
            let name = module.ident.to_string();
            let name = name.trim_start_matches("r#");
            let at = At {
                is_test: at.is_test || is_test(&module.attrs),
                ..at
            };
            let below = |path: &str| folders.iter().map(|folder| folder.join(path)).collect();
            if let Some((_, items)) = &module.content {
                let folders: Vec<PathBuf> = below(name);
                self.modules(items, &folders, at);
                continue;
            }
            let files: Vec<PathBuf> = match own_path(&module.attrs) {
                Some(path) => below(&path),
                None => [
                    below(&format!("{name}.rs")),
                    below(&format!("{name}/mod.rs")),
                ]
                .concat(),
            };
            let read = |path: PathBuf| Some((self.functions.text(&path)?, path));
            if let Some((text, path)) = files.into_iter().find_map(read)
                && !self.seen.contains(&path)
            {
                self.file(&path, &text, at);
            }
        }
    }

    fn file(&mut self, path: &Path, text: &str, at: At) {
        self.seen.push(path.to_owned());
        if !text.contains(self.name) && !text.contains("mod ") {
            return;
        }
        let Ok(source) = Source::parse(path, text) else {
            return self.note(at.is_test);
        };
        let items = &source.file.items;
        let is_above = |path: &[String]| ["super", "crate"].contains(&&*path[0]);
        let imports_it = imports(items, self.name)
            .iter()
            .any(|import| !is_above(&import.path));
        let below = At {
            is_hidden: at.is_hidden || imports_it,
            ..at
        };
        let mut takes_all = false;
        let mut uses = Vec::new();
        for item in items {
            let (attrs, at) = match item {
                Item::Mod(module) if module.content.is_some() => (&*module.attrs, below),
                Item::Fn(function) => (&*function.attrs, at),
                _ => (&[][..], at),
            };
            let is_test = at.is_test || is_test(attrs);
            let taken = Taken::of(item.to_token_stream(), self.name, at);
            takes_all |= taken.all;
            if taken.name {
                self.note(is_test);
            }
            if count(item.to_token_stream(), self.name) > 0 {
                uses.push(is_test);
            }
        }
        if takes_all && !imports_it {
            uses.into_iter().for_each(|is_test| self.note(is_test));
        }
        self.modules(items, &folders(path), below);
    }

    fn note(&mut self, is_test: bool) {
        if is_test {
            self.found.tests = true;
        } else {
            self.found.code = true;
        }
    }
}

/// Returns the path in `#[path = "other.rs"]`.
fn own_path(attrs: &[Attribute]) -> Option<String> {
    attrs.iter().find_map(|attr| match &attr.meta {
        Meta::NameValue(meta) if meta.path.is_ident("path") => match &meta.value {
            Expr::Lit(value) => match &value.lit {
                Lit::Str(path) => Some(path.value()),
                _ => None,
            },
            _ => None,
        },
        _ => None,
    })
}

/// The names that code takes from the modules above it.
#[derive(Default)]
struct Taken {
    /// `true` for the name: `super::SocketAddr`, or `use crate::{Config, SocketAddr};`.
    name: bool,
    /// `true` for all names: `use super::*;`.
    all: bool,
}

impl Taken {
    fn of(tokens: TokenStream, name: &str, at: At) -> Taken {
        let roots: &[&str] = if at.is_hidden {
            &["crate"]
        } else {
            &["super", "crate"]
        };
        let mut taken = Taken::default();
        taken.read(tokens, name, roots, false);
        taken
    }

    /// Reads the paths in `tokens`. With `around`, they continue a path of a module above, as in
    /// `super::{..}`.
    fn read(&mut self, tokens: TokenStream, name: &str, roots: &[&str], around: bool) {
        // The punctuation before a token: the last two marks.
        let mut before = [' '; 2];
        let mut is_above = around;
        for token in tokens {
            let is_below = before == [':', ':'];
            let mut here = ' ';
            match token {
                TokenTree::Group(group) => {
                    let is_tree = is_below && group.delimiter() == Delimiter::Brace;
                    self.read(group.stream(), name, roots, is_tree && is_above);
                }
                TokenTree::Ident(ident) => {
                    if !is_below {
                        is_above = around;
                    }
                    is_above |= roots.iter().any(|root| ident == root);
                    self.name |= is_above && ident == name;
                }
                TokenTree::Punct(punct) => {
                    here = punct.as_char();
                    self.all |= here == '*' && is_above && (is_below || around);
                }
                TokenTree::Literal(_) => {}
            }
            before = [before[1], here];
        }
    }
}

#[cfg(test)]
mod tests;
