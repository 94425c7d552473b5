//! Taking back the application and the wiring, once nothing is left that needs them.

use std::path::{Path, PathBuf};

use super::super::Wiring;
use super::super::application::rust_files;
use super::Redo;
use super::uses::Place;
use crate::source::Source;
use crate::source::remove::{self, modules};
use crate::source::serve;
use crate::source::uses::Item;

impl Wiring {
    /// Removes `application.rs`, `channels.rs` and the wiring if nothing is left that needs them
    /// and they are as generated: generating the component again must give the present files.
    pub(crate) fn remove_idle_application(&mut self, redo: Redo) -> anyhow::Result<()> {
        let channels = self.module_file("channels")?;
        let text = self.plan.read(&channels)?.unwrap_or_default();
        if Source::parse(&channels, &text).is_ok_and(|source| modules::any(&source)) {
            return Ok(());
        }
        let bare = self.without_application(&channels)?;
        let server = self.wired_file()?;
        let mut texts = Vec::new();
        if let Some(server) = &server {
            let text = bare.plan.read(server)?.unwrap_or_default();
            texts = remove::serve::candidates(&Source::parse(server, &text)?, &bare);
        }
        let is_wired = !texts.is_empty();
        // The user may have removed the wiring already.
        texts.push(String::new());
        for text in texts {
            let mut plan = bare.plan.clone();
            if let (Some(server), false) = (&server, text.is_empty()) {
                plan.inject(server, text)?;
            }
            let mut bare = Wiring {
                plan,
                ..Wiring::new(bare.project.clone())
            };
            let is_as_generated =
                bare.redone_is_present(redo)? || self.is_idle_after(&bare, server.as_deref())?;
            if bare.uses_of_application()?.is_empty() && is_as_generated {
                self.plan = bare.plan;
                self.project = bare.project;
                return Ok(());
            }
        }
        if let Some(server) = server.filter(|_| is_wired) {
            self.leave_wiring(&server)?;
        }
        Ok(())
    }

    /// Adds a notice with the lines of a wiring that is not as generated.
    fn leave_wiring(&mut self, server: &Path) -> anyhow::Result<()> {
        let application = self.application_path();
        let text = self.plan.read(server)?.unwrap_or_default();
        let lines = remove::serve::lines(&Source::parse(server, &text)?);
        let places = self.places(server, &text, lines.into_iter().collect())?;
        let places: Vec<String> = places
            .iter()
            .map(|place| {
                format!(
                    "\n    {}:{}: {}",
                    place.path.display(),
                    place.line,
                    place.text
                )
            })
            .collect();
        self.plan.notice(format!(
            "The application has nothing left to run. The wiring in {} is not as generated, so \
             it stays. To remove it, delete {} and change these lines:\n{}",
            server.display(),
            application.display(),
            places.concat()
        ));
        Ok(())
    }

    /// Returns the plan without the application and the modules.
    fn without_application(&self, channels: &Path) -> anyhow::Result<Wiring> {
        let mut bare = Wiring {
            plan: self.plan.clone(),
            ..Wiring::new(self.project.clone())
        };
        bare.plan.delete(channels)?;
        bare.plan.delete(&self.application_path())?;
        let root = self.project.crate_root().to_path_buf();
        for module in ["application", "channels"] {
            bare.edit(&root, |source| modules::remove(source, module))?;
        }
        let left = bare.plan.read(&root)?.unwrap_or_default();
        let is_library = self.project.library.as_deref() == Some(&*root);
        if is_library && left.trim() == super::super::NEW_LIBRARY.trim() {
            bare.plan.delete(&root)?;
            bare.project.new_library = true;
        }
        Ok(bare)
    }

    /// Returns the file of the project that starts the application.
    fn wired_file(&self) -> anyhow::Result<Option<PathBuf>> {
        let mut files = rust_files(&self.project.root, self.project.source_folder());
        files.extend(self.project.binary.clone());
        for path in files {
            let text = self.plan.read(&path)?.unwrap_or_default();
            let starts = || {
                Source::parse(&path, &text).is_ok_and(|source| serve::starts_application(&source))
            };
            let is_test = path.file_name().is_some_and(|name| name == "tests.rs");
            if !is_test && text.contains("application") && starts() {
                return Ok(Some(path));
            }
        }
        Ok(None)
    }

    /// Returns whether generating again leaves every file but the manifest as it is on disk.
    fn redone_is_present(&mut self, redo: Redo) -> anyhow::Result<bool> {
        self.format();
        let again = self.redone(redo)?;
        for change in self.plan.changes() {
            let is_wiring = change.after.is_some() && change.path != Path::new("Cargo.toml");
            let is_new = change.after.is_none() && !self.is_of_component(&change.path);
            if (is_wiring || is_new) && again.read(&change.path)? != change.before {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Returns whether an application without components, generated into `bare`, gives the files
    /// that this plan leaves.
    ///
    /// The components may have come in another order than they go. So the last one to go need not
    /// be as it would be alone.
    fn is_idle_after(&self, bare: &Wiring, server: Option<&Path>) -> anyhow::Result<bool> {
        let mut left = Wiring {
            plan: self.plan.clone(),
            ..Wiring::new(self.project.clone())
        };
        left.format();
        let left = left.plan;
        let mut again = Wiring::after(bare.project.clone(), &bare.plan);
        again.ensure_application()?;
        again.declare_in_channels(&[])?;
        let again = again.finish();
        let root = self.project.crate_root();
        let application = self.application_path();
        for path in [Some(root), Some(&*application), server]
            .into_iter()
            .flatten()
        {
            if again.read(path)? != left.read(path)? {
                return Ok(false);
            }
        }
        let channels = self.module_file("channels")?;
        let text = left.read(&channels)?.unwrap_or_default();
        Ok(text.trim() == self.channels_text()?.trim())
    }

    /// Returns whether the file belongs to one component, and not to the application.
    pub(crate) fn is_of_component(&self, path: &Path) -> bool {
        let application = path == self.application_path();
        let channels = self
            .module_file("channels")
            .is_ok_and(|channels| path == channels);
        !application && !channels
    }

    fn uses_of_application(&self) -> anyhow::Result<Vec<Place>> {
        let mut places = Vec::new();
        for module in ["application", "channels"] {
            places.extend(self.uses(&Item {
                module: module.to_owned(),
                above: vec![self.project.crate_name.clone()],
                name: None,
                field: None,
            })?);
        }
        Ok(places)
    }
}
