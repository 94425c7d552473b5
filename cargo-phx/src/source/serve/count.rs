//! Counts the routes of a router, to tell the app's server from one beside it.

use syn::{Expr, Stmt};

use super::find::{Level, local, variable};
use super::flow::{Flow, at};
use crate::source::paths;

impl Flow<'_> {
    /// Returns the number of routes in the router that `expr` makes, as far as they can be seen.
    pub(super) fn routes<'s>(&self, expr: &'s Expr, scope: &[Level<'s>]) -> usize {
        let text = match expr {
            Expr::Path(path) => {
                let Some(name) = path.path.get_ident().map(ToString::to_string) else {
                    return 0;
                };
                let Some((scope, made)) = value(scope, &name) else {
                    return 0;
                };
                return self.routes(made, &scope);
            }
            Expr::MethodCall(call) => {
                let is_route = ["route", "route_service", "nest", "nest_service", "merge"]
                    .iter()
                    .any(|name| call.method == name);
                return usize::from(is_route) + self.routes(&call.receiver, scope);
            }
            Expr::Call(call) => match &*call.func {
                Expr::Path(path) => paths::last(&path.path),
                _ => return 0,
            },
            Expr::Try(expr) => return self.routes(&expr.expr, scope),
            Expr::Await(expr) => return self.routes(&expr.base, scope),
            _ => return 0,
        };
        self.routes_of(&text)
    }

    /// Returns the number of routes in the body of a function of the file.
    fn routes_of(&self, function: &str) -> usize {
        let found = self.source.file.items.iter().find_map(|item| match item {
            syn::Item::Fn(item) if item.sig.ident == function => Some(item),
            _ => None,
        });
        found.map_or(0, |item| {
            let text: String = self.source.slice(item).split_whitespace().collect();
            [
                ".route(",
                ".nest(",
                ".merge(",
                ".route_service(",
                ".nest_service(",
            ]
            .iter()
            .map(|call| text.matches(call).count())
            .sum()
        })
    }
}

/// Returns the value of a variable, with the scope of its `let`. That is the last statement of
/// `scope`, or an earlier one.
fn value<'s>(scope: &[Level<'s>], name: &str) -> Option<(Vec<Level<'s>>, &'s Expr)> {
    if let Some(Level::Statement(block, index)) = scope.last()
        && let Stmt::Local(local) = &block.stmts[*index]
        && variable(&local.pat).is_some_and(|bound| bound == name)
    {
        return Some((scope.to_vec(), &local.init.as_ref()?.expr));
    }
    let (block, index, local) = local(scope, name)?;
    Some((at(scope, block, index), &local.init.as_ref()?.expr))
}
