//! `axum_server::bind_rustls(address, config).serve(app)`, and the other servers of that crate.
//!
//! The server stays: `presence_channels::serve` has no TLS. It gets `TCP_NODELAY`, unless it has an
//! acceptor of the app's. It gets a handle that ends it at the signal, unless it has one. A task
//! stops the endpoint beside it.

use syn::{Expr, ExprCall, ExprMethodCall};

use super::edit::Edit;
use super::find::local;
use super::flow::at;
use super::{Duty, Server};
use crate::source::paths;

/// Parts of the names of Unix sockets, in code that may bind a server to one.
const UNIX: &[&str] = &[
    "unix::net",
    "net::unix",
    "unix::{net",
    "UnixListener",
    "from_pathname",
];

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
    let made = Made::of(server, &call.receiver);
    let has = |method: &str| made.calls.iter().any(|call| call == method);
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
    match nodelay(edit, server, &made) {
        NoDelay::Call(start, end) => {
            let acceptor = format!("acceptor({name}::accept::NoDelayAcceptor::new())");
            calls.push_str(&format!("{start}{acceptor}{end}{separator}"));
        }
        NoDelay::Unknown => edit.duties.push(Duty::NoDelay),
        NoDelay::Needless => {}
    }
    if has("handle") {
        edit.stop_beside(server, place, "", "");
        let code: String = source.text().split_whitespace().collect();
        let ends = ["graceful_shutdown(Some(", "handle.shutdown()"];
        if !ends.iter().any(|end| code.contains(end)) {
            edit.duties.push(Duty::Bound);
        }
    } else {
        edit.before(place, &[format!("let handle = {name}::Handle::new();")]);
        edit.stop_beside(server, place, END, "handle");
        calls.push_str(".handle(handle)");
        calls.push_str(&separator);
    }
    edit.edits.insert(dot, calls);
    Some(())
}

/// The way in which a server gets `TCP_NODELAY`.
enum NoDelay {
    /// By a call with the acceptor between these texts.
    Call(&'static str, &'static str),
    /// It has the option, or is on a Unix socket, which has no such option.
    Needless,
    /// It may lack the option, and the user has to see to it.
    Unknown,
}

fn nodelay(edit: &Edit, server: &Server, made: &Made) -> NoDelay {
    let Some(function) = made.function else {
        return NoDelay::Unknown;
    };
    let source = edit.source;
    if source.slice(function).contains("unix") {
        return NoDelay::Needless;
    }
    let has_acceptor = made
        .calls
        .iter()
        .any(|call| call == "map" || call == "acceptor");
    let name = match &*function.func {
        Expr::Path(path) => paths::last(&path.path),
        _ => String::new(),
    };
    match &*name {
        // The address may be one of a Unix socket.
        _ if UNIX.iter().any(|part| source.text().contains(part)) => NoDelay::Unknown,
        "bind_rustls" | "from_tcp_rustls" if !has_acceptor => NoDelay::Call(".map(|tls| tls.", ")"),
        "bind" | "from_tcp" if !has_acceptor => NoDelay::Call(".", ""),
        _ => {
            let body = server.found.function().map(|(_, body)| source.slice(body));
            let body = body.unwrap_or_default().to_lowercase();
            if body.contains("nodelay") {
                NoDelay::Needless
            } else {
                NoDelay::Unknown
            }
        }
    }
}

/// The calls that make a server.
#[derive(Default)]
struct Made<'s> {
    /// The call of the crate's function, such as `bind_rustls(address, config)`.
    function: Option<&'s ExprCall>,
    /// The methods that are called on the server, the last one first.
    calls: Vec<String>,
}

impl<'s> Made<'s> {
    fn of(server: &Server<'s>, mut expr: &'s Expr) -> Made<'s> {
        let mut made = Made::default();
        let mut scope = server.found.scope.clone();
        loop {
            match expr {
                Expr::MethodCall(call) => {
                    made.calls.push(call.method.to_string());
                    expr = &call.receiver;
                }
                Expr::Try(inner) => expr = &inner.expr,
                Expr::Call(call) => {
                    made.function = Some(call);
                    return made;
                }
                Expr::Path(_) => {
                    let name = paths::variable(expr);
                    let found = name.and_then(|name| local(&scope, &name));
                    let init = found.and_then(|(block, index, local)| {
                        Some((block, index, &*local.init.as_ref()?.expr))
                    });
                    let Some((block, index, init)) = init else {
                        return made;
                    };
                    scope = at(&scope, block, index);
                    expr = init;
                }
                _ => return made,
            }
        }
    }
}

#[cfg(test)]
mod tests;
