//! The project's `application.rs`. `cargo phx new` writes it; in another axum app it is created and
//! wired in.

use std::path::{Path, PathBuf};

use tera::Context;
use walkdir::WalkDir;

use super::{Wiring, checkout};
use crate::manifest::Dependency;
use crate::source::application::{self, NewPresence, NewSocket};
use crate::source::{Source, serve};

impl Wiring {
    /// Makes sure that the project has an application and starts it.
    pub(crate) fn ensure_application(&mut self) -> anyhow::Result<()> {
        let path = self.application_path();
        if self.plan.read(&path)?.is_none() {
            self.create(&path, "phx.new/src/application.rs.tera", &Context::new())?;
        }
        self.declare_in_root("application")?;
        let library = checkout::presence_channels(&self.project.root);
        self.depend_on(&[Dependency::new("anyhow", "1"), library])?;
        self.ensure_started()
    }

    pub(crate) fn application_path(&self) -> PathBuf {
        self.source_path("application.rs")
    }

    /// Starts a presence in `application.rs`, or adds a notice with the lines to add there.
    pub(crate) fn add_presence(&mut self, presence: &NewPresence) -> anyhow::Result<()> {
        let path = self.application_path();
        if !self.edit(&path, |source| application::add_presence(source, presence))? {
            let NewPresence {
                field,
                name,
                import,
            } = presence;
            self.plan.notice(format!(
                "The place for the presence was not found in {}. Add these lines:\n\n    \
                 use {import};\n\n    \
                 pub {field}: Tracker<{name}>,                        // to AppState\n    \
                 let {field} = Tracker::start(&pubsub, {name});       \
                 // before the state is made\n    \
                 .supervise(&state.{field})                           \
                 // to Endpoint::builder(pubsub)",
                path.display()
            ));
        }
        Ok(())
    }

    /// Mounts a socket in `application.rs`, or adds a notice with the lines to add there. Returns
    /// the path of the mount.
    pub(crate) fn mount_socket(&mut self, socket: &NewSocket) -> anyhow::Result<String> {
        let path = self.application_path();
        let text = self.plan.read(&path)?.unwrap_or_default();
        let mount = application::mount_path(&Source::parse(&path, &text)?, socket);
        if !self.edit(&path, |source| application::mount_socket(source, socket))? {
            self.plan.notice(format!(
                "The place for the socket was not found in {}. Add these lines:\n\n    \
                 use {};\n\n    \
                 .socket::<{}>(\"{mount}\", state)    // to Endpoint::builder(pubsub)",
                path.display(),
                socket.import,
                socket.name,
            ));
        }
        Ok(mount)
    }

    /// Wires `application::start` into the binary, unless a file of the project already calls it.
    fn ensure_started(&mut self) -> anyhow::Result<()> {
        if self.is_started()? {
            return Ok(());
        }
        let start = if self.project.library.is_some() {
            format!("{}::application::start", self.project.crate_name)
        } else {
            "application::start".to_owned()
        };
        let binary = self.project.binary.clone();
        let wired = match &binary {
            Some(path) => self.edit(path, |source| serve::wire(source, &start))?,
            None => false,
        };
        if wired {
            self.advise_graceful_shutdown()?;
        } else {
            let place = binary.unwrap_or_else(|| self.project.crate_root().to_path_buf());
            self.plan.notice(format!(
                "The call of axum::serve was not found in {}. Add these lines around it:\n\n    \
                 let endpoint = {start}(presence_channels::Config::default()).await?;\n    \
                 let app = app.merge(endpoint.router());\n    \
                 axum::serve(listener, app).await?;    // as it is\n    \
                 endpoint.stop().await;",
                place.display()
            ));
        }
        Ok(())
    }

    /// Adds a notice if the server has no graceful shutdown: the endpoint's `stop` would never run.
    fn advise_graceful_shutdown(&mut self) -> anyhow::Result<()> {
        let Some(path) = self.project.binary.clone() else {
            return Ok(());
        };
        let text = self.plan.read(&path)?.unwrap_or_default();
        if !text.contains("with_graceful_shutdown") {
            self.plan.notice(format!(
                "{} serves until the process is killed, so `endpoint.stop()` never runs, and \
                 clients take every restart for a crash. Tell the server when to end:\n\n    \
                 .with_graceful_shutdown(shutdown())    // to axum::serve(..)\n\n\
                 Here `shutdown` returns on ctrl-c and on SIGTERM. `cargo phx new` writes such a \
                 function into main.rs.",
                path.display()
            ));
        }
        Ok(())
    }

    fn is_started(&self) -> anyhow::Result<bool> {
        let root = &self.project.root;
        let mut files = rust_files(root, self.project.source_folder());
        files.extend(self.project.binary.clone());
        for path in files {
            // A generated test starts the application too.
            if path.file_name().is_some_and(|name| name == "tests.rs") {
                continue;
            }
            let text = self.plan.read(&path)?.unwrap_or_default();
            // A file that does not mention the application need not be valid Rust.
            if text.contains("application")
                && serve::starts_application(&Source::parse(&path, &text)?)
            {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// Returns the Rust files below a folder of the project, in a fixed order. The paths are relative
/// to the project.
pub(crate) fn rust_files(root: &Path, folder: &Path) -> Vec<PathBuf> {
    WalkDir::new(root.join(folder))
        .sort_by_file_name()
        .into_iter()
        .filter_map(Result::ok)
        .map(walkdir::DirEntry::into_path)
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .filter_map(|path| path.strip_prefix(root).map(Path::to_path_buf).ok())
        .collect()
}
