//! The listener of a server: a `TcpListener` of tokio, or another one.

use syn::{Expr, FnArg};

use super::find::{Level, local, variable};
use super::flow::{Flow, at, function, tails};
use crate::source::paths;

/// Returns whether `expr` makes a `TcpListener` of tokio.
pub(super) fn is_tcp(flow: &Flow, expr: &Expr, scope: &[Level]) -> bool {
    match expr {
        Expr::Paren(inner) => is_tcp(flow, &inner.expr, scope),
        Expr::Try(inner) => is_tcp(flow, &inner.expr, scope),
        Expr::Await(inner) => is_tcp(flow, &inner.base, scope),
        Expr::MethodCall(call) => {
            let keeps = [
                "unwrap",
                "expect",
                "context",
                "with_context",
                "map_err",
                "unwrap_or_else",
            ];
            keeps.iter().any(|name| call.method == name) && is_tcp(flow, &call.receiver, scope)
        }
        Expr::Call(call) => {
            let Expr::Path(path) = &*call.func else {
                return false;
            };
            let path = &path.path;
            let makes = ["bind", "from_std"];
            if makes
                .iter()
                .any(|name| flow.crates.ends_with(path, &["TcpListener", name]))
            {
                return true;
            }
            let ty = flow.functions.return_type(&paths::last(path));
            ty.is_some_and(|ty| {
                let ty = ty.rsplit_once("Result<").map_or(&*ty, |(_, ty)| ty);
                let ty = ty.split([',', '>']).next().unwrap_or(ty);
                ty.rsplit("::").next() == Some("TcpListener")
            })
        }
        Expr::Path(path) => {
            let Some(name) = path.path.get_ident().map(ToString::to_string) else {
                return false;
            };
            if let Some((block, index, found)) = local(scope, &name) {
                let scope = at(scope, block, index);
                return found
                    .init
                    .as_ref()
                    .is_some_and(|init| is_tcp(flow, &init.expr, &scope));
            }
            function(scope).is_some_and(|signature| {
                signature.inputs.iter().any(|input| match input {
                    FnArg::Typed(typed) => {
                        variable(&typed.pat).is_some_and(|bound| *bound == name)
                            && paths::type_name(&typed.ty).as_deref() == Some("TcpListener")
                    }
                    FnArg::Receiver(_) => false,
                })
            })
        }
        Expr::Field(field) => {
            let ty = flow.field_type(field).and_then(paths::type_name);
            ty.as_deref() == Some("TcpListener")
        }
        Expr::If(_) | Expr::Match(_) | Expr::Block(_) => {
            let tails = tails(expr);
            !tails.is_empty() && tails.into_iter().all(|tail| is_tcp_tail(flow, tail, scope))
        }
        _ => false,
    }
}

/// Returns whether the value of a block is a `TcpListener`, or the block never has a value.
fn is_tcp_tail(flow: &Flow, expr: &Expr, scope: &[Level]) -> bool {
    matches!(expr, Expr::Return(_) | Expr::Macro(_)) || is_tcp(flow, expr, scope)
}
