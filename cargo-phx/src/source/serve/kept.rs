//! `axum::serve` of what `presence_channels::serve` cannot serve: a service around a router, or
//! another listener than a `TcpListener`.
//!
//! The server stays. It gets `TCP_NODELAY` if it listens on TCP, and a limit on its end. A task
//! stops the endpoint beside it.

use syn::{Block, Expr, ExprCall, Stmt};

use super::edit::{Edit, Place};
use super::find::Level;
use super::{NODELAY, Server, axum, listener, signal};
use crate::source::paths;

/// A duty of the user's, because the wiring cannot do it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Duty {
    /// The server does not set `TCP_NODELAY`.
    NoDelay,
    /// The server may never end.
    Bound,
}

/// The names for the function that bounds the end of a server.
pub(crate) const BOUNDED_NAMES: &[&str] = &["bounded", "bounded_server"];
/// The function that bounds the end of a server. `axum::serve` waits for its slowest request.
pub(crate) const BOUNDED: &str = "\
/// Runs a server until it ends, but not longer than 10 s after the signal to stop.
async fn NAME<S>(server: S) -> std::io::Result<()>
where
    S: std::future::IntoFuture<Output = std::io::Result<()>>,
{
    let late = async {
        SIGNAL.await;
        tokio::time::sleep(std::time::Duration::from_secs(10)).await;
    };
    tokio::select! {
        served = server.into_future() => served,
        () = late => Ok(()),
    }
}";
/// The function that wraps a listener.
const TAP_IO: &str = "axum::serve::ListenerExt::tap_io(";

pub(super) fn wire(edit: &mut Edit, server: &Server, call: &ExprCall, place: Place) -> Option<()> {
    // A server in a variable or in a task ends elsewhere.
    if matches!(place.statement(), Stmt::Local(_)) || is_spawned(server) {
        return None;
    }
    let source = edit.source;
    edit.start(server, place)?;
    set_nodelay(edit, server, call);
    let is_selected = |level: &Level| matches!(level, Level::Select);
    if server.found.scope.iter().any(is_selected) {
        edit.end(server, place, &["endpoint.stop().await;"]);
        return Some(());
    }
    let graceful = axum::is_graceful(edit, server, place);
    edit.stop_beside(server, place, "", "");
    let end = source.range(call).end;
    let mut calls = String::new();
    if !graceful {
        calls = format!(".with_graceful_shutdown({})", edit.signal(server));
    }
    match awaited(edit, server, end).and_then(|end| Some((end, bounded(edit, server)?))) {
        Some((served, name)) => {
            edit.edits
                .insert(source.range(call).start, format!("{name}("));
            if served == end {
                calls.push(')');
            } else {
                edit.edits.insert(served, ")");
            }
        }
        None => edit.duties.push(Duty::Bound),
    }
    if !graceful {
        edit.chain(server, source.range(call), &calls);
    } else if !calls.is_empty() {
        edit.edits.insert(end, calls);
    }
    Some(())
}

fn is_spawned(server: &Server) -> bool {
    server.found.parents.iter().any(|parent| match parent {
        Expr::Call(call) => {
            matches!(&*call.func, Expr::Path(path) if paths::last(&path.path) == "spawn")
        }
        Expr::MethodCall(call) => call.method == "spawn",
        _ => false,
    })
}

/// Returns the end of the server that is awaited: `axum::serve(..)`, which ends at `end`, with the
/// calls that keep it a server.
fn awaited(edit: &Edit, server: &Server, mut end: usize) -> Option<usize> {
    let source = edit.source;
    for parent in server.found.parents.iter().rev() {
        match parent {
            Expr::Await(expr) if source.range(&*expr.base).end == end => return Some(end),
            Expr::MethodCall(call) if source.range(&*call.receiver).end == end => {
                let keeps = ["with_graceful_shutdown", "into_future"];
                if !keeps.iter().any(|name| call.method == name) {
                    return None;
                }
                end = source.range(*parent).end;
            }
            _ => {}
        }
    }
    None
}

/// Adds the function that bounds the end of a server, and returns its name.
fn bounded(edit: &mut Edit, server: &Server) -> Option<String> {
    let is_free = |name: &&&str| !signal::has_word(edit.source.text(), name);
    let name = BOUNDED_NAMES.iter().find(is_free)?;
    let signal = edit.signal(server);
    let function = BOUNDED.replace("NAME", name).replace("SIGNAL", &signal);
    edit.add_function(server, &function);
    Some((*name).to_owned())
}

/// Sets `TCP_NODELAY` on the connections of a server that stays.
pub(super) fn set_nodelay(edit: &mut Edit, server: &Server, call: &ExprCall) {
    let (Some(listener), Some((_, body))) = (call.args.first(), server.found.function()) else {
        return;
    };
    let source = edit.source;
    let scope = &server.found.scope;
    if source.slice(body).contains("nodelay(") || listener::is_unix(edit.flow, listener, scope) {
        return;
    }
    let tcp = listener::tcp(edit.flow, listener, scope);
    let Some(tcp) = tcp.filter(|_| !has_own_address(edit, body)) else {
        edit.duties.push(Duty::NoDelay);
        return;
    };
    let range = source.range(tcp);
    let indent = source.indent(range.start);
    edit.edits.insert(range.start, TAP_IO);
    edit.edits.insert(
        range.end,
        format!(
            ", |stream| {{\n{indent}    {NODELAY}\n{indent}    \
             let _ = stream.set_nodelay(true);\n{indent}}})"
        ),
    );
}

/// Returns whether handlers get an address of the app's own type, which it makes of the listener's
/// connections alone.
fn has_own_address(edit: &Edit, body: &Block) -> bool {
    let code: String = edit.source.slice(body).split_whitespace().collect();
    let mut calls = code.split("with_connect_info").skip(1);
    calls.any(|call| {
        let address = call
            .strip_prefix("::<")
            .and_then(|call| call.split_once('>'));
        let last = address.and_then(|(address, _)| address.rsplit("::").next());
        last != Some("SocketAddr")
    })
}

#[cfg(test)]
mod tests;
