//! The part that all generators share: adds modules, the application and dependencies to a plan.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use tera::Context;

use crate::format::Format;
use crate::hint::hinted;
use crate::manifest::{Dependency, Manifests};
use crate::paths::{normal, relative};
use crate::plan::Plan;
use crate::project::Project;
use crate::render::Templates;
use crate::source::{Outcome, Source, crates, modules};

pub(crate) mod application;
pub(crate) mod assets;
pub(crate) mod auth;
pub(crate) mod checkout;
mod collision;
mod page;
pub(crate) mod removal;
pub(crate) mod sockets;
pub(crate) mod test_state;
pub(crate) mod test_support;

use application::rust_files;

/// A project, its templates, and the plan that the generators fill.
pub(crate) struct Wiring {
    pub(crate) project: Project,
    pub(crate) templates: Templates,
    pub(crate) plan: Plan,
    /// Set if no server of the project was wired: the user has to start the application.
    unwired: bool,
}

impl Wiring {
    pub(crate) fn new(project: Project) -> Wiring {
        Wiring {
            templates: Templates::of(&project.root),
            plan: Plan::new(&project.root),
            unwired: false,
            project,
        }
    }

    /// Makes a wiring for the project as `plan` would leave it, to see what generating again gives.
    pub(crate) fn after(project: Project, plan: &Plan) -> Wiring {
        Wiring {
            plan: Plan::after(plan),
            ..Wiring::new(project)
        }
    }

    /// Formats the plan as the project does.
    pub(crate) fn format(&mut self) {
        self.plan.format(&Format {
            folder: &self.project.root,
            edition: &self.project.edition,
        });
    }

    /// Returns the finished plan, in the project's format.
    pub(crate) fn finish(mut self) -> Plan {
        self.format();
        // Now the lines of the file have their places.
        self.notice_unwired();
        self.plan
    }

    /// Returns a path below the source folder.
    pub(crate) fn source_path(&self, path: &str) -> PathBuf {
        self.project.source_folder().join(path)
    }

    /// Creates a file from a template.
    pub(crate) fn create(
        &mut self,
        path: &Path,
        template: &str,
        context: &Context,
    ) -> anyhow::Result<()> {
        let text = self.render(template, context)?;
        self.plan.create(path, text)
    }

    /// Renders a template, with the names that the project has for the crates.
    pub(crate) fn render(&self, template: &str, context: &Context) -> anyhow::Result<String> {
        let text = self.templates.render(template, context)?;
        self.with_crate_names("", text)
    }

    /// Returns `after` with the names that the project has for the crates. Code that `before` has
    /// stays: it may use a crate's own name for something else.
    fn with_crate_names(&self, before: &str, mut after: String) -> anyhow::Result<String> {
        let manifests = self.manifests()?;
        for package in NAMED {
            if let Some(name) = manifests.crate_name(package)
                && crates::rename(before, package, &name) == before
            {
                after = crates::rename(&after, package, &name);
            }
        }
        Ok(after)
    }

    /// Edits a file, and returns whether the place for the edit was found. If not, the file stays
    /// as it is.
    pub(crate) fn edit(
        &mut self,
        path: &Path,
        edit: impl Fn(&Source) -> Outcome,
    ) -> anyhow::Result<bool> {
        let text = self.plan.read(path)?;
        let text = text.with_context(|| format!("{} does not exist", path.display()))?;
        match edit(&Source::parse(path, &text)?) {
            Outcome::Edited(new) => {
                let new = self.with_crate_names(&text, new)?;
                self.plan.inject(path, new)?;
            }
            Outcome::Unchanged => self.plan.inject(path, text)?,
            Outcome::Unknown => return Ok(false),
        }
        Ok(true)
    }

    /// Declares `channels` in the crate root, and in it the modules, each in the one before.
    pub(crate) fn declare_in_channels(&mut self, modules: &[String]) -> anyhow::Result<()> {
        let mut folder = "channels".to_owned();
        for module in modules {
            let path = self.module_file(&folder)?;
            if self.plan.read(&path)?.is_none() {
                let text = if folder == "channels" {
                    self.channels_text()?
                } else {
                    String::new()
                };
                self.plan.create(&path, text)?;
            }
            self.edit(&path, |source| modules::declare(source, module, true))?;
            folder = format!("{folder}/{module}");
        }
        self.declare_in_root("channels")
    }

    /// Returns the text of `channels.rs` without modules.
    pub(crate) fn channels_text(&self) -> anyhow::Result<String> {
        self.render("phx.new/src/channels.rs.tera", &Context::new())
    }

    /// Returns the file of the module in `folder`: `channels/admin.rs`, or `channels/admin/mod.rs`
    /// in a project that writes its modules so.
    pub(crate) fn module_file(&self, folder: &str) -> anyhow::Result<PathBuf> {
        let named = self.source_path(&format!("{folder}.rs"));
        let mod_rs = self.source_path(&format!("{folder}/mod.rs"));
        let habit = self.plan.read(&self.source_path("channels/mod.rs"))?;
        let exists = |path: &Path| Ok::<_, anyhow::Error>(self.plan.read(path)?.is_some());
        let is_mod_rs = exists(&mod_rs)? || habit.is_some() && !exists(&named)?;
        Ok(if is_mod_rs { mod_rs } else { named })
    }

    /// Declares a module in the crate root. In a library it is `pub`, so that tests and the binary
    /// reach it.
    pub(crate) fn declare_in_root(&mut self, module: &str) -> anyhow::Result<()> {
        let root = self.project.crate_root().to_path_buf();
        if self.project.new_library && self.plan.read(&root)?.is_none() {
            self.plan.create(&root, NEW_LIBRARY.to_owned())?;
        }
        self.check_module(module)?;
        let public = self.project.library.is_some();
        self.edit(&root, |source| modules::declare(source, module, public))?;
        Ok(())
    }

    /// Returns advice on `gen channel`, or an empty text if the project has a channel already.
    pub(crate) fn channel_advice(&self, advice: &str) -> anyhow::Result<String> {
        for path in rust_files(&self.project.root, &self.source_path("channels")) {
            let text = self.plan.read(&path)?.unwrap_or_default();
            if text.contains(" Channel for ") {
                return Ok(String::new());
            }
        }
        Ok(format!("\n\n{advice}"))
    }

    /// Returns whether a library exports the channels, so that a test in `tests/` can use them.
    pub(crate) fn exports_channels(&self) -> anyhow::Result<bool> {
        let Some(library) = &self.project.library else {
            return Ok(false);
        };
        let text = self.plan.read(library)?.unwrap_or_default();
        let source = Source::parse(library, &text)?;
        Ok(modules::find(&source, "channels") == Some(true))
    }

    /// Adds dependencies to Cargo.toml, and to the workspace's if packages inherit from it.
    pub(crate) fn depend_on(&mut self, dependencies: &[Dependency]) -> anyhow::Result<()> {
        let path = Path::new("Cargo.toml");
        let text = self.plan.read(path)?.context("Cargo.toml does not exist")?;
        let workspace = self.workspace_manifest()?;
        let mut manifests = self.manifests()?;
        manifests.check_axum()?;
        if !manifests.has_any(SERVERS) {
            return Err(hinted(
                "this project depends neither on axum nor on another server that takes its routes",
                "add axum first, for example with `cargo add axum`, or make a new app with \
                 `cargo phx new hello`",
            ));
        }
        let adds_library = dependencies
            .iter()
            .any(|dependency| dependency.name == checkout::LIBRARY)
            && !manifests.has_any(&[checkout::LIBRARY]);
        if adds_library && let Some(notice) = checkout::notice() {
            self.plan.notice(notice);
        }
        for notice in manifests.add(dependencies)? {
            self.plan.notice(notice);
        }
        self.plan.inject(path, manifests.package_text(&text))?;
        if let Some((path, text)) = workspace
            && let Some(new) = manifests.workspace_text(&text)
        {
            self.plan.inject(&path, new)?;
        }
        Ok(())
    }

    /// Returns the project's manifests as planned.
    pub(crate) fn manifests(&self) -> anyhow::Result<Manifests> {
        let text = self.plan.read(Path::new("Cargo.toml"))?;
        let text = text.context("Cargo.toml does not exist")?;
        let workspace = self.workspace_manifest()?;
        let folder = match &workspace {
            Some((path, _)) => {
                let workspace = self.project.root.join(path);
                let root = normal(workspace.parent().unwrap_or(&workspace));
                relative(&self.project.root, &root)
            }
            None => PathBuf::new(),
        };
        let workspace = workspace
            .as_ref()
            .map(|(path, text)| (path.as_path(), text.as_str()));
        Manifests::parse(&text, workspace, folder)
    }

    /// Returns the manifest of the workspace, as planned, if it is another file than the package's:
    /// its path and text.
    fn workspace_manifest(&self) -> anyhow::Result<Option<(PathBuf, String)>> {
        let own = Path::new("Cargo.toml");
        let Some(path) = self.project.workspace.as_ref().filter(|path| *path != own) else {
            return Ok(None);
        };
        let text = self.plan.read(path)?;
        let text = text.with_context(|| format!("{} does not exist", path.display()))?;
        Ok(Some((path.clone(), text)))
    }
}

/// The text of a library that is made for the modules of a binary below `src/bin`.
const NEW_LIBRARY: &str = "//! The app's modules, which its binaries and its tests use.\n";

/// The packages that can serve the endpoint's routes, and the library itself: a package that has it
/// has been set up.
const SERVERS: &[&str] = &[
    "axum",
    "hyper",
    "hyper-util",
    "loco-rs",
    "tower",
    checkout::LIBRARY,
];

/// The packages that generated code names.
const NAMED: &[&str] = &["anyhow", "axum", "serde_json", "tokio", checkout::LIBRARY];
