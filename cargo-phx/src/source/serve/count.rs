//! Counts the routes of a router, to tell the app's server from one beside it.

use syn::{Expr, Stmt};

use super::find::{Level, local, variable};
use super::flow::{Flow, at};
use crate::source::paths;

impl Flow<'_> {
    /// Returns the number of routes in the router that `expr` makes, as far as they can be seen.
    ///
    /// If the last statement of `scope` binds the variable `expr`, its value counts.
    pub(super) fn routes<'s>(&self, expr: &'s Expr, scope: &[Level<'s>]) -> usize {
        self.made(bound_last(expr, scope).unwrap_or(expr), scope)
    }

    /// Counts the routes of an expression in the last statement of `scope`.
    fn made<'s>(&self, expr: &'s Expr, scope: &[Level<'s>]) -> usize {
        let text = match expr {
            Expr::Path(path) => {
                let made = path.path.get_ident().and_then(|name| {
                    let (block, index, local) = local(scope, &name.to_string())?;
                    let init = local.init.as_ref()?;
                    // A variable in it is an earlier one, of the same name too.
                    Some(self.made(&init.expr, &at(scope, block, index)))
                });
                return made.unwrap_or(0);
            }
            Expr::MethodCall(call) => {
                let is_route = ["route", "route_service", "nest", "nest_service", "merge"]
                    .iter()
                    .any(|name| call.method == name);
                return usize::from(is_route) + self.made(&call.receiver, scope);
            }
            Expr::Call(call) => match &*call.func {
                Expr::Path(path) => paths::last(&path.path),
                _ => return 0,
            },
            Expr::Try(expr) => return self.made(&expr.expr, scope),
            Expr::Await(expr) => return self.made(&expr.base, scope),
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

/// Returns the value of the variable `expr` if the last statement of `scope` binds it.
fn bound_last<'s>(expr: &Expr, scope: &[Level<'s>]) -> Option<&'s Expr> {
    let Expr::Path(path) = expr else { return None };
    let Some(Level::Statement(block, index)) = scope.last() else {
        return None;
    };
    let Stmt::Local(local) = &block.stmts[*index] else {
        return None;
    };
    let name = path.path.get_ident()?;
    let bound = variable(&local.pat)?;
    (bound == name).then_some(&*local.init.as_ref()?.expr)
}
