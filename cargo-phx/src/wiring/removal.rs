//! Taking back what the generators have written for one presence, channel or socket.

use std::path::PathBuf;

use super::Wiring;
use crate::names::{Component, Name};
use crate::plan::Plan;
use crate::source::application::{NewPresence, NewSocket};
use crate::source::remove::{self, application, imports, modules};
use crate::source::routes::{self, NewRoute};
use crate::source::{Outcome, Source};

mod idle;
mod support;
pub(crate) mod uses;

/// Generates the component again, in the project as the plan leaves it.
pub(crate) type Redo<'a> = &'a dyn Fn(&mut Wiring) -> anyhow::Result<()>;

impl Wiring {
    /// Removes a component's files, modules, imports, routes and mounts.
    pub(crate) fn remove(&mut self, component: Component, name: &Name) -> anyhow::Result<()> {
        self.plan.delete(&self.source_path(&name.file()))?;
        match component {
            Component::Channel => self.remove_channel(name)?,
            Component::Presence => {
                let presence = NewPresence {
                    name: name.type_name(),
                    import: name.import(),
                    field: name.module(),
                };
                self.edit_application(|source| application::presence(source, &presence))?;
            }
            Component::Socket => {
                let socket = NewSocket {
                    name: name.type_name(),
                    import: name.import(),
                    second_path: String::new(),
                };
                self.edit_application(|source| application::mount(source, &socket))?;
            }
        }
        self.remove_modules(&name.modules())
    }

    fn edit_application(&mut self, edit: impl Fn(&Source) -> Outcome) -> anyhow::Result<()> {
        let path = self.application_path();
        if self.plan.read(&path)?.is_some() {
            self.edit(&path, edit)?;
        }
        Ok(())
    }

    fn remove_channel(&mut self, name: &Name) -> anyhow::Result<()> {
        let modules = name.modules();
        let beside = self.source_path(&format!("channels/{}/tests.rs", modules.join("/")));
        let integration = PathBuf::from(format!("tests/{}_test.rs", modules.join("_")));
        self.plan.delete(&beside)?;
        self.plan.delete(&integration)?;
        let route = NewRoute {
            channel: name.type_name(),
            import: name.import(),
            pattern: String::new(),
        };
        for socket in self.sockets()? {
            let text = self.plan.read(&socket.path)?.unwrap_or_default();
            let source = Source::parse(&socket.path, &text)?;
            let present = routes::channels(&source, &socket.name);
            let present = present
                .into_iter()
                .find(|present| present.import == route.import);
            let route = present.as_ref().unwrap_or(&route);
            self.edit(&socket.path, |source| {
                remove::routes::remove(source, &socket.name, route)
            })?;
            self.edit(&socket.path, |source| {
                imports::remove_unused(source, &route.import)
            })?;
        }
        Ok(())
    }

    /// Removes the declaration of the innermost module, and the files of modules above it that
    /// hold nothing then.
    fn remove_modules(&mut self, modules: &[String]) -> anyhow::Result<()> {
        for depth in (0..modules.len()).rev() {
            let folder = ["channels"]
                .into_iter()
                .chain(modules[..depth].iter().map(String::as_str));
            let path = self.module_file(&folder.collect::<Vec<_>>().join("/"))?;
            if self.plan.read(&path)?.is_none() {
                return Ok(());
            }
            self.edit(&path, |source| modules::remove(source, &modules[depth]))?;
            let left = self.plan.read(&path)?.unwrap_or_default();
            if depth == 0 || !left.trim().is_empty() {
                return Ok(());
            }
            self.plan.delete(&path)?;
        }
        Ok(())
    }

    /// Returns the plan that generates the component again after this plan.
    pub(crate) fn redone(&self, redo: Redo) -> anyhow::Result<Plan> {
        let mut again = Wiring::after(self.project.clone(), &self.plan);
        redo(&mut again)?;
        Ok(again.finish())
    }
}
