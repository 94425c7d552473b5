//! The project's `application.rs`: there from `cargo phx new`, or made now and wired into an axum
//! app.

use std::path::{Path, PathBuf};

use tera::Context;
use walkdir::WalkDir;

use super::{Wiring, checkout};
use crate::manifest::Dependency;
use crate::source::application::{self, NewPresence, NewSocket};
use crate::source::{Source, serve};

impl Wiring {
    /// Sees to it that the project has an application and starts it.
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

    /// Starts a presence in `application.rs`, or says what to add there.
    pub(crate) fn add_presence(&mut self, presence: &NewPresence) -> anyhow::Result<()> {
        let path = self.application_path();
        if !self.edit(&path, |source| application::add_presence(source, presence))? {
            let NewPresence {
                field,
                name,
                import,
            } = presence;
            self.plan.notice(format!(
                "{} has been changed so far that the presence was not added to it. Add these lines:\n\n    \
                 use {import};\n\n    \
                 pub {field}: Tracker<{name}>,                        // to AppState\n    \
                 let {field} = Tracker::start(&pubsub, {name});       // before the state is made\n    \
                 .supervise(&state.{field})                           // to Endpoint::builder(pubsub)",
                path.display()
            ));
        }
        Ok(())
    }

    /// Mounts a socket in `application.rs`, or says what to add there. The path of the mount.
    pub(crate) fn mount_socket(&mut self, socket: &NewSocket) -> anyhow::Result<String> {
        let path = self.application_path();
        let text = self.plan.read(&path)?.unwrap_or_default();
        let mount = application::mount_path(&Source::parse(&path, &text)?, socket);
        if !self.edit(&path, |source| application::mount_socket(source, socket))? {
            self.plan.notice(format!(
                "{} has been changed so far that the socket was not mounted in it. Add these lines:\n\n    \
                 use {};\n\n    \
                 .socket::<{}>(\"{mount}\", state)    // to Endpoint::builder(pubsub)",
                path.display(),
                socket.import,
                socket.name,
            ));
        }
        Ok(mount)
    }

    /// Wires `application::start` into the binary, unless some file of the project calls it.
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
                "The place where the app serves was not found in {}. Add these lines where it is:\n\n    \
                 let endpoint = {start}(presence_channels::Config::default()).await?;\n    \
                 let app = app.merge(endpoint.router());\n    \
                 axum::serve(listener, app).await?;    // as it is\n    \
                 endpoint.stop().await;",
                place.display()
            ));
        }
        Ok(())
    }

    /// A server that nothing tells to end never comes to the endpoint's `stop`.
    fn advise_graceful_shutdown(&mut self) -> anyhow::Result<()> {
        let Some(path) = self.project.binary.clone() else {
            return Ok(());
        };
        let text = self.plan.read(&path)?.unwrap_or_default();
        if !text.contains("with_graceful_shutdown") {
            self.plan.notice(format!(
                "{} serves until it is killed, so `endpoint.stop()` is never reached and clients take every restart for a \
                 crash. Tell the server when to end:\n\n    \
                 .with_graceful_shutdown(shutdown())    // to axum::serve(..)\n\n\
                 where `shutdown` returns on ctrl-c and on SIGTERM. `cargo phx new` writes one into its main.rs.",
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
            // A file that says nothing of it need not be valid Rust for this command.
            if text.contains("application")
                && serve::starts_application(&Source::parse(&path, &text)?)
            {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// The Rust files below a folder of the project, as paths relative to the project, in a fixed
/// order.
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
