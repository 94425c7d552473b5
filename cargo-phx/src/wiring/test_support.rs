//! The helper that the generated tests share: it starts the app and connects clients. The user
//! adapts it once, and all tests go through it.

use std::path::PathBuf;

use heck::ToSnakeCase;
use serde::Serialize;
use syn::{FnArg, Item};
use tera::Context;

use super::Wiring;
use super::sockets::{SocketFile, VERIFIES};
use crate::names::TEST_SUPPORT;
use crate::source::serve::Names;
use crate::source::{Edits, Outcome, Source, imports, made, modules};

/// The names in the helper that a test uses.
pub(crate) struct TestSupport {
    /// The path of the module in a test.
    module: &'static str,
    /// The function that connects to the socket.
    connect: String,
    /// Set if the tests are modules of the crate.
    in_crate: bool,
    /// Set if the user must make the app's state in the helper before the tests can run.
    ignored: bool,
}

impl TestSupport {
    /// Adds the variables for the templates of tests.
    pub(crate) fn insert(&self, context: &mut Context) {
        context.insert("support", self.module);
        context.insert("connect", &self.connect);
        context.insert("in_crate", &self.in_crate);
        context.insert("ignored", &self.ignored);
    }
}

impl Wiring {
    /// Returns the file of the helper: `tests/support/mod.rs`, where the tests are crates of their
    /// own, else a module beside the channels.
    pub(crate) fn test_support_path(&self) -> anyhow::Result<PathBuf> {
        Ok(if self.exports_channels()? {
            // The name keeps cargo from taking it for a test.
            PathBuf::from("tests/support/mod.rs")
        } else {
            self.source_path(&format!("channels/{TEST_SUPPORT}.rs"))
        })
    }

    /// Makes sure that the helper exists and connects to `socket`. Functions that it has stay as
    /// they are.
    pub(crate) fn add_test_support(&mut self, socket: &SocketFile) -> anyhow::Result<TestSupport> {
        let in_crate = !self.exports_channels()?;
        let crate_path = if in_crate {
            "crate".to_owned()
        } else {
            self.project.crate_name.clone()
        };
        let mut support = TestSupport {
            module: if in_crate { TEST_SUPPORT } else { "support" },
            connect: connect_function(socket),
            in_crate,
            ignored: false,
        };

        let path = self.test_support_path()?;
        let import = format!("{crate_path}::{}", socket.import());
        let mut context = Context::new();
        context.insert("crate_path", &crate_path);
        let start = self.start_expression(in_crate)?;
        context.insert("start", &start.expression);
        context.insert("made", &start.made);
        context.insert("arguments", &start.open);
        let socket_text = self.plan.read(&socket.path)?.unwrap_or_default();
        let auth = socket_text.contains(VERIFIES);
        context.insert("auth", &auth);
        context.insert("socket", &socket.name);
        context.insert("socket_import", &import);
        support.insert(&mut context);
        let is_new = self.plan.read(&path)?.is_none();
        if is_new {
            self.create(&path, "phx.gen.channel/test_support.rs.tera", &context)?;
        }
        let helper = self.plan.read(&path)?.unwrap_or_default();
        support.ignored = helper.contains("todo!(\"make ");
        if support.ignored && is_new {
            self.plan.notice(format!(
                "The tests of channels are ignored until {} makes the app's state.",
                path.display()
            ));
        }
        let template = "phx.gen.channel/test_connect.rs.tera";
        let connect = self.render(template, &context)?;
        if auth {
            self.edit(&path, |source| {
                sign_in(source, &support.connect, &crate_path)
            })?;
        }
        // With the project's names for the crates, so that what is imported already is found.
        let imports = IMPORTS
            .iter()
            .map(|path| self.with_crate_names("", (*path).to_owned()))
            .chain([Ok(import)])
            .collect::<anyhow::Result<Vec<_>>>()?;
        self.edit(&path, |source| {
            add_connect(source, &support.connect, &connect, &imports)
        })?;
        if in_crate {
            let channels = self.module_file("channels")?;
            self.edit(&channels, declare)?;
        }
        Ok(support)
    }

    /// Returns the way in which a test starts the app.
    fn start_expression(&self, in_crate: bool) -> anyhow::Result<Start> {
        let path = self.application_path();
        let text = self.plan.read(&path)?.unwrap_or_default();
        let source = Source::parse(&path, &text)?;
        let start = source.file.items.iter().find_map(|item| match item {
            Item::Fn(item) if item.sig.ident == "start" => Some(&item.sig),
            _ => None,
        });
        let names = Names::of(&source.file, &self.types_of(&path));
        let mut open = Vec::new();
        let mut made = Vec::new();
        let mut values = Vec::new();
        let inputs = start.iter().flat_map(|start| &start.inputs);
        for (index, input) in inputs.enumerate() {
            let FnArg::Typed(input) = input else { continue };
            if source.slice(&*input.ty).ends_with("Config") {
                values.push("Config::default()".to_owned());
                continue;
            }
            let ty = names.qualified(&input.ty);
            if let Some(value) = ty.as_deref().and_then(|ty| self.test_value(ty, in_crate)) {
                values.push(value);
                continue;
            }
            let name = source
                .slice(&*input.pat)
                .trim_start_matches("mut ")
                .to_owned();
            // The items of `main` are in reach of the modules of its crate alone.
            if in_crate && let Some(value) = self.made_by_main(index)? {
                made.push(format!("let {name} = {value};"));
                values.push(name);
                continue;
            }
            values.push(format!("{name}().await"));
            let ty = ty.map(|ty| match in_crate {
                true => ty,
                false => ty.replace("crate::", &format!("{}::", self.project.crate_name)),
            });
            open.push(Argument { name, ty });
        }
        let expression = if values.is_empty() {
            "application::start(Config::default())".to_owned()
        } else {
            format!("application::start({})", values.join(", "))
        };
        Ok(Start {
            expression,
            made,
            open,
        })
    }

    /// Returns the expression with which the crate's `main` makes an argument.
    fn made_by_main(&self, index: usize) -> anyhow::Result<Option<String>> {
        let root = self.project.crate_root();
        let text = self.plan.read(root)?.unwrap_or_default();
        Ok(made::argument(&Source::parse(root, &text)?, index))
    }
}

/// The way in which a test starts the app.
struct Start {
    /// The call of `application::start`.
    expression: String,
    /// The statements that make arguments, as `main` does.
    made: Vec<String>,
    /// The arguments that only the user can make, such as a database for tests.
    open: Vec<Argument>,
}

/// An argument of `application::start` that the user makes.
#[derive(Serialize)]
struct Argument {
    name: String,
    /// The type, or `None` if a test cannot name it.
    #[serde(rename = "type")]
    ty: Option<String>,
}

/// Lets the function that connects sign a token, if it is as it was generated.
fn sign_in(source: &Source, name: &str, crate_path: &str) -> Outcome {
    let params = "let params = json!({ \"user_id\": user_id });";
    let signed = format!(
        "let token = {crate_path}::auth::token(endpoint, user_id).unwrap();\n    \
         let params = json!({{ \"token\": token }});"
    );
    let function = source.file.items.iter().find_map(|item| match item {
        Item::Fn(item) if item.sig.ident == name => Some(item),
        _ => None,
    });
    let Some(range) = function.map(|function| source.range(function)) else {
        return Outcome::Unchanged;
    };
    let Some(at) = source.text()[range.clone()].find(params) else {
        return Outcome::Unchanged;
    };
    let start = range.start + at;
    let mut edits = Edits::default();
    edits.replace(start..start + params.len(), signed);
    Outcome::Edited(edits.apply(source.text()))
}

/// Returns the name of the function that connects to a socket.
pub(crate) fn connect_function(socket: &SocketFile) -> String {
    let short = socket.name.strip_suffix("Socket").unwrap_or(&socket.name);
    let short = if short.is_empty() { "Socket" } else { short };
    format!("connect_{}", short.to_snake_case())
}

/// The imports of such a function, beside its socket.
const IMPORTS: [&str; 4] = [
    "presence_channels::Endpoint",
    "presence_channels::testing",
    "presence_channels::testing::TestSocket",
    "serde_json::json",
];

/// Adds the function that connects to a socket.
fn add_connect(source: &Source, name: &str, function: &str, imports: &[String]) -> Outcome {
    let present = source.file.items.iter().any(|item| match item {
        Item::Fn(item) => item.sig.ident == name,
        _ => false,
    });
    if present {
        return Outcome::Unchanged;
    }
    let mut edits = Edits::default();
    let end = source.text().trim_end().len();
    edits.replace(end..source.text().len(), format!("\n\n{function}"));
    let mut text = edits.apply(source.text());
    for path in imports {
        let Ok(current) = Source::parse(std::path::Path::new("support.rs"), &text) else {
            return Outcome::Unknown;
        };
        if let Outcome::Edited(edited) = imports::add(&current, path) {
            text = edited;
        }
    }
    Outcome::Edited(text)
}

/// Declares the helper at the end of the channels, for tests only.
fn declare(source: &Source) -> Outcome {
    if modules::find(source, TEST_SUPPORT).is_some() {
        return Outcome::Unchanged;
    }
    let text = source.text().trim_end();
    Outcome::Edited(format!(
        "{text}\n\n#[cfg(test)]\npub(crate) mod {TEST_SUPPORT};\n"
    ))
}
