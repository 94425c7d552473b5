//! `cargo phx new hello`: an axum app with a page, ready for sockets and channels.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use tera::Context;
use toml_edit::DocumentMut;

use super::Options;
use crate::console::Console;
use crate::format::Format;
use crate::hint::hinted;
use crate::manifest::{Manifests, member};
use crate::names::AppName;
use crate::paths::relative;
use crate::plan::Plan;
use crate::project::enclosing_workspace;
use crate::render::Templates;
use crate::wiring::checkout;

/// The templates, each with the path of the file that it becomes.
const FILES: &[(&str, &str)] = &[
    ("phx.new/Cargo.toml.tera", "Cargo.toml"),
    ("phx.new/README.md.tera", "README.md"),
    ("phx.new/AGENTS.md.tera", "AGENTS.md"),
    ("phx.new/gitignore.tera", ".gitignore"),
    ("phx.new/assets/app.css.tera", "assets/app.css"),
    ("phx.new/assets/app.js.tera", "assets/app.js"),
    ("phx.new/assets/index.html.tera", "assets/index.html"),
    ("phx.new/assets/package.json.tera", "assets/package.json"),
    ("phx.new/src/application.rs.tera", "src/application.rs"),
    ("phx.new/src/channels.rs.tera", "src/channels.rs"),
    ("phx.new/src/lib.rs.tera", "src/lib.rs"),
    ("phx.new/src/main.rs.tera", "src/main.rs"),
    ("phx.new/src/web.rs.tera", "src/web.rs"),
];

/// The template that an app of several nodes has in addition.
const CLUSTER: (&str, &str) = ("phx.new/src/cluster.rs.tera", "src/cluster.rs");

/// An engine: it carries messages between the nodes of an app.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Engine {
    /// zenoh: nodes link to each other, without a broker
    Zenoh,
    /// NATS: a server that you run
    Nats,
    /// Redis or Valkey: a server that you run
    Redis,
}

impl Engine {
    /// Returns the name of the engine in templates, which is also its feature of the library.
    fn name(self) -> &'static str {
        self.features()[0]
    }

    fn features(self) -> &'static [&'static str] {
        match self {
            Engine::Zenoh => &["zenoh"],
            Engine::Nats => &["nats"],
            Engine::Redis => &["redis"],
        }
    }
}

pub(crate) fn run(
    path: &Path,
    cluster: Option<Engine>,
    options: &Options,
    console: &mut Console,
) -> anyhow::Result<()> {
    let flags = [
        ("--manifest-path", options.manifest_path.is_some()),
        ("--bin", options.bin.is_some()),
    ];
    if let Some((flag, _)) = flags.iter().find(|(_, given)| *given) {
        return Err(hinted(
            format!("`cargo phx new` takes no {flag}: it makes a new project"),
            "name the folder instead: cargo phx new path/to/hello",
        ));
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let name = AppName::parse(&name)?;
    let root = absolute(path)?;
    let plan = plan(path, &root, &name, cluster)?;
    options.carry_out(&plan, console)
}

/// Returns the absolute path of the folder to make, with links resolved, so that it compares with
/// other paths.
fn absolute(path: &Path) -> anyhow::Result<PathBuf> {
    let path = std::path::absolute(path)?;
    let existing = path.ancestors().find(|folder| folder.exists());
    let existing =
        existing.with_context(|| format!("no folder above {} exists", path.display()))?;
    let rest = path.strip_prefix(existing)?;
    let resolved = existing.canonicalize()?;
    Ok(if rest.as_os_str().is_empty() {
        resolved
    } else {
        resolved.join(rest)
    })
}

fn plan(path: &Path, root: &Path, name: &AppName, cluster: Option<Engine>) -> anyhow::Result<Plan> {
    let mut context = Context::new();
    context.insert("package", name.package());
    context.insert("crate_name", &name.crate_name());
    context.insert("title", &name.title());
    context.insert("auth", &false);
    context.insert("cluster", &cluster.map(Engine::name));
    let mut library = checkout::presence_channels(root);
    if let Some(engine) = cluster {
        library = library.features(engine.features());
    }
    context.insert("presence_channels", &library.value().to_string());

    let workspace = workspace_to_join(root)?;
    // Cargo reads profiles from the root of a workspace alone.
    context.insert("profile", &workspace.is_none());

    let mut plan = Plan::new(root);
    let templates = Templates::embedded();
    for (template, file) in FILES.iter().chain(cluster.map(|_| &CLUSTER)) {
        plan.create(Path::new(file), templates.render(template, &context)?)?;
    }
    let folder = root.ancestors().find(|folder| folder.is_dir());
    plan.format(&Format {
        folder: folder.unwrap_or(root),
        edition: "2024",
    });
    if let Some(workspace) = &workspace {
        workspace.admit(root, &mut plan)?;
    }
    if let Some(notice) = checkout::notice() {
        plan.notice(notice);
    }
    plan.next_steps(format!(
        "The app is ready. Generate the guide's presence, socket and channel, \
         and fetch phoenix.js:\n\n    \
         $ cd {}\n    \
         $ cargo phx gen presence\n    \
         $ cargo phx gen socket User\n    \
         $ cargo phx gen channel Room shout:body:string\n    \
         $ npm install --prefix assets\n\n\
         Then start it, and open http://localhost:4000/?name=Alice in a few tabs:\n\n    \
         $ cargo run",
        path.display()
    ));
    Ok(plan)
}

/// A workspace that the app becomes a member of.
struct Workspace {
    manifest: PathBuf,
    document: DocumentMut,
    /// The app's folder, relative to the workspace.
    inside: PathBuf,
}

/// Returns the workspace around the app. A workspace that excludes the app is left alone.
fn workspace_to_join(root: &Path) -> anyhow::Result<Option<Workspace>> {
    let Some((manifest, document)) = enclosing_workspace(root)? else {
        return Ok(None);
    };
    let folder = manifest.parent().context("a manifest is in a folder")?;
    let inside = root.strip_prefix(folder)?.to_path_buf();
    let is_excluded = member::is_excluded(&document, &inside);
    Ok((!is_excluded).then_some(Workspace {
        manifest,
        document,
        inside,
    }))
}

impl Workspace {
    /// Makes the app a member, and lets it inherit from the workspace.
    fn admit(&self, root: &Path, plan: &mut Plan) -> anyhow::Result<()> {
        let path = relative(&self.manifest, root);
        let workspace = plan.read(&path)?;
        let workspace =
            workspace.with_context(|| format!("{} is gone", self.manifest.display()))?;
        let own = Path::new("Cargo.toml");
        let package = plan.read(own)?.context("the app has a Cargo.toml")?;
        let shared = Some((path.as_path(), workspace.as_str()));
        let mut manifests = Manifests::parse(&package, shared, self.inside.clone())?;
        if !member::is_settled(&self.document, &self.inside) {
            manifests.list_member();
        }
        manifests.inherit();
        plan.inject(own, manifests.package_text(&package))?;
        if let Some(new) = manifests.workspace_text(&workspace) {
            plan.inject(&path, new)?;
        }
        Ok(())
    }
}
