//! Wires the endpoint into an axum app, where the app serves.
//!
//! The analysis finds the places that serve ([`find`]), the router that each serves ([`flow`]), the
//! function's way with an error ([`failure`]), and the signal to stop ([`signal`]). Then a place is
//! wired by its kind:
//!
//! | kind | inserted |
//! | --- | --- |
//! | `axum::serve` of a `Router` on a `TcpListener` | [`axum`]: `presence_channels::serve` in its place |
//! | another `axum::serve`, such as on a Unix socket | [`kept`]: the endpoint stops beside it |
//! | `axum_server` | [`axum_server`]: kept, with a handle; the endpoint stops beside it |
//! | a loop that hands connections to hyper | [`accept`]: kept, and ended by the signal |
//! | a function that serves several routers | [`shared`]: kept; one of its calls is wired |
//!
//! Each kind inserts, in this order, and nothing else:
//!
//! 1. `let endpoint = application::start(..).await?;`, before the first line that needs it,
//! 2. `let app = app.merge(endpoint.router());`, or `.merge(endpoint.router())` in an expression,
//! 3. the lines of its kind: see its file,
//! 4. `async fn shutdown()` after the function, if no function of the file waits for a signal.
//!
//! It removes the imports that become unused.

use syn::visit::{self, Visit};

pub(crate) use self::accept::{NODELAY, STOP_BRANCH};
pub(crate) use self::app_state::AppState;
pub(crate) use self::axum::NEEDS_NO;
use self::edit::Edit;
pub(crate) use self::edit::STATE_NAMES;
pub(crate) use self::expand::expanded;
use self::find::{Found, Kind, Level, Places};
pub(crate) use self::flow::Functions;
use self::flow::{Flow, Router};
pub(crate) use self::kept::{BOUNDED, BOUNDED_NAMES, Duty};
pub(crate) use self::names::Names;
pub(crate) use self::names::Place as TypePlace;
pub(crate) use self::resolve::Resolver;
use super::{Edits, Source, imports, paths};

mod accept;
mod app_state;
mod axum;
mod axum_server;
mod children;
mod count;
mod edit;
mod expand;
mod failure;
mod find;
mod flow;
mod kept;
mod listener;
mod names;
mod resolve;
mod shared;
mod signal;
mod unused;

/// The comments that the wiring writes.
pub(crate) const COMMENTS: [&str; 3] = [edit::BESIDE, shared::EXITS, NODELAY];

/// The outcome of the search for a place to wire the endpoint in.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Wiring {
    /// The file serves no router.
    Nothing,
    /// The file with the endpoint.
    Wired {
        text: String,
        /// The state that `application::start` takes.
        state: Option<AppState>,
        /// The line of a state that `application::start` cannot take.
        lost_state: Option<usize>,
        /// The user's duties.
        duties: Vec<Duty>,
    },
    /// The file serves on this line, but in a way that only the user can wire.
    ByHand { line: usize },
}

/// Adds the endpoint to the file. `module` is the path of the module `application` in that file.
///
/// With `place`, the endpoint gets the state of the app's router.
pub(crate) fn wire(
    source: &Source,
    module: &str,
    functions: &dyn Functions,
    place: Option<&TypePlace>,
) -> Wiring {
    let file = expand::expanded(&source.file);
    let crates = Resolver::of(&file, functions);
    let flow = Flow {
        source,
        functions,
        crates: &crates,
    };
    let Places {
        servers: found,
        states,
        calls,
    } = find::places(&file, &crates);
    let first = found.first().map(|found| line(source, found));
    let servers = routers(&flow, found);
    let Some(server) = choose(&servers) else {
        return match first {
            Some(line) => Wiring::ByHand { line },
            None => Wiring::Nothing,
        };
    };
    let is_nested = server
        .found
        .scope
        .iter()
        .any(|level| matches!(level, Level::Module));
    // The binary's module, seen from a module within the file.
    let module = if is_nested && module == "application" {
        "crate::application"
    } else {
        module
    };
    let mut edit = Edit {
        source,
        flow: &flow,
        module,
        edits: Edits::default(),
        has_signal: false,
        unused: Vec::new(),
        duties: Vec::new(),
        state: place.and_then(|place| {
            let names = Names::of(&source.file, place);
            app_state::find(&flow, server, &states, &names).filter(|state| {
                // The whole expression is moved into a variable, so a part of it cannot be.
                let app = server.found.app().map(|app| source.range(app));
                match (&state.value, app) {
                    (app_state::Value::Expression(value), Some(app)) => {
                        !app.contains(&source.range(*value).start)
                    }
                    _ => true,
                }
            })
        }),
    };
    let state = edit.state.as_ref().map(|found| found.state.clone());
    let lost_state = match (&state, states.first()) {
        (None, Some(lost)) => Some(line_of(source, source.range(&lost.call.method).start)),
        _ => None,
    };
    let wired = match (shared::find(&flow, server, &calls), server.found.kind) {
        (Some(call), _) => shared::wire(&mut edit, server, call),
        (_, Kind::Axum(call)) => axum::wire(&mut edit, server, call),
        (_, Kind::AxumServer(call)) => axum_server::wire(&mut edit, server, call),
        (_, Kind::Accept(accept)) => accept::wire(&mut edit, server, &accept),
    };
    match wired {
        Some(()) => Wiring::Wired {
            text: edit.text(),
            state,
            lost_state,
            duties: edit.duties,
        },
        None => Wiring::ByHand {
            line: line(source, &server.found),
        },
    }
}

/// A place that serves a router.
struct Server<'s> {
    found: Found<'s>,
    router: Router<'s>,
    /// The number of routes that can be seen.
    routes: usize,
}

fn routers<'s>(flow: &Flow, found: Vec<Found<'s>>) -> Vec<Server<'s>> {
    found
        .into_iter()
        .filter_map(|found| {
            let (router, routes) = match found.app() {
                Some(app) => {
                    let router = flow.router(app, &found.scope)?;
                    let routes = flow.routes(router.expr, &router.scope);
                    (router, routes)
                }
                None => flow.local_router(&found.scope)?,
            };
            Some(Server {
                found,
                router,
                routes,
            })
        })
        .collect()
}

/// Returns the app's server: the one with the most routes, and of several the one in `main`, else
/// the first.
fn choose<'a, 's>(servers: &'a [Server<'s>]) -> Option<&'a Server<'s>> {
    let rank = |server: &&Server| {
        let is_main = server
            .found
            .function()
            .is_some_and(|(signature, _)| signature.ident == "main");
        (server.routes, is_main)
    };
    // `max_by_key` returns the last of several.
    servers.iter().rev().max_by_key(rank)
}

fn line(source: &Source, found: &Found) -> usize {
    let at = match found.kind {
        Kind::Axum(call) => source.range(call).start,
        Kind::AxumServer(call) => source.range(call).start,
        Kind::Accept(accept) => source.range(accept.accept).start,
    };
    line_of(source, at)
}

fn line_of(source: &Source, at: usize) -> usize {
    source.text()[..at].matches('\n').count() + 1
}

/// Returns the return type of a function of the file, without white space.
///
/// Returns `None` if the file does not have the function.
pub(crate) fn return_type(source: &Source, name: &str) -> Option<String> {
    struct Signatures<'a>(&'a str, Option<syn::ReturnType>);
    impl<'s> Visit<'s> for Signatures<'_> {
        fn visit_signature(&mut self, signature: &'s syn::Signature) {
            if signature.ident == self.0 && self.1.is_none() {
                self.1 = Some(signature.output.clone());
            }
        }
    }
    let mut signatures = Signatures(name, None);
    signatures.visit_file(&source.file);
    Some(match signatures.1? {
        syn::ReturnType::Default => "()".to_owned(),
        syn::ReturnType::Type(_, ty) => source.slice(&*ty).split_whitespace().collect(),
    })
}

/// Returns the parameter of a function of the file that is the state of a router, as its index and
/// its type, as the module `application` names it.
pub(crate) fn state_parameter(
    source: &Source,
    name: &str,
    place: &TypePlace,
) -> Option<(usize, String)> {
    let file = expand::expanded(&source.file);
    let crates = Resolver::of(&file, &Own);
    let (index, ty) = app_state::parameter(&find::places(&file, &crates).states, name)?;
    Some((index, Names::of(&source.file, place).qualified(&ty)?))
}

/// A project without functions that are known, and without renamed crates.
struct Own;

impl Functions for Own {
    fn return_type(&self, _: &str) -> Option<String> {
        None
    }
}

/// Returns whether the file names `application::start`, and so already starts the endpoint.
pub(crate) fn starts_application(source: &Source) -> bool {
    struct Mentions(bool);
    impl<'s> Visit<'s> for Mentions {
        fn visit_path(&mut self, path: &'s syn::Path) {
            self.0 |= paths::ends_with(path, &["application", "start"]);
            visit::visit_path(self, path);
        }
    }
    let mut mentions = Mentions(false);
    mentions.visit_file(&source.file);
    let imported = imports::paths(source);
    mentions.0
        || imported
            .iter()
            .any(|path| path.ends_with(&["application".into(), "start".into()]))
}

#[cfg(test)]
mod tests;
