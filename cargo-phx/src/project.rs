//! The cargo project that a command works on, as `cargo metadata` describes it.
//!
//! Cargo alone knows which targets a package has: some are declared, others are found by their
//! place. See `docs/decisions/generator.md`.

use std::path::{Path, PathBuf};

use anyhow::Context;
use cargo_metadata::{Metadata, MetadataCommand, Package, Target};
use toml_edit::DocumentMut;

use crate::console::Console;
use crate::hint::hinted;
use crate::manifest;
use crate::paths::relative;

mod binary;

use binary::Binary;

/// The facts about a package that the generators need. Paths are relative to its folder.
#[derive(Debug, Clone)]
pub(crate) struct Project {
    /// The folder of the package's Cargo.toml.
    pub(crate) root: PathBuf,
    /// The name of the library, else the name of the package as an identifier.
    pub(crate) crate_name: String,
    /// The crate root of the library, or `None` if the package has no library and needs none.
    pub(crate) library: Option<PathBuf>,
    /// Set if the library does not exist yet. The package's binary is in a folder where cargo takes
    /// every file for a target, so the modules need a library.
    pub(crate) new_library: bool,
    /// The crate root of the binary, or `None` if the package has no binary.
    pub(crate) binary: Option<PathBuf>,
    /// The manifest that `workspace = true` refers to, or `None` outside a workspace. It is the
    /// package's own manifest if the package is the root of its workspace.
    pub(crate) workspace: Option<PathBuf>,
    /// The edition, in the form that rustfmt takes.
    pub(crate) edition: String,
}

/// The folders in which cargo takes every Rust file for a target of its own.
const SEARCHED: [&str; 4] = ["src/bin", "tests", "examples", "benches"];

/// The crate root that cargo takes for the library without a declaration.
const LIBRARY: &str = "src/lib.rs";

impl Project {
    /// Finds the project of `manifest`, else the nearest in `folder` or above it.
    ///
    /// `bin` names the binary that serves the app. Without it, and if several might, the console
    /// asks.
    ///
    /// # Errors
    ///
    /// Fails if there is no manifest, if cargo refuses it, or if the binary is not known.
    pub(crate) fn find(
        manifest: Option<&Path>,
        folder: &Path,
        bin: Option<&str>,
        console: &mut Console,
    ) -> anyhow::Result<Project> {
        let manifest = find_manifest(manifest, folder)?;
        let metadata = metadata(&manifest)?;
        let package = package(&metadata, &manifest)?;
        let root = manifest
            .parent()
            .context("a manifest is in a folder")?
            .to_path_buf();

        let of_kind = |matches: fn(&Target) -> bool| {
            package.targets.iter().filter(move |target| matches(target))
        };
        let path = |target: &Target| relative(target.src_path.as_std_path(), &root);
        let declared_library = of_kind(is_library).next();
        let binaries = of_kind(Target::is_bin).map(|target| Binary {
            name: target.name.clone(),
            path: path(target),
        });
        let default = package.default_run.as_deref();
        let binary = binary::choose(&root, binaries.collect(), default, bin, console)?;
        let mut library = declared_library.map(path);
        let new_library = library.is_none() && binary.as_deref().is_some_and(is_searched);
        if new_library {
            check_new_library(&root)?;
            library = Some(LIBRARY.into());
        }
        if library.is_none() && binary.is_none() {
            return Err(hinted(
                format!("{} has neither a library nor a binary", manifest.display()),
                "the generators expect src/lib.rs or src/main.rs",
            ));
        }
        let name = declared_library.map_or(package.name.as_str(), |target| &target.name);
        let workspace = metadata.workspace_root.as_std_path().join("Cargo.toml");
        Ok(Project {
            crate_name: name.replace('-', "_"),
            edition: package.edition.as_str().to_owned(),
            workspace: is_workspace(&workspace)?.then(|| relative(&workspace, &root)),
            root,
            library,
            new_library,
            binary,
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

/// Returns the path of a manifest, with links resolved: the given one, else the nearest in `folder`
/// or above it.
fn find_manifest(manifest: Option<&Path>, folder: &Path) -> anyhow::Result<PathBuf> {
    let path = match manifest {
        Some(path) => folder.join(path),
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
    if path.is_dir() {
        return Err(hinted(
            format!("{} is a folder", path.display()),
            "--manifest-path takes the path of a Cargo.toml",
        ));
    }
    // The root is compared with other paths, so `..` and links must be resolved.
    path.canonicalize()
        .with_context(|| format!("cannot read {}", path.display()))
}

/// Asks cargo about the packages of a workspace. Cargo reads manifests alone for that.
fn metadata(manifest: &Path) -> anyhow::Result<Metadata> {
    let result = MetadataCommand::new()
        .manifest_path(manifest)
        .no_deps()
        .other_options(["--offline".to_owned()])
        .exec();
    result.map_err(|error| match error {
        cargo_metadata::Error::CargoMetadata { stderr } => hinted(
            format!(
                "cargo refuses {}, and nothing was written:\n\n{}\n",
                manifest.display(),
                stderr.trim().trim_start_matches("error: ")
            ),
            "correct the manifest until `cargo metadata` accepts it, then run the command again",
        ),
        error => anyhow::Error::new(error).context("cannot run `cargo metadata`"),
    })
}

/// Returns the package of a manifest.
fn package<'m>(metadata: &'m Metadata, manifest: &Path) -> anyhow::Result<&'m Package> {
    let is_wanted = |package: &&Package| {
        let path = package.manifest_path.as_std_path();
        path == manifest || path.canonicalize().is_ok_and(|path| path == manifest)
    };
    if let Some(package) = metadata.packages.iter().find(is_wanted) {
        return Ok(package);
    }
    let root = metadata.workspace_root.as_std_path();
    let members: Vec<String> = metadata
        .packages
        .iter()
        .map(|package| relative(package.manifest_path.as_std_path(), root))
        .map(|path| path.display().to_string().replace('\\', "/"))
        .collect();
    let hint = if members.is_empty() {
        "run this in the folder of a package".to_owned()
    } else {
        format!(
            "run this in the folder of a member, or name its manifest with --manifest-path: {}",
            members.join(", ")
        )
    };
    Err(hinted(
        format!("{} is a workspace without a package", manifest.display()),
        hint,
    ))
}

fn is_library(target: &Target) -> bool {
    target.is_lib() || target.is_rlib() || target.is_dylib() || target.is_cdylib()
}

/// Returns whether cargo takes each file beside this one for a target of its own.
fn is_searched(path: &Path) -> bool {
    let folder = path.parent().unwrap_or(Path::new(""));
    SEARCHED
        .iter()
        .any(|searched| folder == Path::new(searched))
}

/// Rejects a package that has a file where its library would be, but does not want it as one.
fn check_new_library(root: &Path) -> anyhow::Result<()> {
    if root.join(LIBRARY).exists() {
        return Err(hinted(
            format!("the package has {LIBRARY}, but its Cargo.toml excludes it as a library"),
            "the app's modules need a library, because cargo takes each file in src/bin for a \
             program; remove `autolib = false`, or move the binary to src/main.rs",
        ));
    }
    Ok(())
}

/// Returns whether a manifest has a `[workspace]` table.
fn is_workspace(manifest: &Path) -> anyhow::Result<bool> {
    Ok(read_manifest(manifest)?.get("workspace").is_some())
}

fn read_manifest(path: &Path) -> anyhow::Result<DocumentMut> {
    let text =
        std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    manifest::parse(&text, path)
}

/// Returns the manifest of the nearest workspace whose root is above `folder`, which need not exist
/// yet: its path and its document.
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

#[cfg(test)]
mod tests;
