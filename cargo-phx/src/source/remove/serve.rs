//! Taking back the wiring of the endpoint into a server.
//!
//! The wiring has several forms, and different servers can become the same code by it. So this
//! module makes candidates: texts without the endpoint. The caller wires each candidate again, and
//! takes the one that becomes the present text.

use std::ops::Range;

use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{Block, Expr, ExprCall, ExprMethodCall, Item, ItemFn, Pat, Stmt};

use super::{Lines, mentions};
use crate::source::{Edits, Source, paths};

/// The variable that the wiring gives to the endpoint.
const ENDPOINT: &str = "endpoint";

/// Returns the texts that the wiring may have had before it, the likeliest first. Returns nothing
/// if the file does not start the application in the way of the wiring.
pub(crate) fn candidates(source: &Source) -> Vec<String> {
    let mut finder = Finder {
        source,
        parts: Parts::default(),
        started: false,
    };
    finder.visit_file(&source.file);
    if !finder.started {
        return Vec::new();
    }
    let shutdown = shutdown(source);
    let mut texts: Vec<String> = Vec::new();
    // The likeliest first: the wiring has added the graceful end, and has not moved the router
    // into a variable.
    for inline in [false, true] {
        for ends in [true, false] {
            let Some(text) = finder
                .parts
                .without(source, inline, ends, shutdown.as_ref())
            else {
                continue;
            };
            if !texts.contains(&text) {
                texts.push(text);
            }
        }
    }
    texts
}

/// The parts that the wiring may have written.
#[derive(Default)]
struct Parts {
    /// Statements to remove.
    statements: Vec<Range<usize>>,
    /// Other edits that are always right.
    edits: Vec<(Range<usize>, String)>,
    /// The statement that gives the router a variable, that variable, and the router.
    router: Option<(Range<usize>, String, Range<usize>)>,
    /// The places that use the variable of the router as an argument of a server.
    served: Vec<(Range<usize>, String)>,
    /// The calls of `with_graceful_shutdown(shutdown())`, from the dot on.
    ends: Vec<Range<usize>>,
}

impl Parts {
    /// Returns the text without the parts.
    fn without(
        &self,
        source: &Source,
        inline: bool,
        ends: bool,
        shutdown: Option<&Range<usize>>,
    ) -> Option<String> {
        let mut edits = Edits::default();
        for range in &self.statements {
            edits.replace(own_lines(source, range.clone()), "");
        }
        let mut inlined = 0..0;
        if inline {
            let (statement, variable, router) = self.router.as_ref()?;
            let served = self.served.iter().find(|(_, name)| name == variable)?;
            inlined = own_lines(source, statement.clone());
            edits.replace(inlined.clone(), "");
            edits.replace(served.0.clone(), &source.text()[router.clone()]);
        }
        for (range, new) in &self.edits {
            if !inlined.contains(&range.start) {
                edits.replace(range.clone(), new.clone());
            }
        }
        if ends {
            if self.ends.is_empty() {
                return None;
            }
            for range in &self.ends {
                edits.replace(range.clone(), "");
            }
            if let Some(range) = shutdown {
                edits.replace(Lines::of(source, range.clone()).alone(), "");
            }
        }
        edits.apply_disjoint(source.text())
    }
}

/// Returns the lines of a statement, or the statement alone if other code shares its lines.
fn own_lines(source: &Source, range: Range<usize>) -> Range<usize> {
    Lines::of(source, range).own
}

/// Returns the function `shutdown`.
fn shutdown(source: &Source) -> Option<Range<usize>> {
    source.file.items.iter().find_map(|item| match item {
        Item::Fn(function) if function.sig.ident == "shutdown" => Some(source.range(item)),
        _ => None,
    })
}

struct Finder<'a> {
    source: &'a Source<'a>,
    parts: Parts,
    started: bool,
}

impl Finder<'_> {
    fn statement(&mut self, block: &Block, index: usize) {
        let statement = &block.stmts[index];
        let range = self.source.range(statement);
        let text = self.source.slice(statement);
        if let Stmt::Local(local) = statement
            && let (Pat::Ident(pat), Some(init)) = (&local.pat, &local.init)
        {
            let name = pat.ident.to_string();
            let init_range = self.source.range(&*init.expr);
            if name == ENDPOINT && starts_application(&init.expr) {
                self.started = true;
                self.parts.statements.push(range);
                return;
            }
            if let Some(router) = merged(&init.expr) {
                if paths::variable(router).as_deref() == Some(&name) {
                    self.parts.statements.push(range);
                } else {
                    let router = self.source.range(router);
                    self.parts.router = Some((range.clone(), name, router.clone()));
                    // Kept as a statement, the merge goes and the router stays.
                    self.parts
                        .edits
                        .push((router.end..init_range.end, String::new()));
                }
                return;
            }
            if name == "served"
                && let [stop, value] = &block.stmts[index + 1..]
                && is_stop(stop)
                && matches!(value, Stmt::Expr(expr, None)
                    if paths::variable(expr).as_deref() == Some("served"))
            {
                self.parts
                    .edits
                    .push((range.start..init_range.start, String::new()));
                let end = self.source.range(value).end;
                self.parts.edits.push((init_range.end..end, String::new()));
                self.visit_expr(&init.expr);
                return;
            }
            // The statement may have given a variable to a router that was an argument before.
            if mentions(text, "Router")
                || matches!(&*init.expr, Expr::Call(_) | Expr::MethodCall(_))
            {
                let next = block.stmts.get(index + 1);
                let is_next = next.is_some_and(|next| is_merge_of(next, &name))
                    || block.stmts[index + 1..]
                        .iter()
                        .any(|next| is_merge_of(next, &name));
                if is_next {
                    self.parts.router = Some((range.clone(), name, init_range));
                }
            }
        }
        if is_stop(statement) {
            self.parts.statements.push(range);
            return;
        }
        self.visit_stmt(statement);
    }
}

impl<'s> Visit<'s> for Finder<'_> {
    fn visit_block(&mut self, block: &'s Block) {
        for index in 0..block.stmts.len() {
            self.statement(block, index);
        }
    }

    fn visit_item_fn(&mut self, function: &'s ItemFn) {
        visit::visit_item_fn(self, function);
    }

    fn visit_expr_call(&mut self, call: &'s ExprCall) {
        if let Expr::Path(path) = &*call.func
            && path
                .path
                .segments
                .last()
                .is_some_and(|last| last.ident == "serve")
        {
            if let Some(app) = call.args.iter().nth(1) {
                let variable = served_variable(app);
                if let Some((range, name)) = variable {
                    let range = range.byte_range();
                    let base = self.source.range(app).start - app.span().byte_range().start;
                    self.parts
                        .served
                        .push((range.start + base..range.end + base, name));
                }
            }
            if paths::ends_with(&path.path, &["presence_channels", "serve"])
                && let [_, app, endpoint] = call.args.iter().collect::<Vec<_>>().as_slice()
            {
                let app = self.source.range(*app);
                let endpoint = self.source.range(*endpoint);
                self.parts
                    .edits
                    .push((app.end..endpoint.end, String::new()));
                self.parts
                    .edits
                    .push((self.source.range(&path.path), "axum::serve".to_owned()));
            }
        }
        visit::visit_expr_call(self, call);
    }

    fn visit_expr_method_call(&mut self, call: &'s ExprMethodCall) {
        let ends = call.method == "with_graceful_shutdown"
            && matches!(call.args.first(), Some(Expr::Call(end))
                if matches!(&*end.func, Expr::Path(path) if path.path.is_ident("shutdown")));
        if ends {
            let start = self.source.range(&*call.receiver).end;
            self.parts.ends.push(start..self.source.range(call).end);
        }
        if call.method == "merge" && is_router_of_endpoint(call) {
            let start = self.source.range(&*call.receiver).end;
            let end = self.source.range(call).end;
            self.parts.edits.push((start..end, String::new()));
        }
        visit::visit_expr_method_call(self, call);
    }
}

/// Returns the variable in the second argument of a server: `app` of `app.into_make_service()`.
fn served_variable(app: &Expr) -> Option<(proc_macro2::Span, String)> {
    match app {
        Expr::MethodCall(call) => served_variable(&call.receiver),
        _ => Some((app.span(), paths::variable(app)?)),
    }
}

/// Returns whether the expression calls `application::start` with the configuration of the wiring.
fn starts_application(expr: &Expr) -> bool {
    match expr {
        Expr::Await(inner) => starts_application(&inner.base),
        Expr::Try(inner) => starts_application(&inner.expr),
        Expr::MethodCall(call) => starts_application(&call.receiver),
        Expr::Call(call) => {
            let starts = matches!(&*call.func, Expr::Path(path)
                if paths::ends_with(&path.path, &["application", "start"]));
            let default = matches!(call.args.first(), Some(Expr::Call(config))
                if matches!(&*config.func, Expr::Path(path)
                    if paths::ends_with(&path.path, &["Config", "default"])));
            starts && default
        }
        _ => false,
    }
}

/// Returns `router` of `router.merge(endpoint.router())`.
fn merged(expr: &Expr) -> Option<&Expr> {
    match expr {
        Expr::MethodCall(call) if call.method == "merge" && is_router_of_endpoint(call) => {
            Some(&call.receiver)
        }
        _ => None,
    }
}

fn is_router_of_endpoint(merge: &ExprMethodCall) -> bool {
    matches!(merge.args.first(), Some(Expr::MethodCall(router))
        if router.method == "router"
            && paths::variable(&router.receiver).as_deref() == Some(ENDPOINT))
}

fn is_merge_of(statement: &Stmt, name: &str) -> bool {
    let Stmt::Local(local) = statement else {
        return false;
    };
    let router = local.init.as_ref().and_then(|init| merged(&init.expr));
    router.and_then(paths::variable).as_deref() == Some(name)
}

/// Returns whether the statement is `endpoint.stop().await;`.
fn is_stop(statement: &Stmt) -> bool {
    let Stmt::Expr(Expr::Await(expr), Some(_)) = statement else {
        return false;
    };
    matches!(&*expr.base, Expr::MethodCall(call)
        if call.method == "stop" && paths::variable(&call.receiver).as_deref() == Some(ENDPOINT))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::source::{Outcome, serve};

    #[track_caller]
    fn takes_back(text: &str) {
        let wire = |text: &str| {
            let source = Source::parse(Path::new("main.rs"), text).unwrap();
            serve::wire(&source, "application::start")
        };
        let Outcome::Edited(wired) = wire(text) else {
            panic!("nothing was wired in:\n{text}");
        };
        let source = Source::parse(Path::new("main.rs"), &wired).unwrap();
        let candidates = candidates(&source);
        let before = candidates
            .iter()
            .find(|candidate| wire(candidate) == Outcome::Edited(wired.clone()));
        assert_eq!(before.map(String::as_str), Some(text), "{candidates:#?}");
    }

    #[test]
    fn a_wired_server_is_taken_back() {
        for text in [
            "async fn main() {\n    let app = Router::new();\n\n    // Runs for ever.\n    \
             axum::serve(listener, app).await.unwrap();\n}\n",
            "async fn main() -> anyhow::Result<()> {\n    axum::serve(\n        listener,\n        \
             router.into_make_service(),\n    )\n    .with_graceful_shutdown(signal())\n    \
             .await?; // until ctrl-c\n    Ok(())\n}\n",
            "async fn main() -> Result<(), Box<dyn std::error::Error>> {\n    \
             axum::serve(listener, app(pool)).await?;\n    Ok(())\n}\n",
            "async fn run() -> anyhow::Result<()> {\n    axum::serve(listener, Router::new().route(\"/\", get(index))).await?;\n    Ok(())\n}\n",
        ] {
            takes_back(text);
        }
    }

    #[test]
    fn a_server_that_its_user_has_wired_is_left() {
        let text = "async fn main() {\n    let endpoint = application::start(config).await?;\n    \
                    let app = web::router().merge(endpoint.router());\n    \
                    axum::serve(listener, app).await?;\n}\n";
        let source = Source::parse(Path::new("main.rs"), text).unwrap();
        assert_eq!(candidates(&source), Vec::<String>::new());
    }
}
