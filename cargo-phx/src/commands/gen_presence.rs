//! `cargo phx gen presence [Name]`: a presence that starts with the application.

use tera::Context;

use super::Options;
use crate::console::Console;
use crate::names::{Component, Name};
use crate::plan::Plan;
use crate::project::Project;
use crate::source::application::NewPresence;
use crate::wiring::Wiring;

pub(crate) fn run(name: &str, options: &Options, console: &mut Console) -> anyhow::Result<()> {
    let name = Name::parse(Component::Presence, name)?;
    let plan = plan(options.project(console)?, &name)?;
    options.carry_out(&plan, console)
}

fn plan(project: Project, name: &Name) -> anyhow::Result<Plan> {
    let mut wiring = Wiring::new(project);
    generate(&mut wiring, name)?;
    Ok(wiring.finish())
}

pub(crate) fn generate(wiring: &mut Wiring, name: &Name) -> anyhow::Result<()> {
    let crate_name = wiring.project.crate_name.clone();
    let field = name.module();

    let mut context = Context::new();
    context.insert("name", &name.type_name());
    context.insert("field", &field);
    context.insert("crate_name", &crate_name);
    let path = wiring.source_path(&name.file());
    wiring.create(&path, "phx.gen.presence/presence.rs.tera", &context)?;

    wiring.declare_in_channels(&name.modules())?;
    wiring.ensure_application()?;
    wiring.add_presence(&NewPresence {
        name: name.type_name(),
        import: name.import(),
        field: field.clone(),
    })?;

    let advice = wiring.channel_advice(
        "`cargo phx gen channel Room shout:body:string` writes a channel that does this.",
    )?;
    wiring.plan.next_steps(format!(
        "The presence starts with the application and is part of its state. \
         A channel tracks the user who has joined:\n\n    \
         let presence = &socket.state().{field};\n    \
         presence.track(socket, \"some key\", json!({{ \"some\": \"meta\" }})).await?;\n    \
         socket.push_presence_state(presence).await?;{advice}"
    ));
    Ok(())
}
