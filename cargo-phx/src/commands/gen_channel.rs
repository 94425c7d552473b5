//! `cargo phx gen channel Room`: a channel with its test, routed to by a socket.

use std::path::PathBuf;

use tera::Context;

use super::Options;
use crate::console::Console;
use crate::hint::hinted;
use crate::manifest::Dependency;
use crate::names::{Component, Name};
use crate::source::routes::NewRoute;
use crate::source::{Source, modules, state};
use crate::wiring::Wiring;
use crate::wiring::sockets::SocketFile;

pub(crate) fn run(
    name: &str,
    socket: Option<&str>,
    options: &Options,
    console: &mut Console,
) -> anyhow::Result<()> {
    let name = Name::parse(Component::Channel, name)?;
    let wanted = socket
        .map(|socket| Name::parse(Component::Socket, socket))
        .transpose()?;
    let mut wiring = Wiring::new(options.project(console)?);
    let socket = match wiring.find_socket(wanted.as_ref())? {
        Some(socket) => socket,
        None => offer_socket(&mut wiring, wanted, console)?,
    };
    generate(&mut wiring, &name, &socket)?;
    options.carry_out(&wiring.finish(), console)
}

/// Asks whether to create a socket: a channel's types name one.
fn offer_socket(
    wiring: &mut Wiring,
    wanted: Option<Name>,
    console: &mut Console,
) -> anyhow::Result<SocketFile> {
    let name = match wanted {
        Some(name) => name,
        None => Name::parse(Component::Socket, "User")?,
    };
    let socket = name.type_name();
    let question = format!("The project has no {socket}, and a channel needs a socket. Create it?");
    if !console.confirm(&question, true)? {
        return Err(hinted(
            "a channel needs a socket, so nothing was written",
            format!(
                "make one with `cargo phx gen socket {}` first",
                name.typed()
            ),
        ));
    }
    wiring.create_socket(&name)?;
    let path = wiring.source_path(&name.file());
    Ok(SocketFile {
        module: name.module_path(),
        name: socket,
        path,
    })
}

fn generate(wiring: &mut Wiring, name: &Name, socket: &SocketFile) -> anyhow::Result<()> {
    wiring.ensure_application()?;
    wiring.depend_on(&[
        Dependency::new("serde_json", "1"),
        Dependency::new("tokio", "1").features(&["macros", "rt"]),
    ])?;
    wiring.declare_in_channels(&name.modules())?;

    let mut context = context(wiring, name, socket)?;
    let file = wiring.source_path(&name.file());
    wiring.create(&file, "phx.gen.channel/channel.rs.tera", &context)?;
    let (test, command) = test_file(wiring, name, &mut context)?;
    wiring.create(&test, "phx.gen.channel/channel_test.rs.tera", &context)?;
    if !wiring.exports_channels()? {
        declare_tests(wiring, &file)?;
    }

    let pattern = format!("{}:*", name.snake());
    wiring.add_route(
        socket,
        &NewRoute {
            channel: name.type_name(),
            import: name.import(),
            pattern: pattern.clone(),
        },
    )?;
    wiring.plan.next_steps(format!(
        "{} handles the topics \"{pattern}\". Try it with\n\n    $ {command}",
        name.type_name()
    ));
    Ok(())
}

/// Returns the variables that the templates can use.
fn context(wiring: &Wiring, name: &Name, socket: &SocketFile) -> anyhow::Result<Context> {
    let mut context = Context::new();
    context.insert("channel", &name.type_name());
    context.insert("topic", &name.snake());
    context.insert("socket", &socket.name);
    context.insert("socket_path", &socket.import());
    context.insert("presence", &presence_field(wiring)?);
    Ok(context)
}

/// Returns the state's field that holds a presence: `presence` if there is one, else the first.
///
/// Returns `None` if the state has no presence.
fn presence_field(wiring: &Wiring) -> anyhow::Result<Option<String>> {
    let path = wiring.application_path();
    let text = wiring.plan.read(&path)?.unwrap_or_default();
    let presences = state::presences(&Source::parse(&path, &text)?);
    let mut fields = presences.into_iter().map(|(field, _)| field);
    let first = fields.next();
    Ok(fields.find(|field| field == "presence").or(first))
}

/// Returns the path of the channel's test and the command that runs it.
fn test_file(
    wiring: &Wiring,
    name: &Name,
    context: &mut Context,
) -> anyhow::Result<(PathBuf, String)> {
    let modules = name.modules();
    if wiring.exports_channels()? {
        context.insert("crate_path", &wiring.project.crate_name);
        let test = format!("{}_test", modules.join("_"));
        let command = format!("cargo test --test {test}");
        Ok((PathBuf::from(format!("tests/{test}.rs")), command))
    } else {
        context.insert("crate_path", "crate");
        let path = wiring.source_path(&format!("channels/{}/tests.rs", modules.join("/")));
        Ok((path, format!("cargo test {}", modules.join("::"))))
    }
}

/// Adds `#[cfg(test)] mod tests;` at the end of the channel that this plan creates.
fn declare_tests(wiring: &mut Wiring, file: &std::path::Path) -> anyhow::Result<()> {
    let text = wiring.plan.read(file)?.unwrap_or_default();
    if modules::find(&Source::parse(file, &text)?, "tests").is_none() {
        let text = format!("{}\n\n#[cfg(test)]\nmod tests;\n", text.trim_end());
        wiring.plan.inject(file, text)?;
    }
    Ok(())
}
