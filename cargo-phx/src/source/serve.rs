//! Wiring the endpoint into an axum app around `axum::serve(listener, app).await`.
//!
//! The endpoint starts before that statement, its routes are merged into the app's, and it stops
//! after the statement.

use std::ops::Range;

use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{Block, Expr, ExprAsync, ExprAwait, ExprCall, ExprClosure, ItemFn, ReturnType, Stmt};

use super::{Edits, Outcome, Source, imports, paths};

/// Adds the endpoint to the file. `start` is the path of `application::start` in that file.
pub(crate) fn wire(source: &Source, start: &str) -> Outcome {
    let mut finder = ServeFinder::default();
    finder.visit_file(&source.file);
    let [found] = finder.found.as_slice() else {
        // Of several servers, only the user knows which one is the app's.
        return Outcome::Unknown;
    };
    let Some(app) = found.call.args.iter().nth(1) else {
        return Outcome::Unknown;
    };
    let router = router(app);

    let statement = source.range(found.statement);
    let indent = source.indent(statement.start);
    let variable = paths::variable(router);
    let name = variable.as_deref().unwrap_or("app");
    let routes = match &variable {
        Some(name) => format!("let {name} = {name}.merge(endpoint.router());"),
        None => merged(source, router, indent),
    };
    let unwrap = if takes_any_error(source, found.function) {
        "?".to_owned()
    } else {
        format!("\n{indent}    .expect(\"the application starts\")")
    };
    let config = "presence_channels::Config::default()";
    let endpoint = if unwrap == "?" {
        format!("let endpoint = {start}({config}).await?;")
    } else {
        format!("let endpoint = {start}({config})\n{indent}    .await{unwrap};")
    };
    let before = format!("{endpoint}\n{indent}{routes}\n{indent}");

    let mut edits = Edits::default();
    if variable.is_none() {
        edits.replace(source.range(router), name);
    }
    let stop = "endpoint.stop().await;";
    match found.statement {
        // The value of the function is returned after the endpoint has stopped.
        Stmt::Expr(expr, None) if is_last(found.block, found.statement) && has_value(expr) => {
            edits.insert(statement.start, format!("{before}let served = "));
            edits.insert(statement.end, format!(";\n{indent}{stop}\n{indent}served"));
        }
        _ => {
            edits.insert(statement.start, before);
            let end = source.line_end(statement.end);
            let rest = source.text()[statement.end..end].trim_start();
            let at = if rest.is_empty() || rest.starts_with("//") {
                end
            } else {
                statement.end
            };
            edits.insert(at, format!("\n{indent}{stop}"));
        }
    }
    Outcome::Edited(edits.apply(source.text()))
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

/// Returns `let app = <router>.merge(..);`, as two statements if rustfmt would break the line.
fn merged(source: &Source, router: &Expr, indent: &str) -> String {
    let text = source.slice(router);
    let calls = matches!(router, Expr::MethodCall(_));
    if text.contains('\n') {
        return format!("let app = {text};\n{indent}let app = app.merge(endpoint.router());");
    }
    let line = format!("let app = {text}.merge(endpoint.router());");
    // rustfmt's `chain_width` is 60.
    if calls || line.len() > 60 {
        format!("let app = {text};\n{indent}let app = app.merge(endpoint.router());")
    } else {
        line
    }
}

/// Returns the router in the second argument, without the calls that make a service of it.
fn router(app: &Expr) -> &Expr {
    match app {
        Expr::MethodCall(call) if call.method.to_string().starts_with("into_make_service") => {
            &call.receiver
        }
        Expr::MethodCall(call) if call.method == "clone" => router(&call.receiver),
        _ => app,
    }
}

fn is_last(block: &Block, statement: &Stmt) -> bool {
    block
        .stmts
        .last()
        .is_some_and(|last| std::ptr::eq(last, statement))
}

/// Returns whether the last expression has a value to return. `if`, `match` and loops count as
/// statements: here their value is `()` or unused.
fn has_value(expr: &Expr) -> bool {
    matches!(
        expr,
        Expr::Await(_) | Expr::Try(_) | Expr::MethodCall(_) | Expr::Call(_) | Expr::Macro(_)
    )
}

/// Returns whether `?` on an `anyhow::Error` compiles in the function.
fn takes_any_error(source: &Source, function: &ItemFn) -> bool {
    let ReturnType::Type(_, ty) = &function.sig.output else {
        return false;
    };
    let text: String = source.slice(&**ty).split_whitespace().collect();
    let anyhow_result = text.starts_with("anyhow::Result")
        || text.starts_with("Result<") && !text.contains(',') && source.text().contains("anyhow");
    anyhow_result || text.contains("anyhow::Error") || text.contains("Box<dyn")
}

/// A statement that serves and waits until the server ends.
struct Served<'s> {
    function: &'s ItemFn,
    block: &'s Block,
    statement: &'s Stmt,
    call: &'s ExprCall,
}

#[derive(Default)]
struct ServeFinder<'s> {
    function: Option<&'s ItemFn>,
    found: Vec<Served<'s>>,
}

impl<'s> Visit<'s> for ServeFinder<'s> {
    fn visit_item_fn(&mut self, function: &'s ItemFn) {
        let outer = self.function.replace(function);
        visit::visit_item_fn(self, function);
        self.function = outer;
    }

    // A server in a closure or in a spawned block does not end with this function.
    fn visit_expr_closure(&mut self, _: &'s ExprClosure) {}
    fn visit_expr_async(&mut self, _: &'s ExprAsync) {}

    fn visit_block(&mut self, block: &'s Block) {
        for statement in &block.stmts {
            let mut awaited = Awaited::default();
            awaited.visit_stmt(statement);
            match (awaited.call, self.function) {
                (Some(call), Some(function)) => self.found.push(Served {
                    function,
                    block,
                    statement,
                    call,
                }),
                _ => self.visit_stmt(statement),
            }
        }
    }
}

/// Finds `axum::serve(..)` below an `.await` of this statement, but not in a block within it.
#[derive(Default)]
struct Awaited<'s> {
    within: Vec<Range<usize>>,
    call: Option<&'s ExprCall>,
}

impl<'s> Visit<'s> for Awaited<'s> {
    fn visit_block(&mut self, _: &'s Block) {}
    fn visit_expr_closure(&mut self, _: &'s ExprClosure) {}
    fn visit_expr_async(&mut self, _: &'s ExprAsync) {}
    fn visit_item(&mut self, _: &'s syn::Item) {}

    fn visit_expr_await(&mut self, expr: &'s ExprAwait) {
        self.within.push(expr.span().byte_range());
        visit::visit_expr_await(self, expr);
        self.within.pop();
    }

    fn visit_expr_call(&mut self, call: &'s ExprCall) {
        let serves = match &*call.func {
            Expr::Path(path) => {
                paths::ends_with(&path.path, &["axum", "serve"]) || path.path.is_ident("serve")
            }
            _ => false,
        };
        if serves && !self.within.is_empty() {
            self.call = Some(call);
        }
        visit::visit_expr_call(self, call);
    }
}

#[cfg(test)]
mod tests;
