//! Modules of the user that have a name of the generators: `application` or `channels`.

use std::path::Path;

use syn::{Attribute, Item};

use super::Wiring;
use super::application::rust_files;
use crate::hint::hinted;
use crate::source::{Source, imports};
use crate::wiring::checkout;

impl Wiring {
    /// Rejects a project whose module `name` has nothing to do with the generators: what they would
    /// add to it, or declare beside it, does not compile.
    pub(super) fn check_module(&self, name: &str) -> anyhow::Result<()> {
        let root = self.project.crate_root();
        let text = self.plan.read(root)?.unwrap_or_default();
        let source = Source::parse(root, &text)?;
        let declared = source.file.items.iter().find_map(|item| match item {
            Item::Mod(module) if module.ident == name => Some(module),
            _ => None,
        });
        if let Some(module) = declared {
            let is_moved = |attribute: &Attribute| attribute.path().is_ident("path");
            let elsewhere = module.content.is_some() || module.attrs.iter().any(is_moved);
            if elsewhere || !self.is_ours(name)? {
                let line = module.mod_token.span.start().line;
                return Err(collision(&format!("{}, line {line}", root.display()), name));
            }
            return Ok(());
        }
        let mut imported = imports::paths(&source).into_iter();
        if imported.any(|path| path.last().is_some_and(|last| last == name)) {
            return Err(collision(&root.display().to_string(), name));
        }
        if !self.is_ours(name)? {
            let path = self.module_file(name)?;
            return Err(collision(&path.display().to_string(), name));
        }
        Ok(())
    }

    /// Returns whether the files of a module use the library, or declare nothing but modules.
    fn is_ours(&self, name: &str) -> anyhow::Result<bool> {
        let path = self.module_file(name)?;
        let Some(text) = self.plan.read(&path)? else {
            return Ok(true);
        };
        let library = self.manifests()?.crate_name(checkout::LIBRARY);
        let library = library.unwrap_or_else(|| checkout::LIBRARY.replace('-', "_"));
        if text.contains(&library) || is_list(&path, &text)? {
            return Ok(true);
        }
        for path in rust_files(&self.project.root, &self.source_path(name)) {
            if self
                .plan
                .read(&path)?
                .unwrap_or_default()
                .contains(&library)
            {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// Returns whether a file has no items but modules and imports.
fn is_list(path: &Path, text: &str) -> anyhow::Result<bool> {
    let source = Source::parse(path, text)?;
    let mut items = source.file.items.iter();
    Ok(items.all(|item| matches!(item, Item::Mod(_) | Item::Use(_))))
}

fn collision(place: &str, name: &str) -> anyhow::Error {
    hinted(
        format!("{place}: the project has a module `{name}` of its own, and nothing was written"),
        format!("rename that module: the generators write theirs with the name `{name}`"),
    )
}
