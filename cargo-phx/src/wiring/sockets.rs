//! The project's sockets: found by their implementations, in any file.

use std::path::{Path, PathBuf};

use heck::{ToSnakeCase, ToUpperCamelCase};
use tera::Context;

use super::application::rust_files;
use super::{Wiring, checkout};
use crate::hint::hinted;
use crate::names::Name;
use crate::source::application::NewSocket;
use crate::source::routes::{self, NewRoute};
use crate::source::{Outcome, Source};

/// The call with which a generated socket verifies tokens.
pub(crate) const VERIFIES: &str = "state.tokens.verify_with_expiry";

/// A socket type and its file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SocketFile {
    pub(crate) name: String,
    pub(crate) path: PathBuf,
    /// The path of the module from the crate root: `channels::user_socket`.
    pub(crate) module: String,
}

impl SocketFile {
    /// Returns the path of the type from the crate root.
    pub(crate) fn import(&self) -> String {
        if self.module.is_empty() {
            self.name.clone()
        } else {
            format!("{}::{}", self.module, self.name)
        }
    }

    /// Returns the name that the generator was given: `User` of `UserSocket`.
    ///
    /// Returns `None` if the file is not where the generator writes it.
    pub(crate) fn typed(&self) -> Option<String> {
        let module = self.module.strip_prefix("channels::")?;
        let typed = module.strip_suffix("_socket")?.to_upper_camel_case();
        (self.name == format!("{typed}Socket")).then_some(typed)
    }
}

impl Wiring {
    /// Creates a socket's file, declares the module and mounts the socket. Returns the path of the
    /// mount.
    pub(crate) fn create_socket(&mut self, name: &Name) -> anyhow::Result<String> {
        let path = self.source_path(&name.file());

        // A socket that verifies tokens keeps doing so.
        let auth = self.verifies(&path)?;
        self.create_socket_with(name, auth)
    }

    /// Returns whether the socket in a file verifies tokens.
    pub(crate) fn verifies(&self, path: &Path) -> anyhow::Result<bool> {
        let text = self.plan.read(path)?;
        Ok(text.is_some_and(|text| text.contains(VERIFIES)))
    }

    /// Creates a socket as `create_socket` does. With `auth`, it verifies tokens.
    pub(crate) fn create_socket_with(&mut self, name: &Name, auth: bool) -> anyhow::Result<String> {
        self.ensure_application()?;
        let socket = name.type_name();
        let path = self.source_path(&name.file());
        let text = self.socket_text(&path, &socket, auth)?;
        self.plan.create(&path, text)?;

        self.declare_in_channels(&name.modules())?;
        let library = checkout::presence_channels(&self.project.root);
        self.depend_on(&[library])?;
        self.mount_socket(&NewSocket {
            import: name.import(),
            second_path: format!("/{}", name.module()),
            name: socket,
        })
    }

    /// Returns the text of a generated socket, with the routes that its file has.
    pub(super) fn socket_text(
        &self,
        path: &Path,
        socket: &str,
        auth: bool,
    ) -> anyhow::Result<String> {
        let mut context = Context::new();
        context.insert("socket", socket);
        context.insert("id_prefix", &socket.to_snake_case());
        context.insert("auth", &auth);
        let text = self.render("phx.gen.socket/socket.rs.tera", &context)?;
        self.with_present_routes(path, socket, text)
    }

    /// Adds the routes of the present socket to `text`, so that a socket generated again keeps the
    /// routes that `gen channel` has added.
    fn with_present_routes(
        &self,
        path: &Path,
        socket: &str,
        mut text: String,
    ) -> anyhow::Result<String> {
        let Some(present) = self.plan.read(path)? else {
            return Ok(text);
        };
        // A present file that is not Rust has no routes. The user is asked before it is
        // overwritten.
        let Ok(present) = Source::parse(path, &present) else {
            return Ok(text);
        };
        for route in routes::channels(&present, socket) {
            let source = Source::parse(path, &text)?;
            if let Outcome::Edited(routed) = routes::add(&source, socket, &route) {
                text = routed;
            }
        }
        Ok(text)
    }

    /// Returns the socket for a new channel: the wanted one, the only one, or `UserSocket`.
    ///
    /// Returns `None` if the project does not have it.
    ///
    /// # Errors
    ///
    /// Fails if the project has several sockets, `wanted` is `None`, and no socket is `UserSocket`.
    pub(crate) fn find_socket(&self, wanted: Option<&Name>) -> anyhow::Result<Option<SocketFile>> {
        let mut sockets = self.sockets()?;
        if let Some(wanted) = wanted {
            let name = wanted.type_name();
            return Ok(sockets.into_iter().find(|socket| socket.name == name));
        }
        if sockets.len() > 1 {
            let names: Vec<_> = sockets.iter().map(|socket| socket.name.clone()).collect();
            sockets.retain(|socket| socket.name == "UserSocket");
            if sockets.is_empty() {
                let short = names[0].trim_end_matches("Socket");
                return Err(hinted(
                    format!("the project has several sockets: {}", names.join(", ")),
                    format!("name the channel's socket, for example --socket {short}"),
                ));
            }
        }
        Ok(sockets.pop())
    }

    pub(crate) fn sockets(&self) -> anyhow::Result<Vec<SocketFile>> {
        let mut sockets = Vec::new();
        for path in rust_files(&self.project.root, self.project.source_folder()) {
            let text = self.plan.read(&path)?.unwrap_or_default();
            if !text.contains("UserSocket") {
                continue;
            }
            let module = self.module_of(&path);
            for name in routes::sockets(&Source::parse(&path, &text)?) {
                sockets.push(SocketFile {
                    name,
                    path: path.clone(),
                    module: module.clone(),
                });
            }
        }
        Ok(sockets)
    }

    /// Returns the module of a file: `channels::user_socket`, or an empty string for the crate
    /// root.
    pub(crate) fn module_of(&self, path: &Path) -> String {
        let below = path
            .strip_prefix(self.project.source_folder())
            .unwrap_or(path);
        let below = below.with_extension("");
        let mut parts: Vec<_> = below.iter().map(|part| part.to_string_lossy()).collect();
        let is_root = path == self.project.crate_root();
        if is_root || parts.last().is_some_and(|last| last == "mod") {
            parts.pop();
        }
        parts.join("::")
    }

    /// Adds a channel's route to a socket, or adds a notice with the lines to add.
    pub(crate) fn add_route(
        &mut self,
        socket: &SocketFile,
        route: &NewRoute,
    ) -> anyhow::Result<()> {
        if !self.edit(&socket.path, |source| {
            routes::add(source, &socket.name, route)
        })? {
            self.plan.notice(format!(
                "The routes of {} were not found in {}. Add these lines:\n\n    use {};\n\n    \
                 routes.channel::<{}>(\"{}\");",
                socket.name,
                socket.path.display(),
                route.import,
                route.channel,
                route.pattern,
            ));
        }
        Ok(())
    }
}
