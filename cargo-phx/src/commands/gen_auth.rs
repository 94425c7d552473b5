//! `cargo phx gen auth`: a token that is signed at login, and that the socket verifies.

use std::path::PathBuf;

use super::Options;
use crate::console::Console;
use crate::names::{Component, Name};
use crate::wiring::Wiring;
use crate::wiring::sockets::SocketFile;

/// The end of the help.
pub(crate) const EXAMPLES: &str = "\
Examples:
  cargo phx gen auth
  cargo phx gen auth --socket Admin
  SECRET_KEY_BASE=\"$(cargo phx gen secret)\" LOGIN_PASSWORD=swordfish cargo run --release";

pub(crate) fn run(
    socket: Option<&str>,
    options: &Options,
    console: &mut Console,
) -> anyhow::Result<()> {
    let wanted = socket
        .map(|socket| Name::parse(Component::Socket, socket))
        .transpose()?;
    let mut wiring = Wiring::new(options.project(console)?);
    let socket = match wiring.find_socket(wanted.as_ref())? {
        Some(socket) => socket,
        None => {
            let name = wanted.map_or_else(|| Name::parse(Component::Socket, "User"), Ok)?;
            wiring.create_socket(&name)?;
            SocketFile {
                path: wiring.source_path(&name.file()),
                module: name.module_path(),
                name: name.type_name(),
            }
        }
    };
    let test = wiring.add_auth(&socket)?;
    let mount = wiring.mounted_at(&socket)?;
    let scripts = wiring.send_tokens(&socket, &mount)?;
    let test = test.map(|command| format!("\n\nTry it with\n\n    $ {command}"));
    wiring.plan.next_steps(format!(
        "A release needs SECRET_KEY_BASE, a secret that `cargo phx gen secret` prints. Users log \
         in by POST /auth/login: write `is_user` in {} first. {}{}",
        wiring.source_path("auth.rs").display(),
        page_advice(&scripts, &mount),
        test.unwrap_or_default(),
    ));
    options.carry_out(&wiring.finish(), console)
}

/// Returns advice on the page: what its scripts do now, or the lines that let them send a token.
fn page_advice(scripts: &[PathBuf], mount: &str) -> String {
    if scripts.iter().any(|script| script.ends_with("app.js")) {
        return "Until then, a debug build lets everyone in: the page logs in with the name in its \
                address, as in http://localhost:4000/?name=Alice. That is a stand-in for a login \
                form (`fetchToken` in assets/app.js)."
            .to_owned();
    }
    if let Some(script) = scripts.first() {
        return format!(
            "{} fetches a token of whoever is logged in, and another one before it expires.",
            script.display()
        );
    }
    format!(
        "The page fetches a token, and another one before it expires:\n\n    \
         const fetchToken = async () => {{\n      \
         const answer = await fetch(\"/auth/token\")\n      \
         return answer.ok ? (await answer.json()).token : null\n    \
         }}\n    \
         let token = await fetchToken()\n    \
         const socket = new Socket(\"{mount}\", {{params: () => ({{token}})}})\n    \
         keepTokenFresh(socket, async () => token = await fetchToken())\n\n\
         docs/clients.md of presence-channels has `keepTokenFresh`."
    )
}
