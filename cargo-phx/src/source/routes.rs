//! Sockets in the user's code, and their routes: `routes.channel::<RoomChannel>("room:*");`.

use syn::visit::{self, Visit};
use syn::{ExprMethodCall, FnArg, ImplItem, ImplItemFn, Item, ItemImpl, Pat};

use super::{Edits, Outcome, Source, chain, imports, paths};

/// A channel to route to.
pub(crate) struct NewRoute {
    /// The name of the channel's type.
    pub(crate) channel: String,
    /// The topic pattern.
    pub(crate) pattern: String,
    /// The path to import the type from.
    pub(crate) import: String,
}

/// Returns the types that implement `UserSocket` in the file.
pub(crate) fn sockets(source: &Source) -> Vec<String> {
    impls(source)
        .filter_map(|item| paths::type_name(&item.self_ty))
        .collect()
}

/// Returns the routes of a socket to channels that the file imports.
pub(crate) fn channels(source: &Source, socket: &str) -> Vec<NewRoute> {
    let mut routes = patterns(source, socket);
    routes.retain(|route| route.import.contains("::"));
    routes
}

/// Returns all routes of a socket. The import of a channel that the file does not import is its
/// bare name.
pub(crate) fn patterns(source: &Source, socket: &str) -> Vec<NewRoute> {
    let Some(function) = routes_function(source, socket) else {
        return Vec::new();
    };
    let routes = routes(function);
    routes
        .iter()
        .filter_map(|call| {
            let syn::Expr::Lit(literal) = call.args.first()? else {
                return None;
            };
            let syn::Lit::Str(pattern) = &literal.lit else {
                return None;
            };
            Some(NewRoute {
                pattern: pattern.value(),
                channel: chain::type_argument(call)?,
                import: import_of(source, call)?,
            })
        })
        .collect()
}

/// Returns the path of a route's channel from the crate root, as the file imports or writes it.
pub(crate) fn import_of(source: &Source, call: &ExprMethodCall) -> Option<String> {
    let arguments = &call.turbofish.as_ref()?.args;
    let path = arguments.iter().find_map(|argument| match argument {
        syn::GenericArgument::Type(syn::Type::Path(ty)) => Some(&ty.path),
        _ => None,
    })?;
    let mut segments: Vec<_> = path
        .segments
        .iter()
        .map(|segment| segment.ident.to_string())
        .collect();
    let first = segments.first()?;
    let imported = imports::paths(source);
    if let Some(import) = imported.iter().find(|import| import.last() == Some(first)) {
        segments.splice(..1, import.iter().cloned());
    }
    Some(segments.join("::"))
}

/// Adds a route to `socket`, and imports the channel.
pub(crate) fn add(source: &Source, socket: &str, route: &NewRoute) -> Outcome {
    let Some(function) = routes_function(source, socket) else {
        return Outcome::Unknown;
    };
    let present = routes(function).iter().any(|call| {
        let import = import_of(source, call).unwrap_or_default();
        import == route.import || import == route.channel
    });
    if present {
        return Outcome::Unchanged;
    }
    let Some(FnArg::Typed(argument)) = function.sig.inputs.first() else {
        return Outcome::Unknown;
    };
    let Pat::Ident(variable) = &*argument.pat else {
        return Outcome::Unknown;
    };

    let mut edits = Edits::default();
    let mut name = variable.ident.to_string();
    if let Some(used) = name.strip_prefix('_') {
        // The variable was unused until now.
        edits.replace(source.range(&variable.ident), used);
        name = used.to_owned();
    }
    // Another channel may have the same name in another module.
    let wanted: Vec<_> = route.import.split("::").collect();
    let imported = imports::paths(source);
    let hidden = imported
        .iter()
        .any(|path| path.last() == Some(&route.channel) && *path != wanted);
    let channel = if hidden {
        &route.import
    } else {
        &route.channel
    };
    let call = format!("{name}.channel::<{channel}>(\"{}\");", route.pattern);
    insert_at_end(source, function, &call, &mut edits);
    let text = edits.apply(source.text());
    if hidden {
        return Outcome::Edited(text);
    }

    let path = std::path::Path::new("socket.rs");
    let Ok(routed) = Source::parse(path, &text) else {
        return Outcome::Unknown;
    };
    match imports::add(&routed, &route.import) {
        Outcome::Edited(text) => Outcome::Edited(text),
        _ => Outcome::Edited(text),
    }
}

fn impls<'s>(source: &'s Source) -> impl Iterator<Item = &'s ItemImpl> {
    source.file.items.iter().filter_map(|item| match item {
        Item::Impl(item) => {
            let (path, _) = item.trait_.as_ref()?;
            (paths::last(path) == "UserSocket").then_some(item)
        }
        _ => None,
    })
}

/// Returns the socket's function `channels`, which declares the routes.
pub(crate) fn routes_function<'s>(source: &'s Source, socket: &str) -> Option<&'s ImplItemFn> {
    impls(source)
        .filter(|item| paths::type_name(&item.self_ty).as_deref() == Some(socket))
        .flat_map(|item| &item.items)
        .find_map(|item| match item {
            ImplItem::Fn(function) if function.sig.ident == "channels" => Some(function),
            _ => None,
        })
}

/// Returns the calls in the function that add a route.
pub(crate) fn routes(function: &ImplItemFn) -> Vec<&ExprMethodCall> {
    struct Calls<'s>(Vec<&'s ExprMethodCall>);
    impl<'s> Visit<'s> for Calls<'s> {
        fn visit_expr_method_call(&mut self, call: &'s ExprMethodCall) {
            // Visits the receiver first, so that calls are listed in the order in which they run.
            visit::visit_expr_method_call(self, call);
            if call.method == "channel" {
                self.0.push(call);
            }
        }
    }
    let mut calls = Calls(Vec::new());
    calls.visit_impl_item_fn(function);
    calls.0
}

fn insert_at_end(source: &Source, function: &ImplItemFn, call: &str, edits: &mut Edits) {
    let indent = source.indent(source.range(function).start);
    let braces = source.range(&function.block);
    let inner = braces.start + 1..braces.end - 1;
    let text = &source.text()[inner.clone()];
    if text.trim().is_empty() {
        edits.replace(inner, format!("\n{indent}    {call}\n{indent}"));
    } else if text.contains('\n') {
        let close = source.line_start(inner.end);
        edits.insert(close, format!("{indent}    {call}\n"));
    } else {
        let body = text.trim();
        edits.replace(
            inner,
            format!("\n{indent}    {body}\n{indent}    {call}\n{indent}"),
        );
    }
}

#[cfg(test)]
mod tests;
