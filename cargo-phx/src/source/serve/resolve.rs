//! The crates that the paths of a file begin with, whatever the file calls them.
//!
//! `web::serve` is axum's function if the manifest renames axum to `web`, if the file has
//! `use axum as web`, or if it has `use axum::{self as web}`. A bare `serve` is axum's only if the
//! file imports it.

use syn::visit::{self, Visit};
use syn::{File, ItemUse, UseTree};

use super::flow::Functions;

/// The packages whose functions make servers.
const PACKAGES: &[&str] = &["axum", "axum-server", "presence-channels", "tokio"];
/// An import may name another import. This many steps are followed.
const MAX_STEPS: usize = 4;

/// The names that a file imports, and the names that the manifest gives to crates.
pub(crate) struct Resolver {
    /// The imported names with their paths.
    imports: Vec<(String, Vec<String>)>,
    /// The paths before a `*`.
    globs: Vec<Vec<String>>,
    /// The functions that the file declares. They hide what a `*` imports.
    functions: Vec<String>,
    /// The name in the manifest, and the crate's own name.
    renamed: Vec<(String, String)>,
}

impl Resolver {
    pub(crate) fn of(file: &File, functions: &dyn Functions) -> Resolver {
        let renamed = PACKAGES.iter().map(|package| {
            let own = package.replace('-', "_");
            (functions.crate_name(package), own)
        });
        let mut resolver = Resolver {
            imports: Vec::new(),
            globs: Vec::new(),
            functions: Vec::new(),
            renamed: renamed.filter(|(name, own)| name != own).collect(),
        };
        resolver.visit_file(file);
        resolver
    }

    /// Returns whether `path` names the item `wanted`, such as `["axum", "serve"]`.
    pub(crate) fn is(&self, path: &syn::Path, wanted: &[&str]) -> bool {
        let full = self.full(path);
        if full == wanted {
            return true;
        }
        let ([name], Some((last, parent))) = (full.as_slice(), wanted.split_last()) else {
            return false;
        };
        name == last
            && !self.functions.contains(name)
            && self
                .globs
                .iter()
                .any(|glob| self.with_own_name(glob.clone()) == parent)
    }

    /// Returns whether `path` ends in the names `tail` once its first name is replaced by what the
    /// file imports under that name.
    pub(crate) fn ends_with(&self, path: &syn::Path, tail: &[&str]) -> bool {
        let full = self.full(path);
        full.len() >= tail.len() && full[full.len() - tail.len()..] == *tail
    }

    /// Returns the path with the crate's own name in the first place.
    pub(crate) fn full(&self, path: &syn::Path) -> Vec<String> {
        let segments = path.segments.iter();
        let mut full: Vec<String> = segments.map(|segment| segment.ident.to_string()).collect();
        if path.leading_colon.is_some() {
            return self.with_own_name(full);
        }
        for _ in 0..MAX_STEPS {
            let imported = self.imports.iter().find(|(name, _)| *name == full[0]);
            match imported {
                // `use axum::{self}` imports the crate under its own name.
                Some((_, path)) if path[0] != full[0] => {
                    full.splice(..1, path.iter().cloned());
                }
                _ => break,
            }
        }
        self.with_own_name(full)
    }

    /// Returns the names by which the file imports the whole crate `package`: `use axum as web`.
    pub(crate) fn aliases(&self, package: &str) -> Vec<&str> {
        let whole = self.imports.iter().filter(|(name, path)| {
            path.len() == 1 && path[0] != *name && self.with_own_name(path.clone()) == [package]
        });
        whole.map(|(name, _)| name.as_str()).collect()
    }

    /// Returns whether an import of the file, in a function or a module too, has this name.
    pub(super) fn imports(&self, name: &str) -> bool {
        self.imports.iter().any(|(imported, _)| imported == name)
    }

    fn with_own_name(&self, mut path: Vec<String>) -> Vec<String> {
        let own = self.renamed.iter().find(|(name, _)| *name == path[0]);
        if let Some((_, own)) = own {
            path[0].clone_from(own);
        }
        path
    }

    fn import(&mut self, tree: &UseTree, above: &[String]) {
        let below = |name: &syn::Ident| {
            let mut path = above.to_vec();
            if name != "self" {
                path.push(name.to_string());
            }
            path
        };
        match tree {
            UseTree::Path(path) => self.import(&path.tree, &below(&path.ident)),
            UseTree::Group(group) => {
                for tree in &group.items {
                    self.import(tree, above);
                }
            }
            UseTree::Name(name) => self.add(below(&name.ident), None),
            UseTree::Rename(rename) => {
                let name = rename.rename.to_string();
                self.add(below(&rename.ident), Some(name));
            }
            UseTree::Glob(_) => self
                .globs
                .extend((!above.is_empty()).then(|| above.to_vec())),
        }
    }

    fn add(&mut self, path: Vec<String>, name: Option<String>) {
        if let Some(name) = name.or_else(|| path.last().cloned()) {
            self.imports.push((name, path));
        }
    }
}

impl<'s> Visit<'s> for Resolver {
    fn visit_item_use(&mut self, item: &'s ItemUse) {
        self.import(&item.tree, &[]);
    }

    fn visit_item_extern_crate(&mut self, item: &'s syn::ItemExternCrate) {
        let name = item.rename.as_ref().map(|(_, name)| name.to_string());
        self.add(vec![item.ident.to_string()], name);
    }

    fn visit_item_fn(&mut self, item: &'s syn::ItemFn) {
        self.functions.push(item.sig.ident.to_string());
        visit::visit_item_fn(self, item);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::serve::tests::Project;

    fn resolver(code: &str) -> Resolver {
        let file = syn::parse_file(code).unwrap();
        Resolver::of(&file, &Project(&[]))
    }

    #[test]
    fn a_name_is_replaced_by_what_the_file_imports_under_it() {
        for (imports, path) in [
            ("", "axum::serve"),
            ("", "::axum::serve"),
            ("use axum::Router;", "axum::serve"),
            ("use axum as web;", "web::serve"),
            ("use axum::{self as web, Router};", "web::serve"),
            ("use axum::{self, Router};", "axum::serve"),
            ("extern crate axum as web;", "web::serve"),
            ("use axum::serve;", "serve"),
            ("use axum::serve as run;", "run"),
            ("use axum as web; use web::serve as run;", "run"),
            ("use axum::*;", "serve"),
            ("fn f() { use axum::serve; }", "serve"),
        ] {
            let path: syn::Path = syn::parse_str(path).unwrap();
            assert!(resolver(imports).is(&path, &["axum", "serve"]), "{imports}");
        }
        for (imports, path) in [
            ("", "serve"),
            ("fn serve() {}", "serve"),
            ("use axum::*; fn serve() {}", "serve"),
            ("use warp::serve;", "serve"),
            ("use warp as axum;", "axum::serve"),
            ("use axum::Router as serve;", "serve"),
            ("", "crate::axum::serve"),
        ] {
            let path: syn::Path = syn::parse_str(path).unwrap();
            assert!(
                !resolver(imports).is(&path, &["axum", "serve"]),
                "{imports}"
            );
        }
    }

    #[test]
    fn an_alias_is_the_name_of_the_whole_crate() {
        let code = "use axum::{self as web, Router as R}; use tokio as rt;";
        assert_eq!(resolver(code).aliases("axum"), ["web"]);
    }
}
