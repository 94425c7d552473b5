//! `cargo phx new hello`: an axum app with a page, ready for sockets and channels.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use tera::Context;
use toml_edit::{DocumentMut, Item};

use super::Options;
use crate::console::Console;
use crate::format::Format;
use crate::hint::hinted;
use crate::names::AppName;
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

/// The templates that an app of several nodes has in addition, or in place of those above.
const CLUSTER: &[(&str, &str)] = &[
    (
        "phx.new/src/cluster/application.rs.tera",
        "src/application.rs",
    ),
    ("phx.new/src/cluster/cluster.rs.tera", "src/cluster.rs"),
];

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
    if options.manifest_path.is_some() {
        return Err(hinted(
            "`cargo phx new` takes no --manifest-path: it makes a new project",
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
    context.insert("cluster", &cluster.map(Engine::name));
    let mut library = checkout::presence_channels(root);
    if let Some(engine) = cluster {
        library = library.features(engine.features());
    }
    context.insert("presence_channels", &library.value().to_string());

    let mut plan = Plan::new(root);
    let templates = Templates::embedded();
    let more = if cluster.is_some() { CLUSTER } else { &[] };
    let replaced = |file: &str| more.iter().any(|(_, other)| *other == file);
    let files = FILES.iter().filter(|(_, file)| !replaced(file));
    for (template, file) in files.chain(more) {
        plan.create(Path::new(file), templates.render(template, &context)?)?;
    }
    let folder = root.ancestors().find(|folder| folder.is_dir());
    plan.format(&Format {
        folder: folder.unwrap_or(root),
        edition: "2024",
    });
    if let Some(notice) = workspace_notice(root)? {
        plan.notice(notice);
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
         $ cargo phx gen channel Room\n    \
         $ npm install --prefix assets\n\n\
         Then start it, and open http://localhost:4000/?name=Alice in a few tabs:\n\n    \
         $ cargo run",
        path.display()
    ));
    Ok(plan)
}

/// Returns a notice if the app is below a workspace that neither lists nor excludes it: cargo
/// rejects such a package.
fn workspace_notice(root: &Path) -> anyhow::Result<Option<String>> {
    let Some((manifest, document)) = enclosing_workspace(root)? else {
        return Ok(None);
    };
    let folder = manifest.parent().context("a manifest is in a folder")?;
    let inside = root.strip_prefix(folder)?;
    let matches = |key: &str, matching: fn(&Path, &Path) -> bool| {
        list(&document, key)
            .iter()
            .any(|pattern| matching(Path::new(pattern), inside))
    };
    if matches("members", is_member)
        || matches("exclude", |folder, inside| inside.starts_with(folder))
    {
        return Ok(None);
    }
    let inside = inside.display();
    Ok(Some(format!(
        "The app is inside the workspace of {}, which does not list it.\n\
         Add \"{inside}\" to its `members`, or to its `exclude` to keep the app on its own.",
        manifest.display()
    )))
}

fn list(document: &DocumentMut, key: &str) -> Vec<String> {
    let workspace = document.get("workspace");
    let array = workspace
        .and_then(|workspace| workspace.get(key))
        .and_then(Item::as_array);
    let values = array.into_iter().flatten();
    values
        .filter_map(|value| value.as_str().map(str::to_owned))
        .collect()
}

/// Returns whether a member pattern matches the folder. `*` stands for the name of one folder, or
/// for a part of it.
fn is_member(pattern: &Path, folder: &Path) -> bool {
    let (pattern, folder): (Vec<_>, Vec<_>) = (pattern.iter().collect(), folder.iter().collect());
    pattern.len() == folder.len()
        && pattern.iter().zip(&folder).all(|(pattern, name)| {
            let (pattern, name) = (pattern.to_string_lossy(), name.to_string_lossy());
            match pattern.split_once('*') {
                Some((start, end)) => name.starts_with(start) && name.ends_with(end),
                None => pattern == name,
            }
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_match_as_cargo_matches_them() {
        let member = |pattern: &str, folder: &str| is_member(Path::new(pattern), Path::new(folder));
        assert!(member("examples/*", "examples/hello"));
        assert!(member("examples/hello", "examples/hello"));
        assert!(member("app-*", "app-hello"));
        assert!(!member("examples/*", "examples/deep/hello"));
        assert!(!member("examples/other", "examples/hello"));
    }

    #[test]
    fn an_app_in_a_workspace_says_what_to_add() {
        let folder = tempfile::tempdir().unwrap();
        let manifest = "[workspace]\nmembers = [\"apps/*\"]\nexclude = [\"target\"]\n";
        std::fs::write(folder.path().join("Cargo.toml"), manifest).unwrap();
        let notice = |path: &str| workspace_notice(&folder.path().join(path)).unwrap();
        assert_eq!(notice("apps/hello"), None);
        assert_eq!(notice("target/demo/hello"), None);
        let said = notice("web/hello").unwrap();
        assert!(
            said.contains("Add \"web/hello\" to its `members`"),
            "{said}"
        );
    }
}
