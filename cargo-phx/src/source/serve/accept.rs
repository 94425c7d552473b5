//! A loop that accepts connections and hands each of them to hyper.
//!
//! The loop stays: it may do TLS, or another protocol. It gets `TCP_NODELAY`, and ends at the
//! signal. The endpoint stops after the loop.

use syn::{Expr, Pat, ReturnType, Stmt};

use super::edit::{Edit, Place, indented};
use super::find::{Accept, Level, is_accept, variable};
use super::flow::Flow;
use super::listener::{is_tcp, is_unix, never};
use super::{Duty, Server};
use crate::source::paths;

/// The comment above the line that sets `TCP_NODELAY`.
pub(crate) const NODELAY: &str =
    "// Without it, a message may wait for the client's acknowledgement.";
/// The branch of a `select!` that ends the loop.
pub(crate) const STOP_BRANCH: &str = "() = &mut stop => break,";

pub(super) fn wire(edit: &mut Edit, server: &Server, accept: &Accept) -> Option<()> {
    let source = edit.source;
    let place = edit.place(&server.found.scope)?;
    // The value of a loop without an end is that of any type.
    let returned = match (place.statement(), server.found.function()) {
        (Stmt::Expr(Expr::Loop(_), _), Some((signature, body))) => match &signature.output {
            ReturnType::Default => None,
            ReturnType::Type(..) if !std::ptr::eq(body, place.block) => None,
            ReturnType::Type(_, ty) => {
                let ty: String = source.slice(&**ty).split_whitespace().collect();
                if !ty.contains("Result<()") {
                    return None;
                }
                Some("Ok(())")
            }
        },
        _ => return None,
    };
    edit.start(server, place)?;
    let signal = edit.signal(server);
    edit.before(
        place,
        &[format!("let mut stop = std::pin::pin!({signal});")],
    );

    let inner = Place {
        block: accept.body,
        index: accept.statement,
    };
    let statement = source.range(inner.statement());
    let indent = source.indent(statement.start);
    match accept.accept {
        // A branch of its own in the user's `select!`.
        Expr::Call(call) => {
            let open = source.range(&*call.func).end;
            let open = open + source.text()[open..].find(['{', '('])? + 1;
            edit.edits
                .insert(open, format!("\n{indent}    {STOP_BRANCH}"));
        }
        Expr::Await(awaited) => {
            let accepts = source.slice(&*awaited.base);
            edit.before(
                inner,
                &[format!(
                    "let accepted = tokio::select! {{\n    accepted = {} => accepted,\n    \
                     {STOP_BRANCH}\n}};",
                    indented(accepts, "    ")
                )],
            );
            edit.edits.replace(source.range(accept.accept), "accepted");
        }
        _ => return None,
    }
    let has_nodelay = source.slice(accept.body).contains("set_nodelay(");
    let listeners = listeners(accept.accept);
    let all = |is: fn(&Flow, &Expr, &[Level]) -> bool| {
        let scope = &server.found.scope;
        listeners.iter().all(|expr| is(edit.flow, expr, scope))
    };
    // A Unix socket has no such option.
    if !has_nodelay && !all(is_unix) {
        let may_be_unix = source.text().contains("UnixListener") && !all(is_tcp);
        match stream(inner.statement()).filter(|_| !may_be_unix) {
            Some(stream) => edit.after(
                inner,
                &[format!("{NODELAY}\nlet _ = {stream}.set_nodelay(true);")],
            ),
            None => edit.duties.push(Duty::NoDelay),
        }
    }

    let mut lines = vec!["endpoint.stop().await;".to_owned()];
    let is_last = place.index + 1 == place.block.stmts.len();
    lines.extend(returned.filter(|_| is_last).map(str::to_owned));
    edit.after(place, &lines);
    Some(())
}

/// Returns the listeners in `listener.accept().await`, or in a `tokio::select!` of such calls.
fn listeners(accept: &Expr) -> Vec<&Expr> {
    let accepts: Vec<&Expr> = match accept {
        Expr::Await(awaited) => vec![&awaited.base],
        Expr::Call(select) => select.args.iter().filter(|expr| is_accept(expr)).collect(),
        _ => Vec::new(),
    };
    let receivers = accepts.into_iter().map(|expr| match expr {
        Expr::MethodCall(call) => &*call.receiver,
        _ => expr,
    });
    receivers.collect()
}

/// Returns the variable of the stream in `let (stream, address) = ...;`, or in
/// `let stream = match ... { Ok((stream, address)) => stream, ... };`.
fn stream(stmt: &Stmt) -> Option<String> {
    let Stmt::Local(local) = stmt else {
        return None;
    };
    if let Some(stream) = first_of_pair(&local.pat) {
        return Some(stream.to_string());
    }
    let stream = variable(&local.pat)?;
    let is_stream = match &*local.init.as_ref()?.expr {
        Expr::Match(found) => found.arms.iter().all(|arm| {
            let is_first = |name: &syn::Ident| {
                paths::variable(&arm.body).is_some_and(|variable| *name == variable)
            };
            first_of_pair(&arm.pat).is_some_and(is_first) || never(&arm.body)
        }),
        Expr::Field(field) => {
            matches!(&field.member, syn::Member::Unnamed(index) if index.index == 0)
        }
        _ => false,
    };
    is_stream.then(|| stream.to_string())
}

/// Returns the first variable of `(stream, address)`, or of `Ok((stream, address))`.
fn first_of_pair(pat: &Pat) -> Option<&syn::Ident> {
    match pat {
        Pat::TupleStruct(inner) => first_of_pair(inner.elems.first()?),
        Pat::Tuple(tuple) => variable(tuple.elems.first()?),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
