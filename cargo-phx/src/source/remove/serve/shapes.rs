//! The shapes of code that the wiring writes.

use std::ops::Range;

use syn::visit::Visit;
use syn::{Expr, ExprLoop, ExprMethodCall, ExprPath, Pat, Stmt};

use crate::source::paths;

/// Returns the function that waits for the signal, if the statement is one of the wiring's that
/// wait for it.
pub(super) fn signal_of_statement(code: &str) -> Option<&str> {
    let (_, after) = if code.starts_with("letstopping=tokio::spawn({let") {
        code.split_once("()=")?
    } else if code.starts_with("tokio::spawn({letendpoint=endpoint.clone();asyncmove{")
        && code.contains("std::process::exit(0)")
    {
        code.split_once("asyncmove{")?
    } else {
        ("", code.strip_prefix("letmutstop=std::pin::pin!(")?)
    };
    after.split('(').next()
}

/// Returns the white space before each of the calls that follow on lines of their own.
pub(super) fn joints(text: &str, mut at: usize) -> Vec<Range<usize>> {
    let mut joints = Vec::new();
    loop {
        let rest = &text[at..];
        let call = rest.trim_start();
        if !call.starts_with('.') {
            return joints;
        }
        let start = at + rest.len() - call.len();
        if start > at {
            joints.push(at..start);
        }
        // The calls after a server have no line breaks of their own.
        let length = call[1..]
            .find(['.', ';', '\r', '\n'])
            .map_or(call.len(), |found| found + 1);
        at = start + length;
    }
}

/// Returns the variable and the value of `let variable = value;`.
pub(super) fn binding(statement: &Stmt) -> Option<(String, &Expr)> {
    let Stmt::Local(local) = statement else {
        return None;
    };
    let Pat::Ident(pat) = &local.pat else {
        return None;
    };
    Some((pat.ident.to_string(), &local.init.as_ref()?.expr))
}

/// Returns `router` of `router.merge(endpoint.router())`.
pub(super) fn merged(expr: &Expr) -> Option<&Expr> {
    match expr {
        Expr::MethodCall(call) if is_router_of_endpoint(call) => Some(&call.receiver),
        _ => None,
    }
}

pub(super) fn is_router_of_endpoint(merge: &ExprMethodCall) -> bool {
    merge.method == "merge"
        && matches!(merge.args.first(), Some(Expr::MethodCall(router))
            if router.method == "router"
                && paths::variable(&router.receiver).as_deref() == Some("endpoint"))
}

/// Returns the first use of a variable in a statement.
pub(super) fn first_use<'s>(statement: &'s Stmt, name: &str) -> Option<&'s ExprPath> {
    struct First<'a, 's>(&'a str, Option<&'s ExprPath>);
    impl<'s> Visit<'s> for First<'_, 's> {
        fn visit_expr_path(&mut self, path: &'s ExprPath) {
            if self.1.is_none() && path.path.is_ident(self.0) {
                self.1 = Some(path);
            }
        }
    }
    let mut first = First(name, None);
    first.visit_stmt(statement);
    first.1
}

/// Returns the number of places where the loop ends itself.
pub(super) fn breaks(ended: &ExprLoop) -> usize {
    struct Breaks(usize);
    impl<'s> Visit<'s> for Breaks {
        fn visit_expr_break(&mut self, _: &'s syn::ExprBreak) {
            self.0 += 1;
        }
        fn visit_expr_loop(&mut self, _: &'s ExprLoop) {}
        fn visit_expr_while(&mut self, _: &'s syn::ExprWhile) {}
        fn visit_expr_for_loop(&mut self, _: &'s syn::ExprForLoop) {}
        fn visit_expr_closure(&mut self, _: &'s syn::ExprClosure) {}
        fn visit_expr_async(&mut self, _: &'s syn::ExprAsync) {}
    }
    let mut breaks = Breaks(0);
    breaks.visit_block(&ended.body);
    breaks.0
}
