//! `cargo phx gen socket User`: a socket that clients connect to, mounted at the endpoint.

use super::Options;
use crate::console::Console;
use crate::names::{Component, Name};
use crate::plan::Plan;
use crate::project::Project;
use crate::wiring::Wiring;
use crate::wiring::sockets::VERIFIES;

pub(crate) fn run(name: &str, options: &Options, console: &mut Console) -> anyhow::Result<()> {
    let name = Name::parse(Component::Socket, name)?;
    let plan = plan(options.project(console)?, &name)?;
    options.carry_out(&plan, console)
}

fn plan(project: Project, name: &Name) -> anyhow::Result<Plan> {
    let mut wiring = Wiring::new(project);
    let mount = wiring.create_socket(name)?;
    let advice = wiring
        .channel_advice("Give it a channel with `cargo phx gen channel Room shout:body:string`.")?;
    let connect = connect(&mut wiring, name, &mount)?;
    wiring.plan.next_steps(format!("{connect}{advice}"));
    Ok(wiring.finish())
}

/// Adds the page's script, if the project has a page without one. Returns how a page connects.
pub(crate) fn connect(wiring: &mut Wiring, name: &Name, mount: &str) -> anyhow::Result<String> {
    let text = wiring.plan.read(&wiring.source_path(&name.file()))?;
    let auth = text.is_some_and(|text| text.contains(VERIFIES));
    let script = wiring.add_script(&name.type_name(), &name.module(), mount, auth)?;
    Ok(match script {
        Some(script) => format!(
            "The page connects to the socket by {}, which needs the npm package phoenix. Import \
             the script in another one.",
            script.display()
        ),
        None if auth => format!(
            "phoenix.js connects to the socket with a token\n\n    \
             new Socket(\"{mount}\", {{params: () => ({{token}})}})"
        ),
        None => format!(
            "phoenix.js connects to the socket with\n\n    \
             new Socket(\"{mount}\", {{params: {{user_id: \"...\"}}}})"
        ),
    })
}
