//! A function that serves the router it gets, and is called for several routers.
//!
//! The function stays, because it serves other routers too. The endpoint's routes are merged into
//! the router of one call, and the endpoint stops at the signal, in a task:
//!
//! ```text
//! let endpoint = application::start(..).await?;
//! tokio::spawn({ .. shutdown().await; endpoint.stop().await; std::process::exit(0) .. });
//! tokio::join!(serve(app.merge(endpoint.router()), 3000), serve(admin, 3001));
//! ```

use syn::{Expr, ExprCall, FnArg};

use super::edit::Edit;
use super::find::{CallSite, variable};
use super::flow::{Flow, Router, Variable, Way};
use super::{Found, Kind, Server, kept};

/// The comment above the task that ends the app.
pub(super) const EXITS: &str =
    "// The servers have no graceful shutdown. At the signal the endpoint stops, then the app.";

/// A call of the function, with its router.
pub(super) struct Call<'s> {
    pub(super) router: Router<'s>,
    pub(super) argument: &'s Expr,
    pub(super) site: CallSite<'s>,
}

/// Returns the call with the most routes, else the first, if the function around `server` is called
/// several times, each time with a router to serve.
pub(super) fn find<'s>(
    flow: &Flow,
    server: &Server<'s>,
    sites: &[CallSite<'s>],
) -> Option<Call<'s>> {
    let name = match &server.router.variable {
        Some(Variable::Parameter(name)) => name.clone(),
        Some(Variable::Local(..)) => return None,
        // Such as `app.layer(..)`.
        None => {
            let mut base = server.router.expr;
            while let Expr::MethodCall(call) = base {
                base = &call.receiver;
            }
            crate::source::paths::variable(base)?
        }
    };
    let (signature, _) = server.found.function()?;
    let index = signature.inputs.iter().position(|input| match input {
        FnArg::Typed(typed) => variable(&typed.pat).is_some_and(|bound| *bound == name),
        FnArg::Receiver(_) => false,
    })?;
    let of_function = |site: &&CallSite| calls(site.call, &signature.ident.to_string());
    let calls: Vec<Call> = sites
        .iter()
        .filter(of_function)
        .filter_map(|site| {
            let argument = site.call.args.iter().nth(index)?;
            let router = flow.router(argument, &site.scope)?;
            (router.way == Way::Direct).then(|| Call {
                router,
                argument,
                site: site.clone(),
            })
        })
        .collect();
    if calls.len() < 2 {
        return None;
    }
    let routes = |call: &Call| flow.routes(call.argument, &call.site.scope);
    // `max_by_key` returns the last of several.
    calls.into_iter().rev().max_by_key(routes)
}

fn calls(call: &ExprCall, function: &str) -> bool {
    matches!(&*call.func, Expr::Path(path) if path.path.is_ident(function))
}

pub(super) fn wire(edit: &mut Edit, served: &Server, call: Call) -> Option<()> {
    let place = edit.place(&call.site.scope)?;
    if let Kind::Axum(serve) = served.found.kind {
        kept::set_nodelay(edit, served, serve);
    }
    let server = Server {
        found: Found {
            kind: Kind::Axum(call.site.call),
            scope: call.site.scope,
            parents: Vec::new(),
        },
        router: call.router,
        routes: 0,
    };
    let signal = edit.signal(&server);
    let stop = format!(
        "{EXITS}\n\
         tokio::spawn({{\n    let endpoint = endpoint.clone();\n    async move {{\n        \
         {signal}.await;\n        endpoint.stop().await;\n        std::process::exit(0);\n    \
         }}\n}});"
    );
    edit.start_before(&server, place, &[stop])?;
    let end = edit.source.range(call.argument).end;
    match call.argument {
        Expr::Path(_) | Expr::Call(_) | Expr::MethodCall(_) | Expr::Try(_) | Expr::Await(_) => {
            edit.edits.insert(end, ".merge(endpoint.router())");
        }
        _ => return None,
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use crate::source::serve::tests::assert_wired;

    #[test]
    fn the_router_with_the_most_routes_gets_the_endpoint() {
        let serve = "\
async fn serve(app: Router, port: u16) {
    let listener = TcpListener::bind((\"::1\", port)).await.unwrap();
    axum::serve(listener, app.layer(trace())).await.unwrap();
}

fn files() -> Router {
    Router::new()
}
";
        assert_wired(
            &format!(
                "\
async fn main() {{
    let app = Router::new().route(\"/\", get(index));
    tokio::join!(serve(files(), 3001), serve(app, 3002), serve(files(), 3003));
}}

{serve}"
            ),
            "\
async fn main() {
    let app = Router::new().route(\"/\", get(index));
    let endpoint = application::start(presence_channels::Config::default())
        .await
        .expect(\"the application starts\");
    // The servers have no graceful shutdown. At the signal the endpoint stops, then the app.
    tokio::spawn({
        let endpoint = endpoint.clone();
        async move {
            shutdown().await;
            endpoint.stop().await;
            std::process::exit(0);
        }
    });
    tokio::join!(
        serve(files(), 3001),
        serve(app.merge(endpoint.router()), 3002),
        serve(files(), 3003)
    );
}

async fn serve(app: Router, port: u16) {
    let listener = TcpListener::bind((\"::1\", port)).await.unwrap();
    axum::serve(
        axum::serve::ListenerExt::tap_io(listener, |stream| {
            // Without it, a message may wait for the client's acknowledgement.
            let _ = stream.set_nodelay(true);
        }),
        app.layer(trace()),
    )
    .await
    .unwrap();
}

fn files() -> Router {
    Router::new()
}
",
        );
    }
}
