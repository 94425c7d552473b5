//! `axum_server::bind_rustls(address, config).serve(app)`, and the other servers of that crate.
//!
//! The server stays: `presence_channels::serve` has no TLS. It gets `TCP_NODELAY` and, if it has no
//! handle, one that ends it at the signal. A task stops the endpoint beside it.

use syn::{Expr, ExprMethodCall};

use super::Server;
use super::edit::Edit;

/// The lines that end the server at the signal.
const END: &str = "        // The server accepts no more, and its requests have 10 s to end.
        handle.graceful_shutdown(Some(std::time::Duration::from_secs(10)));\n";

pub(super) fn wire(edit: &mut Edit, server: &Server, call: &ExprMethodCall) -> Option<()> {
    let place = edit.place(&server.found.scope)?;
    if matches!(place.statement(), syn::Stmt::Local(_)) {
        return None;
    }
    edit.start(server, place)?;

    let source = edit.source;
    let made = source.slice(place.statement());
    let has = |method: &str| {
        let mut receiver = &*call.receiver;
        loop {
            match receiver {
                Expr::MethodCall(call) if call.method == method => return true,
                Expr::MethodCall(call) => receiver = &call.receiver,
                Expr::Try(expr) => receiver = &expr.expr,
                _ => return false,
            }
        }
    };
    let mut calls = String::new();
    let name = edit.flow.functions.crate_name("axum-server");
    let dot = source.range(&call.dot_token).start;
    let receiver_end = source.range(&*call.receiver).end;
    let on_lines = source.text()[receiver_end..dot].contains('\n');
    let separator = if on_lines {
        format!("\n{}", source.indent(dot))
    } else {
        String::new()
    };
    let is_tls = is_rustls(edit, server, &call.receiver);
    if is_tls && !has("map") && !has("acceptor") && !made.contains("unix") {
        calls.push_str(&format!(
            ".map(|tls| tls.acceptor({name}::accept::NoDelayAcceptor::new()))"
        ));
        calls.push_str(&separator);
    }
    if has("handle") {
        edit.stop_beside(server, place, "", "");
    } else {
        edit.before(place, &[format!("let handle = {name}::Handle::new();")]);
        edit.stop_beside(server, place, END, "handle");
        calls.push_str(".handle(handle)");
        calls.push_str(&separator);
    }
    edit.edits.insert(dot, calls);
    Some(())
}

/// Returns whether the server is made by `bind_rustls` or `from_tcp_rustls`.
fn is_rustls(edit: &Edit, server: &Server, expr: &Expr) -> bool {
    match expr {
        Expr::MethodCall(call) => is_rustls(edit, server, &call.receiver),
        Expr::Try(expr) => is_rustls(edit, server, &expr.expr),
        Expr::Call(call) => edit.source.slice(&*call.func).ends_with("_rustls"),
        Expr::Path(path) => path.path.get_ident().is_some_and(|name| {
            let found = super::find::local(&server.found.scope, &name.to_string());
            found
                .and_then(|(_, _, local)| Some(&local.init.as_ref()?.expr))
                .is_some_and(|init| is_rustls(edit, server, init))
        }),
        _ => false,
    }
}

#[cfg(test)]
mod tests;
