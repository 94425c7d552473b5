//! `axum::serve(listener, app)`.
//!
//! A `Router` on a `TcpListener` is served by `presence_channels::serve(listener, app, &endpoint)`
//! instead, which sets `TCP_NODELAY`, bounds the stop, and stops the endpoint. It also gets
//! `.with_graceful_shutdown(shutdown())`, unless it has one. Any other server stays, with a task
//! that stops the endpoint beside it.

use syn::{Expr, ExprCall, ExprMethodCall};

use super::Server;
use super::edit::{Edit, Place};
use super::find::Level;
use super::flow::Way;
use super::listener::is_tcp;

/// The comment in place of a call that makes a service of the router, around that call. It tells
/// the reader why the call has gone, and `destroy` what to put back.
pub(crate) const NEEDS_NO: (&str, &str) = ("// `serve` needs no `", "`.");

pub(super) fn wire(edit: &mut Edit, server: &Server, call: &ExprCall) -> Option<()> {
    let place = edit.place(&server.found.scope)?;
    if replaces(edit, server, call) {
        replace(edit, server, call, place)
    } else {
        keep(edit, server, call, place)
    }
}

/// Returns whether `presence_channels::serve` can serve the same router on the same listener.
fn replaces(edit: &Edit, server: &Server, call: &ExprCall) -> bool {
    let app = call.args.iter().nth(1);
    let is_router = match (server.router.way, server.router.service) {
        (Way::Direct, _) => true,
        // The service is made in this call, and not in a variable.
        (Way::Service, Some(service)) => {
            matches!(app, Some(Expr::MethodCall(app)) if std::ptr::eq(app, service))
                && (service.method == "into_make_service" || is_socket_address(edit, service))
        }
        _ => false,
    };
    // An import that only this call needs would be unused.
    let is_path = matches!(&*call.func, Expr::Path(path) if path.path.segments.len() > 1
        && !is_only_use(edit, &path.path));
    let listener = call.args.first();
    is_router
        && is_path
        && !sets_nodelay(server)
        && listener.is_some_and(|listener| is_tcp(edit.flow, listener, &server.found.scope))
}

/// Returns whether a path is the only code that needs the file's name for the crate, which
/// `use axum as web` has made.
fn is_only_use(edit: &Edit, path: &syn::Path) -> bool {
    let name = path.segments[0].ident.to_string();
    let is_alias = edit.flow.crates.aliases("axum").contains(&&*name);
    is_alias && edit.source.text().matches(&format!("{name}::")).count() < 2
}

/// Returns whether the address of `app.into_make_service_with_connect_info::<SocketAddr>()` is one
/// that every connection has.
fn is_socket_address(edit: &Edit, call: &ExprMethodCall) -> bool {
    let Some(arguments) = &call.turbofish else {
        return false;
    };
    let address: String = edit
        .source
        .slice(&arguments.args)
        .split_whitespace()
        .collect();
    // An import that only this call needs would be unused.
    let others = edit.source.text().matches("SocketAddr").count();
    let own = usize::from(!address.contains("::")) * 2;
    address.rsplit("::").next() == Some("SocketAddr") && (address.contains("::") || others > own)
}

/// Returns whether the chain of calls has one that `presence_channels::serve` does not have.
fn sets_nodelay(server: &Server) -> bool {
    server.found.parents.iter().any(|parent| match parent {
        Expr::MethodCall(call) => call.method == "tcp_nodelay",
        _ => false,
    })
}

fn replace(edit: &mut Edit, server: &Server, call: &ExprCall, place: Place) -> Option<()> {
    let source = edit.source;
    let app = call.args.iter().nth(1)?;
    let router = &server.router;
    if router.variable.is_some() {
        edit.start(server, place)?;
        // Without the call that makes a service of the router.
        if let Expr::MethodCall(service) = app
            && service.method.to_string().starts_with("into_make_service")
        {
            let from = source.range(&*service.receiver).end;
            edit.edits.replace(from..source.range(app).end, "");
        }
    } else {
        let merged = merged(source.slice(router.expr));
        edit.start_before(server, place, &merged)?;
        edit.edits.replace(source.range(app), "app");
    }
    if let Some(service) = router.service {
        let from = source.range(&*service.receiver).end;
        let call: String = source.text()[from..source.range(service).end]
            .split_whitespace()
            .collect();
        edit.above(place, &format!("{}{call}{}", NEEDS_NO.0, NEEDS_NO.1));
    }
    edit.edits
        .replace(source.range(&*call.func), "presence_channels::serve");
    edit.edits.insert(source.range(app).end, ", &endpoint");

    let selects = server
        .found
        .scope
        .iter()
        .any(|level| matches!(level, Level::Select));
    if selects {
        // The `select!` drops the server, which does not stop the endpoint.
        edit.end(server, place, &["endpoint.stop().await;"]);
    } else if !is_graceful(edit, server, place) {
        let signal = edit.signal(server);
        let end = source.range(call);
        edit.chain(server, end, &format!(".with_graceful_shutdown({signal})"));
    }
    Some(())
}

/// Returns `let app = <router>.merge(..);`, as two statements if the router is a chain of calls.
fn merged(router: &str) -> Vec<String> {
    let line = format!("let app = {router}.merge(endpoint.router());");
    // rustfmt's `chain_width` is 60.
    if router.contains('\n') || router.contains(").") || line.len() > 60 {
        vec![
            format!("let app = {router};"),
            "let app = app.merge(endpoint.router());".to_owned(),
        ]
    } else {
        vec![line]
    }
}

/// Returns whether the server ends at a signal of the app.
fn is_graceful(edit: &Edit, server: &Server, place: Place) -> bool {
    let ends = |parent: &&Expr| matches!(parent, Expr::MethodCall(call) if call.method == "with_graceful_shutdown");
    if server.found.parents.iter().any(ends) {
        return true;
    }
    // `let server = axum::serve(..);`, and the rest of the function goes on with `server`.
    let syn::Stmt::Local(_) = place.statement() else {
        return false;
    };
    place.block.stmts[place.index + 1..]
        .iter()
        .any(|stmt| edit.source.slice(stmt).contains(".with_graceful_shutdown("))
}

fn keep(edit: &mut Edit, server: &Server, call: &ExprCall, place: Place) -> Option<()> {
    // A server in a variable ends elsewhere.
    if matches!(place.statement(), syn::Stmt::Local(_)) {
        return None;
    }
    let source = edit.source;
    edit.start(server, place)?;
    if server
        .found
        .scope
        .iter()
        .any(|level| matches!(level, Level::Select))
    {
        edit.end(server, place, &["endpoint.stop().await;"]);
        return Some(());
    }
    let graceful = is_graceful(edit, server, place);
    edit.stop_beside(server, place, "", "");
    if !graceful {
        let signal = edit.signal(server);
        edit.chain(
            server,
            source.range(call),
            &format!(".with_graceful_shutdown({signal})"),
        );
    }
    Some(())
}

#[cfg(test)]
mod tests;
