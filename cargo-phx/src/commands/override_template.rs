//! `cargo phx override <template>`: copies a template into the project, where the copy wins.

use std::path::Path;

use super::Options;
use crate::console::Console;
use crate::hint::hinted;
use crate::render::OVERRIDES;
use crate::wiring::Wiring;

/// The end of the help.
pub(crate) const EXAMPLES: &str = "\
Examples:
  cargo phx override
  cargo phx override phx.gen.channel/channel.rs";

/// Templates of a new app that `gen` uses too.
const SHARED: &[&str] = &[
    "phx.new/src/application.rs.tera",
    "phx.new/src/channels.rs.tera",
];

pub(crate) fn run(
    template: Option<&str>,
    options: &Options,
    console: &mut Console,
) -> anyhow::Result<()> {
    let Some(template) = template else {
        for path in paths() {
            console.line(path)?;
        }
        return Ok(());
    };
    let Some(template) = find(template) else {
        let paths: Vec<_> = paths().collect();
        return Err(hinted(
            format!("there is no template `{template}`"),
            format!("choose one of these:\n    {}", paths.join("\n    ")),
        ));
    };
    let found = cargo_phx_templates::find(template);
    let source = found.map(|template| template.source).unwrap_or_default();
    let mut wiring = Wiring::new(options.project(console)?);
    let path = Path::new(OVERRIDES).join(template);
    wiring.plan.create(&path, source.to_owned())?;
    wiring.plan.next_steps(format!(
        "Edit {}. The generators use it instead of their own from now on.",
        path.display()
    ));
    options.carry_out(&wiring.plan, console)
}

/// Returns the template of this name, which may lack `.tera`.
fn find(name: &str) -> Option<&'static str> {
    paths().find(|path| *path == name || path.strip_suffix(".tera") == Some(name))
}

/// Returns the templates that a project can override. `new` has no project yet.
fn paths() -> impl Iterator<Item = &'static str> {
    let all = cargo_phx_templates::all()
        .iter()
        .map(|template| template.path);
    all.filter(|path| !path.starts_with("phx.new/") || SHARED.contains(path))
}
