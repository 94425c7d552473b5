//! `cargo phx destroy channel Room`: takes back what `cargo phx gen channel Room` has written.
//!
//! A removal is checked by generating again: a file that comes out otherwise was edited since.

use std::path::{Path, PathBuf};

use toml_edit::DocumentMut;

use super::gen_channel::NewChannel;
use super::{Options, gen_presence};
use crate::console::Console;
use crate::events;
use crate::hint::hinted;
use crate::names::{Component, Name};
use crate::source::Source;
use crate::source::{handlers, routes};
use crate::topics::Topics;
use crate::wiring::Wiring;
use crate::wiring::removal::uses::{Place, code_files};
use crate::wiring::sockets::SocketFile;

/// The end of the help.
pub(crate) const EXAMPLES: &str = "\
Examples:
  cargo phx destroy channel Room
  cargo phx destroy channel Admin.Room --dry-run
  cargo phx destroy channel Room --yes";

/// The dependencies that the generators add, as packages.
const DEPENDENCIES: &[&str] = &["anyhow", "presence-channels", "serde_json", "tokio"];

pub(crate) fn run(
    component: Component,
    name: &str,
    options: &Options,
    console: &mut Console,
) -> anyhow::Result<()> {
    let name = Name::parse(component, name)?;
    let mut wiring = Wiring::new(options.project(console)?);
    let file = wiring.source_path(&name.file());
    if wiring.plan.read(&file)?.is_none() {
        return Err(not_there(&wiring, component, &name)?);
    }
    let channel = match component {
        Component::Channel => present_channel(&wiring, &name)?,
        _ => None,
    };
    let auth = wiring.verifies(&file)?;
    let helper = wiring.test_support_path()?;
    let redo = |wiring: &mut Wiring| match (component, &channel) {
        (Component::Channel, Some(channel)) => channel.generate(wiring),
        (Component::Channel, None) => Ok(()),
        (Component::Presence, _) => gen_presence::generate(wiring, &name),
        (Component::Socket, _) => wiring.create_socket_with(&name, auth).map(drop),
    };

    if component == Component::Socket {
        // The tests of its channels are gone, so it is the helper's only use.
        let sockets = wiring.sockets()?;
        for socket in sockets.iter().filter(|socket| socket.path == file) {
            wiring.remove_test_support(socket)?;
        }
    }
    wiring.remove(component, &name)?;
    let uses = wiring.uses_of(component, &name)?;
    if !uses.is_empty() && !options.force {
        return Err(still_used(&name, &uses));
    }
    if let Some(channel) = &channel {
        wiring.remove_test_support(&channel.socket)?;
    }
    wiring.remove_idle_application(&redo)?;
    wiring.format();
    let edited = edited(&wiring, &redo, &helper)?;
    add_notices(&mut wiring, &name, &uses)?;
    if let Some(channel) = &channel {
        add_idle_socket(&mut wiring, &channel.socket)?;
    }

    if !options.dry_run {
        console.status(wiring.plan.patch().trim_end())?;
        console.status("")?;
        if !agreed(&name, &edited, options, console)? {
            return console.line("Nothing was written.");
        }
    } else {
        for path in &edited {
            console.line(format!(
                "{} was edited since it was generated.",
                path.display()
            ))?;
        }
    }
    options.carry_out(&wiring.plan, console)
}

/// Asks whether to apply the plan. A file that its user has edited needs a yes of its own: on a
/// terminal, or by `--force`.
fn agreed(
    name: &Name,
    edited: &[PathBuf],
    options: &Options,
    console: &mut Console,
) -> anyhow::Result<bool> {
    if options.force {
        return Ok(true);
    }
    let paths: Vec<_> = edited
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    let paths = paths.join(", ");
    if edited.is_empty() {
        return console.confirm(&format!("Destroy {}?", name.type_name()), false);
    }
    if console.assumes_yes() {
        return Err(hinted(
            format!("edited since it was generated, and nothing was written: {paths}"),
            "look at the changes with --dry-run, then add --force to delete them",
        ));
    }
    let question = format!(
        "Edited since it was generated: {paths}. Destroy {} all the same?",
        name.type_name()
    );
    console.confirm(&question, false)
}

/// Returns the deleted files that generating again would write otherwise. The application and the
/// helper of tests are not among them: they are deleted only if they are as generated.
fn edited(
    wiring: &Wiring,
    redo: &dyn Fn(&mut Wiring) -> anyhow::Result<()>,
    helper: &Path,
) -> anyhow::Result<Vec<PathBuf>> {
    let again = wiring.redone(redo)?;
    let mut differing = Vec::new();
    for change in wiring
        .plan
        .changes()
        .filter(|change| change.after.is_none())
    {
        let is_checked = change.path == helper || !wiring.is_of_component(&change.path);
        if !is_checked && again.read(&change.path)? != change.before {
            differing.push(change.path.clone());
        }
    }
    Ok(differing)
}

/// Returns the channel as its code shows it: what `gen channel` was asked for.
///
/// Returns `None` if no socket routes to it.
fn present_channel(wiring: &Wiring, name: &Name) -> anyhow::Result<Option<NewChannel>> {
    let path = wiring.source_path(&name.file());
    let text = wiring.plan.read(&path)?.unwrap_or_default();
    let (typed, presence) = match Source::parse(&path, &text) {
        Ok(source) => (
            handlers::specifications(&source),
            handlers::presence(&source),
        ),
        Err(_) => (Vec::new(), None),
    };
    for socket in wiring.sockets()? {
        let text = wiring.plan.read(&socket.path)?.unwrap_or_default();
        let routes = routes::channels(&Source::parse(&socket.path, &text)?, &socket.name);
        let Some(route) = routes.iter().find(|route| route.import == name.import()) else {
            continue;
        };
        let names = [name.type_name(), socket.name.clone()];
        return Ok(Some(NewChannel {
            topics: Topics::parse(&route.pattern).unwrap_or_else(|_| Topics::of(name)),
            // Events that the generator refuses come from the user.
            events: events::parse(&typed, &names).unwrap_or_default(),
            name: name.clone(),
            socket,
            presence,
        }));
    }
    Ok(None)
}

fn not_there(wiring: &Wiring, component: Component, name: &Name) -> anyhow::Result<anyhow::Error> {
    let file = wiring.source_path(&name.file());
    let suffix = format!("_{}", component.word());
    let folder = wiring.source_path("channels");
    let mut present = Vec::new();
    for path in code_files(&wiring.project.root) {
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        let text = wiring.plan.read(&path)?.unwrap_or_default();
        let is_one = match component {
            Component::Presence => text.contains("presence_channels::Presence for "),
            _ => stem.ends_with(&suffix),
        };
        if is_one && path.starts_with(&folder) {
            present.push(path.display().to_string());
        }
    }
    let hint = if present.is_empty() {
        format!(
            "the project has no {} in {}",
            component.word(),
            folder.display()
        )
    } else {
        format!("the project has these: {}", present.join(", "))
    };
    Ok(hinted(
        format!(
            "there is no {}: {} does not exist",
            name.type_name(),
            file.display()
        ),
        hint,
    ))
}

fn still_used(name: &Name, uses: &[Place]) -> anyhow::Error {
    let mut lines = String::new();
    for place in uses {
        let path = place.path.display().to_string().replace('\\', "/");
        lines.push_str(&format!("\n    {path}:{}: {}", place.line, place.text));
    }
    hinted(
        format!(
            "other code uses {}, and nothing was written:{lines}",
            name.type_name()
        ),
        "change that code first, or add --force and change it afterwards",
    )
}

/// Says what the plan leaves for the user.
fn add_notices(wiring: &mut Wiring, name: &Name, uses: &[Place]) -> anyhow::Result<()> {
    if !uses.is_empty() {
        let mut places: Vec<String> = Vec::new();
        for place in uses {
            places.push(format!(
                "\n    {}:{}: {}",
                place.path.display(),
                place.line,
                place.text
            ));
        }
        wiring.plan.notice(format!(
            "Change the code that uses {}:\n{}",
            name.type_name(),
            places.concat()
        ));
    }
    let left: Vec<_> = wiring.left_beside(name)?;
    if !left.is_empty() {
        let left: Vec<_> = left
            .iter()
            .map(|path| format!("\n    {}", path.display()))
            .collect();
        wiring.plan.notice(format!(
            "These files of yours belonged to the module, and stay:\n{}",
            left.concat()
        ));
    }
    let unused = unused_dependencies(wiring)?;
    if !unused.is_empty() {
        wiring.plan.notice(format!(
            "Cargo.toml keeps its dependencies. No code uses these any more:\n\n    $ cargo remove {}",
            unused.join(" ")
        ));
    }
    Ok(())
}

/// Says how to take back the socket too, if it has lost its last channel. It may be older than the
/// channel, so it stays until its user says so.
fn add_idle_socket(wiring: &mut Wiring, socket: &SocketFile) -> anyhow::Result<()> {
    let Some(typed) = socket.typed() else {
        return Ok(());
    };
    let text = wiring.plan.read(&socket.path)?.unwrap_or_default();
    let source = Source::parse(&socket.path, &text)?;
    if routes::channels(&source, &socket.name).is_empty() {
        wiring.plan.notice(format!(
            "{} has no channel any more. To take it back too:\n\n    \
             $ cargo phx destroy socket {typed}",
            socket.name
        ));
    }
    Ok(())
}

/// Returns the dependencies that the generators add and that no code mentions after the plan.
fn unused_dependencies(wiring: &Wiring) -> anyhow::Result<Vec<&'static str>> {
    let manifest = wiring.plan.read("Cargo.toml".as_ref())?.unwrap_or_default();
    let manifest: DocumentMut = manifest.parse()?;
    let declared = |name: &&str| {
        let dependencies = manifest.get("dependencies");
        dependencies.is_some_and(|dependencies| dependencies.get(name).is_some())
    };
    let mut unused: Vec<&'static str> = DEPENDENCIES.iter().copied().filter(declared).collect();
    for path in code_files(&wiring.project.root) {
        let Some(text) = wiring.plan.read(&path)? else {
            continue;
        };
        unused.retain(|name| !text.contains(&name.replace('-', "_")));
    }
    Ok(unused)
}
