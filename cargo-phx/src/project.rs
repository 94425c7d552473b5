//! The cargo project that a command works on.

use std::path::{Path, PathBuf};

use anyhow::Context;
use toml_edit::{DocumentMut, Item};

use crate::hint::hinted;

/// The facts about a package that the generators need. Paths are relative to its folder.
#[derive(Debug)]
pub(crate) struct Project {
    /// The folder of the package's Cargo.toml.
    pub(crate) root: PathBuf,
    /// The name of the library, else the name of the package as an identifier.
    pub(crate) crate_name: String,
    /// The crate root of the library, or `None` if the package has no library.
    pub(crate) library: Option<PathBuf>,
    /// The crate root of the binary, or `None` if the package has no binary.
    pub(crate) binary: Option<PathBuf>,
    /// The text of the manifest that `workspace = true` refers to, or `None` outside a workspace.
    pub(crate) workspace: Option<String>,
    /// The edition, in the form that rustfmt takes.
    pub(crate) edition: String,
}

impl Project {
    /// Finds the project of `manifest`, else the nearest in `folder` or above it.
    ///
    /// # Errors
    ///
    /// Fails if the manifest is missing, is not valid, or has neither a library nor a binary.
    pub(crate) fn find(manifest: Option<&Path>, folder: &Path) -> anyhow::Result<Project> {
        let manifest = match manifest {
            // The root is compared with other paths, so `..` and links must be resolved.
            Some(path) => folder
                .join(path)
                .canonicalize()
                .with_context(|| format!("cannot read {}", path.display()))?,
            None => folder
                .ancestors()
                .map(|folder| folder.join("Cargo.toml"))
                .find(|path| path.is_file())
                .ok_or_else(|| {
                    hinted(
                        format!("no Cargo.toml in {} or above it", folder.display()),
                        "run this inside a cargo project, or make one with `cargo phx new hello`",
                    )
                })?,
        };
        let document = read_manifest(&manifest)?;
        let root = manifest
            .parent()
            .context("a manifest is in a folder")?
            .to_path_buf();
        let Some(package) = document.get("package").and_then(Item::as_table_like) else {
            return Err(no_package(&manifest, &document));
        };

        let workspace = workspace_manifest(&root, &document)?;
        let name = package.get("name").and_then(Item::as_str).unwrap_or("app");
        let library = target(&root, document.get("lib"), "src/lib.rs");
        let binary = binary(&root, &document);
        if library.is_none() && binary.is_none() {
            return Err(hinted(
                format!("{} has neither a library nor a binary", manifest.display()),
                "the generators expect src/lib.rs or src/main.rs",
            ));
        }
        let library_name = document
            .get("lib")
            .and_then(|lib| lib.get("name"))
            .and_then(Item::as_str);
        Ok(Project {
            crate_name: library_name.unwrap_or(name).replace('-', "_"),
            edition: edition(package.get("edition"), workspace.as_deref()),
            root,
            library,
            binary,
            workspace,
        })
    }

    /// Returns the crate root that declares the app's modules: the library's, so that tests can
    /// reach them, else the binary's.
    pub(crate) fn crate_root(&self) -> &Path {
        let root = self.library.as_deref().or(self.binary.as_deref());
        root.expect("`find` rejects a package without a library and a binary")
    }

    /// Returns the folder of the app's modules, usually `src`.
    pub(crate) fn source_folder(&self) -> &Path {
        self.crate_root().parent().unwrap_or(Path::new(""))
    }
}

fn read_manifest(path: &Path) -> anyhow::Result<DocumentMut> {
    let text =
        std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    text.parse()
        .with_context(|| format!("{} is not valid TOML", path.display()))
}

fn no_package(manifest: &Path, document: &DocumentMut) -> anyhow::Error {
    let members = document
        .get("workspace")
        .and_then(|workspace| workspace.get("members"))
        .and_then(Item::as_array);
    let members: Vec<&str> = members
        .map(|members| {
            members
                .iter()
                .filter_map(|member| member.as_str())
                .collect()
        })
        .unwrap_or_default();
    let hint = if members.is_empty() {
        "run this in the folder of a package".to_owned()
    } else {
        format!(
            "run this in the folder of a member, or name one with --manifest-path: {}",
            members.join(", ")
        )
    };
    hinted(
        format!("{} is a workspace without a package", manifest.display()),
        hint,
    )
}

fn binary(root: &Path, document: &DocumentMut) -> Option<PathBuf> {
    let declared = document.get("bin").and_then(Item::as_array_of_tables);
    let declared = declared.into_iter().flatten().find_map(|table| {
        let path = PathBuf::from(table.get("path")?.as_str()?);
        root.join(&path).is_file().then_some(path)
    });
    declared.or_else(|| target(root, None, "src/main.rs"))
}

fn target(root: &Path, table: Option<&Item>, default: &str) -> Option<PathBuf> {
    let path = table
        .and_then(|table| table.get("path"))
        .and_then(Item::as_str)
        .unwrap_or(default);
    root.join(path).is_file().then(|| PathBuf::from(path))
}

/// Returns the text of the workspace's manifest: the package's own, the one that the package names,
/// or the nearest above.
fn workspace_manifest(root: &Path, document: &DocumentMut) -> anyhow::Result<Option<String>> {
    if document.get("workspace").is_some() {
        return Ok(Some(document.to_string()));
    }
    let named = document
        .get("package")
        .and_then(|package| package.get("workspace"))
        .and_then(Item::as_str);
    if let Some(named) = named {
        let path = root.join(named).join("Cargo.toml");
        return Ok(Some(read_manifest(&path)?.to_string()));
    }
    Ok(enclosing_workspace(root)?.map(|(_, document)| document.to_string()))
}

/// Returns the manifest of the nearest workspace whose root is above `folder`: its path and text.
pub(crate) fn enclosing_workspace(folder: &Path) -> anyhow::Result<Option<(PathBuf, DocumentMut)>> {
    for above in folder.ancestors().skip(1) {
        let path = above.join("Cargo.toml");
        if path.is_file() {
            let document = read_manifest(&path)?;
            if document.get("workspace").is_some() {
                return Ok(Some((path, document)));
            }
        }
    }
    Ok(None)
}

fn edition(own: Option<&Item>, workspace: Option<&str>) -> String {
    let inherited = || {
        let document: DocumentMut = workspace?.parse().ok()?;
        let package = document.get("workspace")?.get("package")?;
        package.get("edition")?.as_str().map(str::to_owned)
    };
    match own {
        Some(own) => own.as_str().map(str::to_owned).or_else(inherited),
        None => None,
    }
    // Cargo's default for a package without an edition.
    .unwrap_or_else(|| "2015".to_owned())
}

#[cfg(test)]
mod tests;
