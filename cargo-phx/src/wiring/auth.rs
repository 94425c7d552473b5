//! Logging in: the module `auth`, and its parts in the application, the router and the socket.

use std::path::PathBuf;

use heck::ToSnakeCase;
use tera::Context;

use super::Wiring;
use super::sockets::{SocketFile, VERIFIES};
use crate::format::Format;
use crate::hint::hinted;
use crate::manifest::Dependency;
use crate::source::{Source, modules, tokens};

impl Wiring {
    /// Creates the module `auth` with its test, and wires it in. Returns the command that runs the
    /// test, unless the user has to change the socket first.
    pub(crate) fn add_auth(&mut self, socket: &SocketFile) -> anyhow::Result<Option<String>> {
        self.ensure_application()?;
        self.check_module("auth")?;
        let path = self.source_path("auth.rs");
        let nested = self.source_path("auth/mod.rs");
        let present = self.plan.read(&path)?.unwrap_or_default();
        let foreign = !present.is_empty() && !present.contains("pub fn tokens(config: Config)");
        if foreign || self.plan.read(&nested)?.is_some() {
            return Err(hinted(
                "the project has a module `auth` of its own, so nothing was written",
                "rename it, or sign a token there as the guide of clients shows",
            ));
        }

        let mut context = Context::new();
        context.insert("socket", &socket.name);
        context.insert("socket_module", &socket.name.to_snake_case());
        self.create(&path, "phx.gen.auth/auth.rs.tera", &context)?;
        self.declare_in_root("auth")?;
        self.depend_on(&[
            Dependency::new("axum", "0.8"),
            Dependency::new("serde", "1").features(&["derive"]),
            Dependency::new("serde_json", "1"),
            Dependency::new("tokio", "1").features(&["macros", "rt"]),
            Dependency::new("tracing", "0.1"),
        ])?;
        self.make_tokens()?;
        self.merge_auth()?;
        if self.verify_tokens(socket)? {
            self.add_auth_test(socket, context).map(Some)
        } else {
            Ok(None)
        }
    }

    fn make_tokens(&mut self) -> anyhow::Result<()> {
        let path = self.application_path();
        if !self.edit(&path, tokens::add)? {
            self.plan.notice(format!(
                "The place for the tokens was not found in {}. Add these lines:\n\n    \
                 pub tokens: presence_channels::Tokens,                  // to AppState\n    \
                 let (config, tokens) = crate::auth::tokens(config)?;    \
                 // before the state is made",
                path.display()
            ));
        }
        Ok(())
    }

    /// Merges the routes where the app merges the endpoint's router.
    fn merge_auth(&mut self) -> anyhow::Result<()> {
        for path in self.serving_files() {
            let text = self.plan.read(&path)?.unwrap_or_default();
            if !text.contains(".router()") {
                continue;
            }
            let Ok(source) = Source::parse(&path, &text) else {
                continue;
            };
            let module = self.application_module(&path);
            let auth = module.replace("application", "auth");
            if tokens::merge_router(&source, &auth) != crate::source::Outcome::Unknown {
                self.edit(&path, |source| tokens::merge_router(source, &auth))?;
                return Ok(());
            }
        }
        self.plan.notice(
            "The place for the routes was not found. Add them where the app merges the \
             endpoint's router:\n\n    \
             .merge(auth::router(&endpoint))",
        );
        Ok(())
    }

    /// Lets the socket verify tokens. Returns whether it does. Code of the user is left alone.
    fn verify_tokens(&mut self, socket: &SocketFile) -> anyhow::Result<bool> {
        let path = &socket.path;
        let text = self.plan.read(path)?.unwrap_or_default();
        if text.contains(VERIFIES) {
            return Ok(true);
        }
        let generated = self.socket_text(path, &socket.name, false)?;
        let format = Format {
            folder: &self.project.root,
            edition: &self.project.edition,
        };
        if format.created(&generated) == format.created(&text) {
            let verifying = self.socket_text(path, &socket.name, true)?;
            let verifying = self.format_created(&verifying);
            self.plan.inject(path, verifying)?;
            return Ok(true);
        }
        self.plan.notice(format!(
            "{} in {} has code of your own. Let `connect` verify the token, and give the socket \
             `expires_at` and `refresh`, as the documentation of \
             `presence_channels::UserSocket::refresh` has them:\n\n    \
             let (user_id, expires_at) = {VERIFIES}(params.get(\"token\"))?;\n\n\
             Then run this command again for the test.",
            socket.name,
            path.display()
        ));
        Ok(false)
    }

    fn add_auth_test(
        &mut self,
        socket: &SocketFile,
        mut context: Context,
    ) -> anyhow::Result<String> {
        self.add_test_support(socket)?.insert(&mut context);
        let exported = self.exports_channels()?;
        let crate_path = if exported {
            self.project.crate_name.clone()
        } else {
            "crate".to_owned()
        };
        context.insert("crate_path", &crate_path);
        context.insert(
            "socket_import",
            &format!("{crate_path}::{}", socket.import()),
        );
        let (test, command) = if exported {
            let test = PathBuf::from("tests/auth_test.rs");
            (test, "cargo test --test auth_test")
        } else {
            (self.source_path("auth/tests.rs"), "cargo test auth")
        };
        self.create(&test, "phx.gen.auth/auth_test.rs.tera", &context)?;
        if !exported {
            let path = self.source_path("auth.rs");
            let text = self.plan.read(&path)?.unwrap_or_default();
            if modules::find(&Source::parse(&path, &text)?, "tests").is_none() {
                let text = format!("{}\n\n#[cfg(test)]\nmod tests;\n", text.trim_end());
                self.plan.inject(&path, text)?;
            }
        }
        Ok(command.to_owned())
    }

    fn format_created(&self, text: &str) -> String {
        let format = Format {
            folder: &self.project.root,
            edition: &self.project.edition,
        };
        format.created(text)
    }
}
