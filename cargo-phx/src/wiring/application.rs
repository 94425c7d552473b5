//! The project's `application.rs`. `cargo phx new` writes it; in another axum app it is created and
//! wired in.

use std::path::{Path, PathBuf};

use tera::Context;
use walkdir::WalkDir;

use super::sockets::SocketFile;
use super::{Wiring, checkout};
use crate::manifest::Dependency;
use crate::names::TEST_SUPPORT;
use crate::source::Source;
use crate::source::application::{self, NewPresence, NewSocket};
use crate::source::serve::{self, AppState, Duty, Functions, TypePlace, Wiring as Serving};

/// The call that waits for ctrl-c, in an app that stops in order.
const SIGNAL: &str = "ctrl_c()";

impl Wiring {
    /// Makes sure that the project has an application and starts it.
    pub(crate) fn ensure_application(&mut self) -> anyhow::Result<()> {
        let path = self.application_path();
        let is_new = self.plan.read(&path)?.is_none();
        let state = self.ensure_started(is_new)?;
        if is_new {
            let mut context = Context::new();
            if let Some(state) = &state {
                context.insert("state", &state.name);
                context.insert("state_type", &state.ty);
            }
            context.insert("is_binary", &self.project.library.is_none());
            self.create(&path, "phx.new/src/application.rs.tera", &context)?;
        }
        self.declare_in_root("application")?;
        let library = checkout::presence_channels(&self.project.root);
        self.depend_on(&[Dependency::new("anyhow", "1"), library])
    }

    pub(crate) fn application_path(&self) -> PathBuf {
        let nested = self.source_path("application/mod.rs");
        if self.project.root.join(&nested).is_file() {
            nested
        } else {
            self.source_path("application.rs")
        }
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

    /// Returns the path at which a socket is mounted.
    pub(crate) fn mounted_at(&self, socket: &SocketFile) -> anyhow::Result<String> {
        let path = self.application_path();
        let text = self.plan.read(&path)?.unwrap_or_default();
        let socket = NewSocket {
            import: socket.import(),
            second_path: "/socket".to_owned(),
            name: socket.name.clone(),
        };
        Ok(application::mount_path(
            &Source::parse(&path, &text)?,
            &socket,
        ))
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

    /// Wires `application::start` in where the app serves, unless a file of the project already
    /// calls it. Returns the state that a new application takes from the app.
    fn ensure_started(&mut self, is_new: bool) -> anyhow::Result<Option<AppState>> {
        if self.is_started()? {
            return Ok(None);
        }
        for path in self.serving_files() {
            let text = self.plan.read(&path)?.unwrap_or_default();
            if !["serve", ".accept()"]
                .iter()
                .any(|part| text.contains(part))
            {
                continue;
            }
            let source = match Source::parse(&path, &text) {
                Ok(source) => source,
                Err(error) if self.project.binary.as_ref() == Some(&path) => return Err(error),
                // Another file than the binary may be one that no module declares.
                Err(_) => continue,
            };
            let module = self.application_module(&path);
            let types = self.types_of(&path);
            match serve::wire(&source, &module, &*self, is_new.then_some(&types)) {
                Serving::Wired {
                    text: wired,
                    state,
                    lost_state,
                    duties,
                } => {
                    let wired = self.with_crate_names(&text, wired)?;
                    if wired.contains(SIGNAL) && !text.contains(SIGNAL) {
                        self.plan.offer(format!(
                            "The server in {} will stop in order, on ctrl-c and SIGTERM. Change it so?",
                            path.display()
                        ));
                    }
                    self.plan.inject(&path, wired.clone())?;
                    let tokio = Dependency::new("tokio", "1");
                    let tokio = if wired.contains("::time::sleep(") {
                        tokio.features(&["macros", "rt", "signal", "time"])
                    } else {
                        tokio.features(&["macros", "rt", "signal"])
                    };
                    self.depend_on(&[tokio])?;
                    self.notice_duties(&path, &duties);
                    self.notice_state(&path, state.as_ref(), lost_state.filter(|_| is_new));
                    return Ok(state);
                }
                Serving::ByHand { .. } | Serving::Nothing => {}
            }
        }
        self.unwired = true;
        Ok(None)
    }

    /// Adds a notice with the lines that start the application, if no server was wired.
    pub(super) fn notice_unwired(&mut self) {
        if !self.unwired {
            return;
        }
        let by_hand = self.serving_files().into_iter().find_map(|path| {
            let text = self.plan.read(&path).ok()??;
            let source = Source::parse(&path, &text).ok()?;
            let module = self.application_module(&path);
            match serve::wire(&source, &module, self, None) {
                Serving::ByHand { line } => Some((path, line)),
                _ => None,
            }
        });
        let place = match by_hand {
            Some((path, line)) => format!(
                "The server at {}:{line} is of a kind that the generator does not know.",
                path.display()
            ),
            None => {
                let path = self.project.binary.as_deref();
                let path = path.unwrap_or_else(|| self.project.crate_root());
                format!("No server was found in {}.", path.display())
            }
        };
        let path = self.project.binary.clone().unwrap_or_default();
        let module = self.application_module(&path);
        self.plan.notice(format!(
            "{place} Add these lines where the app serves its router:\n\n    \
             let endpoint = {module}::start(presence_channels::Config::default()).await?;\n    \
             let app = app.merge(endpoint.router());\n    \
             presence_channels::serve(listener, app, &endpoint)\n        \
             .with_graceful_shutdown(shutdown())    // returns on ctrl-c and SIGTERM\n        \
             .await?;\n\n\
             Another server than this one stays. Then stop the endpoint beside it, at the \
             signal:\n\n    \
             endpoint.stop().await;"
        ));
    }

    /// Adds notices on what the server in a file lacks.
    fn notice_duties(&mut self, path: &Path, duties: &[Duty]) {
        let path = path.display();
        for duty in duties {
            self.plan.notice(match duty {
                Duty::NoDelay => format!(
                    "The server in {path} does not set TCP_NODELAY, as far as the generator can \
                     see. Without it, a message may wait for the client's acknowledgement. Add \
                     this line where the server accepts a connection over TCP, for `axum::serve` \
                     in `ListenerExt::tap_io`:\n\n    \
                     let _ = stream.set_nodelay(true);"
                ),
                Duty::Bound => format!(
                    "The server in {path} waits for its slowest request when it stops. Give that \
                     wait a limit, or a client that never ends its request keeps the app from \
                     ending."
                ),
            });
        }
    }

    /// Adds notices on the way between the channels and the handlers.
    fn notice_state(&mut self, path: &Path, state: Option<&AppState>, lost: Option<usize>) {
        if let Some(line) = lost {
            self.plan.notice(format!(
                "The state at {}:{line} does not reach the channels. Make it where the endpoint \
                 starts, and hand it over:\n\n    \
                 pub app: YourState,                                // to AppState\n    \
                 start(config: Config, app: YourState)              // in application.rs\n    \
                 application::start(config, state.clone()).await    // where the app serves",
                path.display(),
            ));
        }
        if let Some(AppState { name, .. }) = state {
            self.plan.notice(format!(
                "Channels reach the state of the handlers as `socket.state().{name}`. A handler \
                 reaches the endpoint as an extension of the router:\n\n    \
                 // to the router, and to the arguments of a handler:\n    \
                 .layer(axum::Extension(endpoint.clone()))\n    \
                 Extension(endpoint): Extension<presence_channels::Endpoint>"
            ));
        }
    }

    /// Returns the place of a file's types, as `application` sees it.
    pub(super) fn types_of(&self, path: &Path) -> TypePlace {
        let is_foreign =
            self.project.library.is_some() && self.project.binary.as_deref() == Some(path);
        let module = self.module_of(path);
        let module = if module.is_empty() {
            "crate".to_owned()
        } else {
            format!("crate::{module}")
        };
        TypePlace {
            crate_name: self.project.crate_name.clone(),
            module: (!is_foreign).then_some(module),
            public: self.project.library.is_some(),
        }
    }

    /// Returns the files in which the app may serve: first the binary.
    pub(super) fn serving_files(&self) -> Vec<PathBuf> {
        let mut files: Vec<PathBuf> = self.project.binary.clone().into_iter().collect();
        for path in rust_files(&self.project.root, self.project.source_folder()) {
            let is_test = path.file_stem().is_some_and(|name| name == "tests");
            let of_another_binary = path.starts_with(self.project.source_folder().join("bin"));
            if !is_test && !of_another_binary && !files.contains(&path) {
                files.push(path);
            }
        }
        files
    }

    /// Returns the path of the module `application` in a file.
    pub(super) fn application_module(&self, path: &Path) -> String {
        let is_binary = self.project.binary.as_deref() == Some(path);
        match (&self.project.library, is_binary) {
            (Some(_), true) => format!("{}::application", self.project.crate_name),
            (None, true) => "application".to_owned(),
            (_, false) => "crate::application".to_owned(),
        }
    }

    fn is_started(&self) -> anyhow::Result<bool> {
        let root = &self.project.root;
        let mut files = rust_files(root, self.project.source_folder());
        files.extend(self.project.binary.clone());
        for path in files {
            // Generated tests start the application too.
            let name = path.file_name().and_then(|name| name.to_str());
            if name == Some("tests.rs") || path.ends_with(format!("{TEST_SUPPORT}.rs")) {
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

impl Functions for Wiring {
    fn return_type(&self, name: &str) -> Option<String> {
        self.in_function(name, |source, _| serve::return_type(source, name))
    }

    fn crate_name(&self, package: &str) -> String {
        let manifests = self.manifests().ok();
        let name = manifests.and_then(|manifests| manifests.crate_name(package));
        name.unwrap_or_else(|| package.replace('-', "_"))
    }

    fn state_parameter(&self, name: &str) -> Option<(usize, String)> {
        self.in_function(name, |source, path| {
            serve::state_parameter(source, name, &self.types_of(path))
        })
    }

    fn text(&self, path: &Path) -> Option<String> {
        self.plan.read(path).ok()?
    }
}

impl Wiring {
    /// Calls `look` with the files that have a function `name`, until it returns a value.
    fn in_function<T>(&self, name: &str, look: impl Fn(&Source, &Path) -> Option<T>) -> Option<T> {
        let root = &self.project.root;
        let mut files = rust_files(root, self.project.source_folder());
        files.extend(self.project.binary.clone());
        let declaration = format!("fn {name}");
        files.into_iter().find_map(|path| {
            let text = self.plan.read(&path).ok()??;
            if !text.contains(&declaration) {
                return None;
            }
            look(&Source::parse(&path, &text).ok()?, &path)
        })
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
