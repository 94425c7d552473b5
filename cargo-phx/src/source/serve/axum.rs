//! `axum::serve(listener, app)`.
//!
//! A `Router` on a `TcpListener` is served by `presence_channels::serve(listener, app, &endpoint)`
//! instead, which sets `TCP_NODELAY`, bounds the stop, and stops the endpoint. It also gets
//! `.with_graceful_shutdown(shutdown())`, unless it has one. The imports that become unused go. Any
//! other server stays: see [`kept`].

use syn::{Expr, ExprCall, ExprMethodCall, GenericArgument, Type};

use super::edit::{Edit, Place};
use super::find::{Level, local};
use super::flow::{Way, at};
use super::listener::is_tcp;
use super::unused::{self, Consequence};
use super::{Server, kept};
use crate::source::paths;

/// The comment in place of a call that makes a service of the router, around that call. It tells
/// the reader why the call has gone, and `destroy` what to put back.
pub(crate) const NEEDS_NO: (&str, &str) = ("// `serve` needs no `", "`.");

pub(super) fn wire(edit: &mut Edit, server: &Server, call: &ExprCall) -> Option<()> {
    let place = edit.place(&server.found.scope)?;
    match replacement(edit, server, call) {
        Some(replacement) => replace(edit, server, call, place, replacement),
        None => kept::wire(edit, server, call, place),
    }
}

/// The way in which `presence_channels::serve` gets the router of `axum::serve`.
struct Replacement<'s> {
    /// The call that makes a service of the router. It goes.
    service: Option<&'s ExprMethodCall>,
    /// The statement of that call, if a variable holds the service.
    variable: Option<Place<'s>>,
    /// The imports that become unused.
    unused: Vec<String>,
}

/// Returns `None` if `presence_channels::serve` cannot serve the same router on the same listener,
/// or an import would become unused and cannot be removed.
fn replacement<'s>(
    edit: &Edit,
    server: &Server<'s>,
    call: &'s ExprCall,
) -> Option<Replacement<'s>> {
    let (listener, app) = (call.args.first()?, call.args.iter().nth(1)?);
    let (service, variable) = match (server.router.way, server.router.service) {
        (Way::Direct, _) => (None, None),
        (Way::Service, Some(service)) if is_call(app, service) => (Some(service), None),
        (Way::Wrapped, Some(service)) => {
            let made = made(edit, server, app, service)?;
            (Some(service), Some(made))
        }
        _ => return None,
    };
    let Expr::Path(function) = &*call.func else {
        return None;
    };
    let mut unused = Vec::new();
    let mut drops = |path: &syn::Path| match unused::without(edit.source, edit.flow, path) {
        Consequence::Nothing => Some(()),
        Consequence::Unused(import) => {
            unused.push(import);
            Some(())
        }
        Consequence::Blocked => None,
    };
    drops(&function.path)?;
    if let Some(service) = service
        && service.method != "into_make_service"
    {
        drops(socket_address(service)?)?;
    }
    let is_tcp = is_tcp(edit.flow, listener, &server.found.scope);
    (is_tcp && !sets_nodelay(server)).then_some(Replacement {
        service,
        variable,
        unused,
    })
}

fn is_call(expr: &Expr, wanted: &ExprMethodCall) -> bool {
    matches!(expr, Expr::MethodCall(call) if std::ptr::eq(call, wanted))
}

/// Returns the statement `let app = router.into_make_service();`, if only the server uses the
/// variable `app`.
fn made<'s>(
    edit: &Edit,
    server: &Server<'s>,
    app: &Expr,
    service: &ExprMethodCall,
) -> Option<Place<'s>> {
    let name = paths::variable(app)?;
    let (block, index, local) = local(&server.found.scope, &name)?;
    let syn::Pat::Ident(_) = &local.pat else {
        return None;
    };
    let init = &local.init.as_ref()?.expr;
    let scope = at(&server.found.scope, block, index);
    let is_service = is_call(init, service)
        && edit
            .flow
            .router(init, &scope)
            .is_some_and(|router| router.way == Way::Service);
    let uses = |stmt| unused::count_in(edit.source.slice(stmt), &name);
    let is_used_once = block.stmts[index + 1..].iter().map(uses).sum::<usize>() == 1;
    edit.place(&scope)?;
    (is_service && is_used_once).then_some(Place { block, index })
}

/// Returns the address of `app.into_make_service_with_connect_info::<SocketAddr>()`, which every
/// connection has.
fn socket_address(call: &ExprMethodCall) -> Option<&syn::Path> {
    let arguments = &call.turbofish.as_ref()?.args;
    match arguments.first()? {
        GenericArgument::Type(Type::Path(ty)) => {
            let is_address = paths::last(&ty.path) == "SocketAddr";
            is_address.then_some(&ty.path)
        }
        _ => None,
    }
}

/// Returns whether the chain of calls has one that `presence_channels::serve` does not have.
fn sets_nodelay(server: &Server) -> bool {
    server.found.parents.iter().any(|parent| match parent {
        Expr::MethodCall(call) => call.method == "tcp_nodelay",
        _ => false,
    })
}

fn replace(
    edit: &mut Edit,
    server: &Server,
    call: &ExprCall,
    place: Place,
    replacement: Replacement,
) -> Option<()> {
    let source = edit.source;
    let app = call.args.iter().nth(1)?;
    let router = &server.router;
    edit.unused = replacement.unused;
    if let (Some(made), Some(service)) = (replacement.variable, replacement.service) {
        edit.start_before(server, made, &[])?;
        let call = source.range(&service.method).start..source.range(service).end;
        edit.edits.replace(call, "merge(endpoint.router())");
    } else if router.variable.is_some() {
        edit.start(server, place)?;
        // Without the call that makes a service of the router.
        if let Some(service) = replacement.service {
            let from = source.range(&*service.receiver).end;
            edit.edits.replace(from..source.range(app).end, "");
        }
    } else {
        let merged = merged(source.slice(router.expr));
        edit.start_before(server, place, &merged)?;
        edit.edits.replace(source.range(app), "app");
    }
    if let Some(service) = replacement.service {
        let from = source.range(&*service.receiver).end;
        let call: String = source.text()[from..source.range(service).end]
            .split_whitespace()
            .collect();
        let above = replacement.variable.unwrap_or(place);
        edit.above(above, &format!("{}{call}{}", NEEDS_NO.0, NEEDS_NO.1));
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
pub(super) fn is_graceful(edit: &Edit, server: &Server, place: Place) -> bool {
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

#[cfg(test)]
mod tests;
