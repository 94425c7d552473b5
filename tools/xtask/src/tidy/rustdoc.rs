//! Checks of Rust documentation that no lint of rustc, rustdoc or clippy makes: the order of the
//! sections, the words for a `bool`, and module docs that repeat an item's.

use std::path::Path;

use proc_macro2::Span;
use syn::visit::{self, Visit};
use syn::{Attribute, Expr, Item, Lit, Meta, ReturnType, Signature, Type};

use super::Tree;

/// The sections in their order. Others may stand anywhere.
const SECTIONS: [&str; 3] = ["# Errors", "# Panics", "# Examples"];

pub(super) fn check(tree: &Tree) -> Vec<String> {
    let sources = tree
        .files
        .iter()
        .filter(|(path, _)| path.extension().is_some_and(|extension| extension == "rs"))
        .filter_map(|(path, text)| Some((path, text.as_deref()?)));
    sources
        .flat_map(|(path, text)| of_file(path, text))
        .collect()
}

fn of_file(path: &Path, text: &str) -> Vec<String> {
    let Ok(file) = syn::parse_file(text) else {
        // Cases that must not compile may be no Rust at all; the compiler judges the others.
        return Vec::new();
    };
    let mut docs = Docs {
        path,
        module: summary(&docs(&file.attrs)),
        complaints: Vec::new(),
    };
    docs.visit_file(&file);
    docs.complaints
}

struct Docs<'a> {
    path: &'a Path,
    /// The first sentence of the file's own docs.
    module: Option<String>,
    complaints: Vec<String>,
}

impl Docs<'_> {
    fn complain(&mut self, at: Span, what: &str) {
        let line = at.start().line;
        self.complaints
            .push(format!("{}:{line}: {what}", self.path.display()));
    }

    fn item(&mut self, attributes: &[Attribute], at: Span) {
        let text = docs(attributes);
        let places: Vec<_> = text
            .lines()
            .filter_map(|line| SECTIONS.iter().position(|section| line.trim() == *section))
            .collect();
        if !places.is_sorted() {
            self.complain(
                at,
                "the sections come in another order: Errors, Panics, Examples",
            );
        }
        if self.module.is_some() && self.module == summary(&text) {
            self.complain(
                at,
                "the module's docs repeat the item's: say there what the file adds",
            );
        }
    }

    fn function(&mut self, attributes: &[Attribute], signature: &Signature) {
        let at = signature.ident.span();
        self.item(attributes, at);
        let ReturnType::Type(_, returned) = &signature.output else {
            return;
        };
        let is_bool = matches!(&**returned, Type::Path(path) if path.path.is_ident("bool"));
        let text = docs(attributes);
        let first = text.split("\n\n").next().unwrap_or_default();
        let says_when = ["eturns whether", "`true`", "`false`"]
            .iter()
            .any(|words| first.contains(words));
        if is_bool && !first.is_empty() && !says_when {
            self.complain(at, "returns a bool: its docs say \"Returns whether ...\"");
        }
    }
}

impl<'a> Visit<'a> for Docs<'_> {
    fn visit_item(&mut self, item: &'a Item) {
        match item {
            Item::Fn(function) => self.function(&function.attrs, &function.sig),
            Item::Struct(item) => self.item(&item.attrs, item.ident.span()),
            Item::Enum(item) => self.item(&item.attrs, item.ident.span()),
            Item::Trait(item) => self.item(&item.attrs, item.ident.span()),
            Item::Type(item) => self.item(&item.attrs, item.ident.span()),
            _ => {}
        }
        visit::visit_item(self, item);
    }

    fn visit_impl_item_fn(&mut self, function: &'a syn::ImplItemFn) {
        self.function(&function.attrs, &function.sig);
        visit::visit_impl_item_fn(self, function);
    }

    fn visit_trait_item_fn(&mut self, function: &'a syn::TraitItemFn) {
        self.function(&function.attrs, &function.sig);
        visit::visit_trait_item_fn(self, function);
    }
}

/// Returns the text of doc comments, a line each.
fn docs(attributes: &[Attribute]) -> String {
    let lines = attributes.iter().filter_map(|attribute| {
        let Meta::NameValue(pair) = &attribute.meta else {
            return None;
        };
        match &pair.value {
            Expr::Lit(literal) if pair.path.is_ident("doc") => match &literal.lit {
                Lit::Str(text) => Some(text.value().trim().to_owned()),
                _ => None,
            },
            _ => None,
        }
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Returns the first sentence, or `None` if there are no docs.
fn summary(docs: &str) -> Option<String> {
    let paragraph = docs.split("\n\n").next()?.replace('\n', " ");
    let sentence = paragraph
        .split_once(". ")
        .map_or(&*paragraph, |(first, _)| first);
    let sentence = sentence.trim_end_matches('.').trim();
    (!sentence.is_empty()).then(|| sentence.to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaints(source: &str) -> Vec<String> {
        of_file(Path::new("a.rs"), source)
    }

    #[test]
    fn sections_have_one_order() {
        let source = "/// Sends.\n///\n/// # Examples\n/// x\n/// # Errors\n/// y\nfn send() {}\n";
        assert!(complaints(source)[0].starts_with("a.rs:7: the sections"));
        let source = "/// Sends.\n///\n/// # Errors\n/// # Panics\n/// # Examples\nfn send() {}\n";
        assert!(complaints(source).is_empty());
    }

    #[test]
    fn a_bool_is_explained() {
        assert_eq!(
            complaints("/// The peer is up.\nfn up() -> bool { true }\n").len(),
            1
        );
        for plain in [
            "/// Returns whether the peer is up.\nfn up() -> bool { true }\n",
            "/// Removes the peer. Returns `true` if it was there.\nfn up() -> bool { true }\n",
            "fn up() -> bool { true }\n",
            "/// The list.\nfn up() -> Vec<u8> { vec![] }\n",
        ] {
            assert!(complaints(plain).is_empty(), "{plain}");
        }
    }

    #[test]
    fn a_module_does_not_repeat_its_item() {
        let source =
            "//! A queue of frames.\n\n/// A queue of frames. It is bounded.\nstruct Queue;\n";
        assert!(complaints(source)[0].contains("repeat"));
    }
}
