//! Taking back what the generators have written for one presence, channel or socket.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use similar::{DiffOp, TextDiff};
use walkdir::{DirEntry, WalkDir};

use super::Wiring;
use super::sockets::SocketFile;
use super::test_support::connect_function;
use crate::format::Format;
use crate::names::{Component, Name, TEST_SUPPORT};
use crate::plan::Plan;
use crate::source::application::{NewPresence, NewSocket};
use crate::source::remove::{self, application, imports, modules};
use crate::source::routes::{self, NewRoute};
use crate::source::serve;
use crate::source::uses::{self, Item};
use crate::source::{Outcome, Source};

/// A place in the user's code.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) path: PathBuf,
    pub(crate) line: usize,
    /// The text of the line.
    pub(crate) text: String,
}

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

    /// Removes what the helper of tests has for `socket`, if no test uses it: all of the helper, or
    /// the function that connects. It stays unless generating again gives the present helper.
    pub(crate) fn remove_test_support(
        &mut self,
        socket: &SocketFile,
        redo: Redo,
    ) -> anyhow::Result<()> {
        let path = self.test_support_path()?;
        let Some(present) = self.plan.read(&path)? else {
            return Ok(());
        };
        let connect = connect_function(socket);
        let is_used = |word: &str| -> anyhow::Result<bool> {
            for file in code_files(&self.project.root) {
                let text = self.plan.read(&file)?.unwrap_or_default();
                if file != path && text.contains(word) {
                    return Ok(true);
                }
            }
            Ok(false)
        };
        if is_used(&format!("{connect}("))? {
            return Ok(());
        }
        let channels = self.module_file("channels")?;
        let mut without = self.plan.clone();
        without.delete(&path)?;
        if let Some(text) = self.plan.read(&channels)?
            && let Outcome::Edited(text) =
                modules::remove(&Source::parse(&channels, &text)?, TEST_SUPPORT)
        {
            without.inject(&channels, text)?;
        }
        let mut plans = vec![without];
        let mut text = present.clone();
        let imports = [
            "presence_channels::Endpoint",
            "presence_channels::testing",
            "presence_channels::testing::TestSocket",
            "serde_json::json",
        ];
        let of_socket = [
            format!("crate::{}", socket.import()),
            format!("{}::{}", self.project.crate_name, socket.import()),
        ];
        if let Outcome::Edited(edited) =
            modules::remove_function(&Source::parse(&path, &text)?, &connect)
        {
            text = edited;
            for import in imports
                .into_iter()
                .chain(of_socket.iter().map(String::as_str))
            {
                let edited = imports::remove_unused(&Source::parse(&path, &text)?, import);
                if let Outcome::Edited(edited) = edited {
                    text = edited;
                }
            }
            let mut without = self.plan.clone();
            without.inject(&path, text)?;
            plans.push(without);
        }
        for plan in plans {
            let mut bare = Wiring {
                plan,
                ..Wiring::new(self.project.clone())
            };
            bare.format();
            if bare.redone(redo)?.read(&path)?.as_ref() == Some(&present) {
                self.plan = bare.plan;
                return Ok(());
            }
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
            let addresses = self.takes_addresses()?;
            texts = remove::serve::candidates(&Source::parse(server, &text)?, &bare, addresses);
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
            if bare.uses_of_application()?.is_empty() && bare.redone_is_present(redo)? {
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

    /// Returns whether code of the project takes the address of a client.
    fn takes_addresses(&self) -> anyhow::Result<bool> {
        for path in code_files(&self.project.root) {
            let text = self.plan.read(&path)?.unwrap_or_default();
            if text.contains("ConnectInfo") {
                return Ok(true);
            }
        }
        Ok(false)
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
        if is_library && left.trim() == super::NEW_LIBRARY.trim() {
            bare.plan.delete(&root)?;
            bare.project.new_library = true;
        }
        Ok(bare)
    }

    /// Returns the file of the project that starts the application.
    fn wired_file(&self) -> anyhow::Result<Option<PathBuf>> {
        let mut files =
            super::application::rust_files(&self.project.root, self.project.source_folder());
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

    /// Returns whether the file belongs to one component, and not to the application.
    fn is_of_component(&self, path: &Path) -> bool {
        let application = path == self.application_path();
        let channels = self
            .module_file("channels")
            .is_ok_and(|channels| path == channels);
        !application && !channels
    }

    /// Returns the plan that generates the component again after this plan.
    pub(crate) fn redone(&self, redo: Redo) -> anyhow::Result<Plan> {
        let mut again = Wiring::after(self.project.clone(), &self.plan);
        redo(&mut again)?;
        Ok(again.finish())
    }

    /// Formats the plan as the project does.
    pub(crate) fn format(&mut self) {
        self.plan.format(&Format {
            folder: &self.project.root,
            edition: &self.project.edition,
        });
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

    /// Returns the places that use a component after this plan, as they are on disk.
    pub(crate) fn uses_of(&self, component: Component, name: &Name) -> anyhow::Result<Vec<Place>> {
        let modules = name.modules();
        let above = modules[..modules.len() - 1].iter().rev().cloned();
        let field = (component == Component::Presence).then(|| name.module());
        let mut places = self.uses(&Item {
            module: name.module(),
            above: above.chain(["channels".to_owned()]).collect(),
            name: Some(name.type_name()),
            field: field.clone(),
        })?;
        let path = self.application_path();
        if let (Some(field), Some(text)) = (field, self.plan.read(&path)?) {
            let lines = application::variable_uses(&Source::parse(&path, &text)?, &field);
            places.extend(self.places(&path, &text, lines.into_iter().collect())?);
        }
        places.sort();
        places.dedup();
        Ok(places)
    }

    fn uses(&self, item: &Item) -> anyhow::Result<Vec<Place>> {
        let mut places = Vec::new();
        for path in code_files(&self.project.root) {
            let Some(text) = self.plan.read(&path)? else {
                continue;
            };
            let words = [Some(&item.module), item.name.as_ref(), item.field.as_ref()];
            if !words.into_iter().flatten().any(|word| text.contains(word)) {
                continue;
            }
            let before = std::fs::read_to_string(self.project.root.join(&path))?;
            let lines = uses::find(&text, &before, item);
            places.extend(self.places(&path, &text, lines)?);
        }
        Ok(places)
    }

    /// Returns lines of the planned text as places of the file on disk.
    fn places(
        &self,
        path: &Path,
        planned: &str,
        lines: BTreeSet<usize>,
    ) -> anyhow::Result<Vec<Place>> {
        let disk = std::fs::read_to_string(self.project.root.join(path))?;
        let diff = TextDiff::from_lines(&*disk, planned);
        let place = |line: usize| {
            let on_disk = diff.ops().iter().find_map(|op| match *op {
                DiffOp::Equal {
                    old_index,
                    new_index,
                    len,
                } if (new_index..new_index + len).contains(&(line - 1)) => {
                    Some(old_index + line - 1 - new_index)
                }
                DiffOp::Replace {
                    old_index,
                    new_index,
                    new_len,
                    ..
                } if (new_index..new_index + new_len).contains(&(line - 1)) => Some(old_index),
                _ => None,
            });
            let at = on_disk.unwrap_or(line - 1);
            Place {
                path: path.to_path_buf(),
                line: at + 1,
                text: disk.lines().nth(at).unwrap_or_default().trim().to_owned(),
            }
        };
        Ok(lines.into_iter().map(place).collect())
    }

    /// Returns the files that stay in the folder of a deleted module.
    pub(crate) fn left_beside(&self, name: &Name) -> anyhow::Result<Vec<PathBuf>> {
        let file = self.source_path(&name.file());
        let mut left = Vec::new();
        for path in super::application::rust_files(&self.project.root, &file.with_extension("")) {
            if self.plan.read(&path)?.is_some() {
                left.push(path);
            }
        }
        Ok(left)
    }
}

/// Returns the Rust files of the project, without those that cargo builds or that other tools
/// install. The paths are relative to `root`.
pub(crate) fn code_files(root: &Path) -> Vec<PathBuf> {
    let is_code = |entry: &DirEntry| {
        let name = entry.file_name().to_string_lossy();
        entry.depth() == 0 || !(name.starts_with('.') || name == "target" || name == "node_modules")
    };
    WalkDir::new(root)
        .sort_by_file_name()
        .into_iter()
        .filter_entry(is_code)
        .filter_map(Result::ok)
        .map(DirEntry::into_path)
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .filter_map(|path| path.strip_prefix(root).map(Path::to_path_buf).ok())
        .collect()
}
