//! The chain of calls that starts the endpoint: `Endpoint::builder(..)....start(..).await?`.

use syn::visit::{self, Visit};
use syn::{Expr, ExprAwait, ExprCall, ExprMethodCall, ExprPath, Stmt};

use super::{Edits, Source, paths};

/// The chain of calls, and its place in `application::start`.
pub(crate) struct Chain<'s> {
    /// The index of the chain's statement in the function.
    pub(crate) statement: usize,
    /// The call `Endpoint::builder(pubsub)`.
    pub(crate) root: &'s ExprCall,
    /// The method calls after `root`, from the first to `start`.
    pub(crate) calls: Vec<&'s ExprMethodCall>,
    /// The offsets of the dots after `start`, such as the dot of `.await`.
    tail: Vec<usize>,
}

impl<'s> Chain<'s> {
    /// Finds the chain in the statements of a function.
    pub(crate) fn find(source: &Source, statements: &'s [Stmt]) -> Option<Chain<'s>> {
        statements.iter().enumerate().find_map(|(statement, stmt)| {
            let mut finder = ChainFinder::default();
            finder.visit_stmt(stmt);
            let (root, calls) = finder.found?;
            let end = source.range(*calls.last()?).end;
            let tail = finder
                .awaits
                .iter()
                .filter(|expr| source.range(&*expr.base).end == end)
                .map(|expr| source.range(&expr.dot_token).start)
                .collect();
            Some(Chain {
                statement,
                root,
                calls,
                tail,
            })
        })
    }

    /// Returns the variable that holds the `PubSub`.
    pub(crate) fn pubsub(&self) -> Option<String> {
        match self.root.args.first()? {
            Expr::MethodCall(call) if call.method == "clone" => paths::variable(&call.receiver),
            expr => paths::variable(expr),
        }
    }

    /// Returns the calls of these methods.
    pub(crate) fn calls_of(&self, methods: &[&str]) -> Vec<&'s ExprMethodCall> {
        self.calls
            .iter()
            .copied()
            .filter(|call| methods.iter().any(|method| call.method == method))
            .collect()
    }

    /// Inserts `.call` before the call at index `before`. Breaks a chain that is on one line, as
    /// rustfmt does.
    pub(crate) fn insert(&self, source: &Source, before: usize, call: &str, edits: &mut Edits) {
        let dot = |call: &ExprMethodCall| source.range(&call.dot_token).start;
        let at = dot(self.calls[before]);
        let root_end = source.range(self.root).end;
        let last = dot(self.calls[self.calls.len() - 1]);
        let text = source.text();

        if text[root_end..last].contains('\n') {
            edits.insert(at, format!("{call}\n{}", source.indent(at)));
            return;
        }
        let indent = format!("{}    ", source.indent(source.range(self.root).start));
        let dots = self.calls.iter().map(|call| dot(call));
        for offset in dots.chain(self.tail.iter().copied()) {
            let before = text[..offset].trim_end().len();
            let new = if offset == at {
                format!("\n{indent}{call}\n{indent}")
            } else {
                format!("\n{indent}")
            };
            edits.replace(before..offset, new);
        }
    }
}

/// Returns the first type argument of a call: `UserSocket` of `.socket::<UserSocket>(..)`.
pub(crate) fn type_argument(call: &ExprMethodCall) -> Option<String> {
    let arguments = &call.turbofish.as_ref()?.args;
    arguments.iter().find_map(|argument| match argument {
        syn::GenericArgument::Type(ty) => paths::type_name(ty),
        _ => None,
    })
}

#[derive(Default)]
struct ChainFinder<'s> {
    found: Option<(&'s ExprCall, Vec<&'s ExprMethodCall>)>,
    awaits: Vec<&'s ExprAwait>,
}

impl<'s> Visit<'s> for ChainFinder<'s> {
    fn visit_expr_method_call(&mut self, call: &'s ExprMethodCall) {
        if call.method == "start" && self.found.is_none() {
            self.found = chain(call);
        }
        visit::visit_expr_method_call(self, call);
    }

    fn visit_expr_await(&mut self, expr: &'s ExprAwait) {
        self.awaits.push(expr);
        visit::visit_expr_await(self, expr);
    }
}

/// Returns the chain that ends in `call`.
///
/// Returns `None` if the chain does not begin with `Endpoint::builder(..)`.
fn chain(call: &ExprMethodCall) -> Option<(&ExprCall, Vec<&ExprMethodCall>)> {
    let mut calls = vec![call];
    let mut receiver = &*call.receiver;
    loop {
        match receiver {
            Expr::MethodCall(call) => {
                calls.push(call);
                receiver = &call.receiver;
            }
            Expr::Call(root) => {
                let Expr::Path(ExprPath { path, .. }) = &*root.func else {
                    return None;
                };
                calls.reverse();
                return paths::ends_with(path, &["Endpoint", "builder"]).then_some((root, calls));
            }
            _ => return None,
        }
    }
}
