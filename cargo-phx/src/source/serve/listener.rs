//! The listener of a server: a `TcpListener` of tokio, or another one.

use syn::{Expr, ExprMatch, FnArg, Macro, Pat, Stmt};

use super::find::{Level, local, variable};
use super::flow::{Flow, at, function, tails};
use crate::source::paths;

/// Returns whether `expr` makes a `TcpListener` of tokio.
pub(super) fn is_tcp(flow: &Flow, expr: &Expr, scope: &[Level]) -> bool {
    makes(flow, expr, scope, "TcpListener")
}

/// Returns whether `expr` makes a `UnixListener` of tokio.
pub(super) fn is_unix(flow: &Flow, expr: &Expr, scope: &[Level]) -> bool {
    makes(flow, expr, scope, "UnixListener")
}

/// Returns the expression that makes the `TcpListener` in a listener such as
/// `listener.limit_connections(10)`.
pub(super) fn tcp<'s>(flow: &Flow, expr: &'s Expr, scope: &[Level<'s>]) -> Option<&'s Expr> {
    if is_tcp(flow, expr, scope) {
        return Some(expr);
    }
    match expr {
        Expr::Paren(inner) => tcp(flow, &inner.expr, scope),
        Expr::MethodCall(call) => {
            let wraps = ["tap_io", "limit_connections"];
            let is_wrapper = wraps.iter().any(|name| call.method == name);
            tcp(flow, &call.receiver, scope).filter(|_| is_wrapper)
        }
        Expr::Path(path) => {
            let name = path.path.get_ident()?.to_string();
            let (block, index, found) = local(scope, &name)?;
            let init = &found.init.as_ref()?.expr;
            tcp(flow, init, &at(scope, block, index))
        }
        _ => None,
    }
}

/// Returns whether `expr` makes a listener of the type `kind`.
fn makes(flow: &Flow, expr: &Expr, scope: &[Level], kind: &str) -> bool {
    match expr {
        Expr::Paren(inner) => makes(flow, &inner.expr, scope, kind),
        Expr::Try(inner) => makes(flow, &inner.expr, scope, kind),
        Expr::Await(inner) => makes(flow, &inner.base, scope, kind),
        Expr::MethodCall(call) => {
            let keeps = [
                "unwrap",
                "expect",
                "context",
                "with_context",
                "map_err",
                "unwrap_or_else",
            ];
            keeps.iter().any(|name| call.method == name) && makes(flow, &call.receiver, scope, kind)
        }
        Expr::Call(call) => {
            let Expr::Path(path) = &*call.func else {
                return false;
            };
            let path = &path.path;
            let makes = ["bind", "from_std"];
            if makes
                .iter()
                .any(|name| flow.crates.ends_with(path, &[kind, name]))
            {
                return true;
            }
            let ty = flow.functions.return_type(&paths::last(path));
            ty.is_some_and(|ty| {
                let ty = ty.rsplit_once("Result<").map_or(&*ty, |(_, ty)| ty);
                let ty = ty.split([',', '>']).next().unwrap_or(ty);
                ty.rsplit("::").next() == Some(kind)
            })
        }
        Expr::Path(path) => {
            let Some(name) = path.path.get_ident().map(ToString::to_string) else {
                return false;
            };
            if let Some((block, index, found)) = local(scope, &name) {
                if matches!(&found.pat, Pat::Type(typed)
                    if paths::type_name(&typed.ty).as_deref() == Some(kind))
                {
                    return true;
                }
                let scope = at(scope, block, index);
                return found
                    .init
                    .as_ref()
                    .is_some_and(|init| makes(flow, &init.expr, &scope, kind));
            }
            function(scope).is_some_and(|signature| {
                signature.inputs.iter().any(|input| match input {
                    FnArg::Typed(typed) => {
                        variable(&typed.pat).is_some_and(|bound| *bound == name)
                            && paths::type_name(&typed.ty).as_deref() == Some(kind)
                    }
                    FnArg::Receiver(_) => false,
                })
            })
        }
        Expr::Field(field) => {
            let ty = flow.field_type(field).and_then(paths::type_name);
            ty.as_deref() == Some(kind)
        }
        Expr::Match(found) if unwraps(found) => makes(flow, &found.expr, scope, kind),
        Expr::If(_) | Expr::Match(_) | Expr::Block(_) => {
            let tails = tails(expr);
            !tails.is_empty()
                && tails
                    .into_iter()
                    .all(|tail| has_tail(flow, tail, scope, kind))
        }
        _ => false,
    }
}

/// Returns whether the value of a block is a `TcpListener`, or the block never has a value.
fn has_tail(flow: &Flow, expr: &Expr, scope: &[Level], kind: &str) -> bool {
    matches!(expr, Expr::Return(_) | Expr::Macro(_)) || makes(flow, expr, scope, kind)
}

/// Returns whether a `match` has the value in `Ok` or `Some`, or never has a value:
/// `match bind().await { Ok(listener) => listener, Err(error) => panic!(..) }`.
fn unwraps(found: &ExprMatch) -> bool {
    found.arms.iter().all(|arm| {
        let bound = match &arm.pat {
            Pat::TupleStruct(pat) => pat.elems.first().and_then(variable),
            _ => None,
        };
        let is_bound = |name: &syn::Ident| paths::variable(&arm.body).is_some_and(|it| *name == it);
        bound.is_some_and(is_bound) || never(&arm.body)
    })
}

/// Returns whether an expression never has a value: a `return`, `panic!(..)`, `exit(..)`, or a
/// block that ends in one.
pub(super) fn never(expr: &Expr) -> bool {
    match expr {
        Expr::Return(_) | Expr::Continue(_) | Expr::Break(_) => true,
        Expr::Macro(found) => panics(&found.mac),
        Expr::Call(call) => {
            matches!(&*call.func, Expr::Path(path) if paths::last(&path.path) == "exit")
        }
        Expr::Block(block) => match block.block.stmts.last() {
            Some(Stmt::Expr(last, _)) => never(last),
            Some(Stmt::Macro(last)) => panics(&last.mac),
            _ => false,
        },
        _ => false,
    }
}

fn panics(found: &Macro) -> bool {
    ["panic", "bail", "unreachable", "todo"].contains(&&*paths::last(&found.path))
}
