//! Wires the endpoint into an axum app, where the app serves.
//!
//! First the file is analysed: which places serve ([`find`]), which router does each serve and where
//! does it come from ([`flow`]), what does the function do with an error ([`failure`]), and what
//! tells the server to stop ([`signal`]). Then the place is wired by its kind:
//!
//! | kind | inserted |
//! | --- | --- |
//! | `axum::serve` of a `Router` on a `TcpListener` | [`axum`]: `presence_channels::serve` in its place |
//! | another `axum::serve`, such as on a Unix socket | [`axum`]: kept, with the endpoint's stop beside it |
//! | `axum_server` | [`axum_server`]: kept, with a handle and the endpoint's stop beside it |
//! | a loop that hands connections to hyper | [`accept`]: kept, and ended by the signal |
//!
//! Each kind inserts, in this order, and nothing else:
//!
//! 1. `let endpoint = application::start(..).await?;`, before the first line that needs it,
//! 2. `let app = app.merge(endpoint.router());`, or `.merge(endpoint.router())` in an expression,
//! 3. the lines of its kind: see its file,
//! 4. a function `shutdown` after the function, if the file has no function that waits for a signal.

use std::ops::Range;

use syn::visit::{self, Visit};
use syn::{Block, Expr, File, ReturnType, Stmt};

use self::find::{Found, Kind, Level};
pub(crate) use self::flow::Functions;
use self::flow::{Flow, Router, Variable, Way};
use super::{Edits, Source, imports, paths};

mod accept;
mod axum;
mod axum_server;
mod expand;
mod failure;
mod find;
mod flow;
mod signal;

/// The outcome of the search for a place to wire the endpoint in.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Wiring {
    /// The file serves no router.
    Nothing,
    /// The file with the endpoint.
    Wired(String),
    /// The file serves on this line, but in a way that only the user can wire.
    ByHand { line: usize },
}

/// Adds the endpoint to the file. `module` is the path of the module `application` in that file.
pub(crate) fn wire(source: &Source, module: &str, functions: &dyn Functions) -> Wiring {
    let file = expand::expanded(&source.file);
    let flow = Flow { source, functions };
    let servers = routers(&flow, &file);
    let Some(server) = choose(&flow, &servers) else {
        return match find::servers(&file).first() {
            Some(found) => Wiring::ByHand {
                line: line(source, found),
            },
            None => Wiring::Nothing,
        };
    };
    let is_nested = server
        .found
        .scope
        .iter()
        .any(|level| matches!(level, Level::Module));
    // The binary's module, seen from a module within the file.
    let module = if is_nested && module == "application" {
        "crate::application"
    } else {
        module
    };
    let mut edit = Edit {
        source,
        flow: &flow,
        module,
        edits: Edits::default(),
        has_signal: false,
    };
    let wired = match server.found.kind {
        Kind::Axum(call) => axum::wire(&mut edit, server, call),
        Kind::AxumServer(call) => axum_server::wire(&mut edit, server, call),
        Kind::Accept(accept) => accept::wire(&mut edit, server, &accept),
    };
    match wired {
        Some(()) => Wiring::Wired(edit.edits.apply(source.text())),
        None => Wiring::ByHand {
            line: line(source, &server.found),
        },
    }
}

/// A place that serves a router.
pub(self) struct Server<'s> {
    found: Found<'s>,
    router: Router<'s>,
    /// The number of routes that can be seen.
    routes: usize,
}

fn routers<'s>(flow: &Flow, file: &'s File) -> Vec<Server<'s>> {
    find::servers(file)
        .into_iter()
        .filter_map(|found| {
            let (router, routes) = match found.app() {
                Some(app) => {
                    let router = flow.router(app, &found.scope)?;
                    let routes = flow.routes(router.expr, &router.scope);
                    (router, routes)
                }
                None => flow.local_router(&found.scope)?,
            };
            Some(Server {
                found,
                router,
                routes,
            })
        })
        .collect()
}

/// Returns the app's server: the one with the most routes, and of several the one in `main`, else
/// the first.
fn choose<'a, 's>(_flow: &Flow, servers: &'a [Server<'s>]) -> Option<&'a Server<'s>> {
    let rank = |server: &&Server| {
        let is_main = server
            .found
            .function()
            .is_some_and(|(signature, _)| signature.ident == "main");
        (server.routes, is_main)
    };
    // `max_by_key` returns the last of several.
    servers.iter().rev().max_by_key(rank)
}

fn line(source: &Source, found: &Found) -> usize {
    let at = match found.kind {
        Kind::Axum(call) => source.range(call).start,
        Kind::AxumServer(call) => source.range(call).start,
        Kind::Accept(accept) => source.range(accept.accept).start,
    };
    source.text()[..at].matches('\n').count() + 1
}

/// The edit of a file, as the kinds of servers share it.
pub(self) struct Edit<'a> {
    source: &'a Source<'a>,
    flow: &'a Flow<'a>,
    module: &'a str,
    edits: Edits,
    /// Whether the function that waits for a signal is there.
    has_signal: bool,
}

/// A place between statements: before the statement of this index.
#[derive(Clone, Copy)]
struct Place<'s> {
    block: &'s Block,
    index: usize,
}

impl<'s> Place<'s> {
    fn statement(self) -> &'s Stmt {
        &self.block.stmts[self.index]
    }
}

impl<'a> Edit<'a> {
    /// Returns the innermost statement of a scope.
    ///
    /// Returns `None` if `endpoint.await` cannot stand before it, or would run several times.
    fn place<'s>(&self, scope: &[Level<'s>]) -> Option<Place<'s>> {
        let mut place = None;
        for level in scope.iter().rev() {
            match level {
                Level::Statement(block, index) if place.is_none() => {
                    place = Some(Place {
                        block,
                        index: *index,
                    });
                }
                Level::Loop | Level::Closure => return None,
                Level::Function(signature, _) => return signature.asyncness.and(place),
                Level::Async => return self.is_once(scope).then_some(place).flatten(),
                _ => {}
            }
        }
        None
    }

    fn is_once(&self, scope: &[Level]) -> bool {
        let levels = scope.iter().rev();
        levels
            .take_while(|level| !matches!(level, Level::Function(..)))
            .all(|level| !matches!(level, Level::Loop | Level::Closure))
    }

    /// Starts the endpoint before `place`, and merges its routes into the router of `server`.
    fn start<'s>(&mut self, server: &Server<'s>, place: Place<'s>) -> Option<()> {
        let unwrap = failure::unwrap(self.source, &server.found);
        let merge = |name: &str| format!("let {name} = {name}.merge(endpoint.router());");
        let router = &server.router;
        let direct = router.way != Way::Wrapped;
        let start = self.start_line(&unwrap);
        match &router.variable {
            Some(variable) if direct => {
                self.before(place, &[start, merge(variable.name())]);
            }
            // The router is used before the place: it gets the endpoint's routes where it is made.
            Some(Variable::Local(name, block, index)) => {
                let made = Place {
                    block,
                    index: *index,
                };
                self.place(&router.scope)?;
                self.before(made, &[start]);
                self.after(made, &[merge(name)]);
            }
            Some(Variable::Parameter(name)) => {
                let (_, body) = server.found.function()?;
                let first = Place {
                    block: body,
                    index: 0,
                };
                self.before(first, &[start, merge(name)]);
            }
            None => {
                let place = self.place(&router.scope)?;
                self.before(place, &[start]);
                let end = self.source.range(router.expr).end;
                let call = ".merge(endpoint.router())";
                let on_lines = self.source.slice(router.expr).contains('\n');
                match router.expr {
                    Expr::MethodCall(last) if on_lines => {
                        let dot = self.source.range(&last.dot_token).start;
                        let indent = self.source.indent(dot);
                        self.edits.insert(end, format!("\n{indent}{call}"));
                    }
                    Expr::MethodCall(_) | Expr::Call(_) | Expr::Try(_) | Expr::Await(_) => {
                        self.edits.insert(end, call);
                    }
                    _ => return None,
                }
            }
        }
        Some(())
    }

    fn start_line(&self, unwrap: &str) -> String {
        let start = format!(
            "let endpoint = {}::start(presence_channels::Config::default())",
            self.module
        );
        if unwrap == "?" {
            format!("{start}.await?;")
        } else {
            let unwrap = unwrap.replace(")?", ")?");
            format!("{start}\n    .await\n    {unwrap};")
        }
    }

    /// Inserts lines before a statement, above the comment that belongs to it.
    fn before(&mut self, place: Place, lines: &[String]) {
        let start = self.source.range(place.statement()).start;
        let line = self.source.line_start(start);
        let indent = self.source.indent(start);
        if self.source.text()[line..start].trim().is_empty() {
            let at = self.source.above(start);
            let lines: String = lines
                .iter()
                .map(|line| format!("{indent}{}\n", indented(line, indent)))
                .collect();
            self.edits.insert(at, lines);
        } else {
            self.edits.insert(start, format!("{} ", lines.join(" ")));
        }
    }

    /// Inserts lines after a statement, below a comment on its last line.
    fn after(&mut self, place: Place, lines: &[String]) {
        let range = self.source.range(place.statement());
        let indent = self.source.indent(range.start);
        let end = self.source.line_end(range.end);
        let rest = self.source.text()[range.end..end].trim_start();
        let at = if rest.is_empty() || rest.starts_with("//") {
            end
        } else {
            range.end
        };
        let lines: String = lines
            .iter()
            .map(|line| format!("\n{indent}{}", indented(line, indent)))
            .collect();
        self.edits.insert(at, lines);
    }

    /// Returns the code that waits for the signal to stop. Adds the function if the file has none.
    fn signal(&mut self, server: &Server) -> String {
        let signal = signal::find(self.source, &server.found);
        if let (Some(function), false) = (signal.function, self.has_signal) {
            self.has_signal = true;
            let item = server
                .found
                .scope
                .iter()
                .rev()
                .find_map(|level| match level {
                    Level::Item(item) => Some(*item),
                    _ => None,
                });
            if let Some(item) = item {
                let range = self.source.range(item);
                let indent = self.source.indent(range.start);
                self.edits.insert(
                    range.end,
                    format!("\n\n{indent}{}", indented(&function, indent)),
                );
            }
        }
        signal.call
    }

    /// Stops the endpoint beside a server that is kept: at the signal, or when the server ends
    /// for another reason. `more` are lines that run at the signal too.
    fn stop_beside(&mut self, server: &Server, place: Place, more: &str, clones: &str) {
        let signal = self.signal(server);
        let clones = if clones.is_empty() {
            "let endpoint = endpoint.clone();".to_owned()
        } else {
            format!("let (endpoint, {clones}) = (endpoint.clone(), {clones}.clone());")
        };
        let lines = format!(
            "// The endpoint stops beside the server: at the signal, or when the server has ended.\n\
             let (served, ended) = tokio::sync::oneshot::channel::<()>();\n\
             let stopping = tokio::spawn({{\n    \
                 {clones}\n    \
                 async move {{\n        \
                     tokio::select! {{\n            \
                         () = {signal} => {{}}\n            \
                         _ = ended => {{}}\n        \
                     }}\n\
                     {more}        \
                     endpoint.stop().await;\n    \
                 }}\n\
             }});"
        );
        self.before(place, &[lines]);
        self.end(
            server,
            place,
            &[
                "drop(served);",
                "stopping.await.expect(\"the endpoint stops\");",
            ],
        );
    }

    /// Inserts lines after the statement of the server. Keeps the value that the function returns.
    fn end(&mut self, server: &Server, place: Place, lines: &[&str]) {
        let lines: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
        let is_last = place.index + 1 == place.block.stmts.len();
        let returns_nothing = server.found.function().is_some_and(|(signature, body)| {
            matches!(signature.output, ReturnType::Default) && std::ptr::eq(body, place.block)
        });
        match place.statement() {
            Stmt::Expr(expr, None) if is_last && has_value(expr) => {
                let range = self.source.range(place.statement());
                let indent = self.source.indent(range.start);
                let lines: String = lines
                    .iter()
                    .map(|line| format!("\n{indent}{line}"))
                    .collect();
                if returns_nothing {
                    let is_braced = self.source.text()[range.clone()].ends_with('}');
                    let end = if is_braced { "" } else { ";" };
                    self.edits.insert(range.end, format!("{end}{lines}"));
                } else {
                    self.edits.insert(range.start, "let result = ");
                    self.edits
                        .insert(range.end, format!(";{lines}\n{indent}result"));
                }
            }
            _ => self.after(place, &lines),
        }
    }

    /// Inserts a method call after `expr`, and breaks the chain of calls that follows into lines.
    fn chain(&mut self, server: &Server, expr: Range<usize>, call: &str) {
        let text = self.source.text();
        let calls = self.calls_after(server, expr.end);
        let indent = self.source.indent(expr.start);
        let on_lines = calls
            .first()
            .is_some_and(|dot| text[expr.end..*dot].contains('\n'));
        self.edits.insert(expr.end, format!("\n{indent}    {call}"));
        if !on_lines {
            for dot in calls {
                self.edits.insert(dot, format!("\n{indent}    "));
            }
        }
    }

    /// Returns the offsets of the dots of the calls that follow the expression which ends at `end`.
    fn calls_after(&self, server: &Server, mut end: usize) -> Vec<usize> {
        let mut dots = Vec::new();
        for parent in server.found.parents.iter().rev() {
            let (inner, dot) = match parent {
                Expr::MethodCall(call) => (
                    &call.receiver,
                    Some(self.source.range(&call.dot_token).start),
                ),
                Expr::Await(expr) => (&expr.base, Some(self.source.range(&expr.dot_token).start)),
                Expr::Try(expr) => (&expr.expr, None),
                _ => continue,
            };
            if self.source.range(&**inner).end == end {
                dots.extend(dot);
                end = self.source.range(*parent).end;
            }
        }
        dots
    }
}

/// Returns `text` with each line but the first indented.
fn indented(text: &str, indent: &str) -> String {
    let mut lines = text.split('\n');
    let mut result = lines.next().unwrap_or_default().to_owned();
    for line in lines {
        result.push('\n');
        if !line.is_empty() {
            result.push_str(indent);
            result.push_str(line);
        }
    }
    result
}

/// Returns whether the last expression has a value to return. `if`, `match` and loops count as
/// statements: here their value is `()` or unused.
fn has_value(expr: &Expr) -> bool {
    matches!(
        expr,
        Expr::Await(_) | Expr::Try(_) | Expr::MethodCall(_) | Expr::Call(_) | Expr::Macro(_)
    )
}

/// Returns the return type of a function of the file, without white space.
///
/// Returns `None` if the file does not have the function.
pub(crate) fn return_type(source: &Source, name: &str) -> Option<String> {
    struct Signatures<'a>(&'a str, Option<syn::ReturnType>);
    impl<'s> Visit<'s> for Signatures<'_> {
        fn visit_signature(&mut self, signature: &'s syn::Signature) {
            if signature.ident == self.0 && self.1.is_none() {
                self.1 = Some(signature.output.clone());
            }
        }
    }
    let mut signatures = Signatures(name, None);
    signatures.visit_file(&source.file);
    Some(match signatures.1? {
        syn::ReturnType::Default => "()".to_owned(),
        syn::ReturnType::Type(_, ty) => source.slice(&*ty).split_whitespace().collect(),
    })
}

/// Returns whether the file names `application::start`, and so already starts the endpoint.
pub(crate) fn starts_application(source: &Source) -> bool {
    struct Mentions(bool);
    impl<'s> Visit<'s> for Mentions {
        fn visit_path(&mut self, path: &'s syn::Path) {
            self.0 |= paths::ends_with(path, &["application", "start"]);
            visit::visit_path(self, path);
        }
    }
    let mut mentions = Mentions(false);
    mentions.visit_file(&source.file);
    let imported = imports::paths(source);
    mentions.0
        || imported
            .iter()
            .any(|path| path.ends_with(&["application".into(), "start".into()]))
}

#[cfg(test)]
mod tests;
