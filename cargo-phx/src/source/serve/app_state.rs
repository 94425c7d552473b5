//! The state of the app's handlers: the value that the router gets by `with_state`.
//!
//! `application::start` takes a clone of it, so that channels reach it.

use syn::visit::{self, Visit};
use syn::{Expr, FnArg, Item, Stmt};

use super::edit::Place;
use super::find::{Level, StateCall, local, variable};
use super::names::Names;
use super::{Server, flow::Flow};
use crate::source::{Source, paths};

/// The state of an app, as `application::start` takes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AppState {
    /// The name of the parameter of `start`, and of the field for it.
    pub(crate) name: String,
    /// The type, as the module `application` names it.
    pub(crate) ty: String,
}

/// A state, and its place in the file.
pub(super) struct Found<'s> {
    pub(super) state: AppState,
    /// The statement that hands the state to the router.
    pub(super) place: Place<'s>,
    /// The value: a variable, or an expression that gets a variable.
    pub(super) value: Value<'s>,
}

pub(super) enum Value<'s> {
    Variable(String),
    Expression(&'s Expr),
}

/// Returns the state of the router that `server` serves.
///
/// Returns `None` if the router has no state, or its type cannot be named in `application`.
pub(super) fn find<'s>(
    flow: &Flow,
    server: &Server<'s>,
    calls: &[StateCall<'s>],
    names: &Names,
) -> Option<Found<'s>> {
    let (_, body) = server.found.function()?;
    let within = |call: &&StateCall<'s>| {
        call.scope
            .iter()
            .any(|level| matches!(level, Level::Function(_, block) if std::ptr::eq(*block, body)))
    };
    let own: Vec<_> = calls.iter().filter(within).collect();
    let mut qualified = None;
    let (argument, scope, parameter) = if own.is_empty() {
        let call = maker(server)?;
        let Expr::Path(path) = &*call.func else {
            return None;
        };
        let name = paths::last(&path.path);
        let (index, ty) = match parameter(calls, &name) {
            Some((index, ty)) => (index, Some(ty)),
            // A function of another file of the project.
            None => {
                let (index, ty) = flow.functions.state_parameter(&name)?;
                qualified = Some(ty);
                (index, None)
            }
        };
        let argument = call.args.iter().nth(index)?;
        (argument, server.router.scope.clone(), ty)
    } else {
        let call = of_router(server, &own)?;
        (call.call.args.first()?, call.scope.clone(), None)
    };
    let place = visible(server, &scope)?;
    let value = match variable_of(argument) {
        Some(name) => Value::Variable(name),
        None => Value::Expression(argument),
    };
    let named = || {
        let ty = parameter
            .or_else(|| annotated(flow.source, argument, &scope))
            .or_else(|| extracted(flow.source))
            .or_else(|| made(flow.source, argument, &scope))?;
        names.qualified(&ty)
    };
    let ty = qualified.or_else(named)?;
    let name = match &value {
        Value::Variable(name) if !name.ends_with("state") && name != "config" => name.clone(),
        _ => "app".to_owned(),
    };
    Some(Found {
        state: AppState { name, ty },
        place,
        value,
    })
}

/// Returns the call that gives the state to the router, and not to a router that is nested in it.
fn of_router<'a, 's>(server: &Server, calls: &[&'a StateCall<'s>]) -> Option<&'a StateCall<'s>> {
    if let [call] = calls {
        return Some(call);
    }
    let mut made = value(server)?;
    while let Expr::MethodCall(call) = made {
        let of_chain = calls.iter().find(|state| std::ptr::eq(state.call, call));
        if let Some(state) = of_chain {
            return Some(state);
        }
        made = &call.receiver;
    }
    None
}

/// Returns the expression that makes the router.
fn value<'s>(server: &Server<'s>) -> Option<&'s Expr> {
    let router = &server.router;
    match (router.scope.last(), &router.variable) {
        (Some(Level::Statement(block, index)), Some(_)) => match &block.stmts[*index] {
            Stmt::Local(local) => Some(&local.init.as_ref()?.expr),
            _ => None,
        },
        _ => Some(router.expr),
    }
}

/// Returns the call of the function that makes the router, such as `app(pool)`.
fn maker<'s>(server: &Server<'s>) -> Option<&'s syn::ExprCall> {
    let mut made = value(server)?;
    loop {
        match made {
            Expr::MethodCall(call) => made = &call.receiver,
            Expr::Await(expr) => made = &expr.base,
            Expr::Try(expr) => made = &expr.expr,
            Expr::Call(call) => return Some(call),
            _ => return None,
        }
    }
}

/// Returns the parameter that a function gives to its router as the state, as its index and its
/// type: `pool` of `fn app(pool: PgPool)`.
pub(super) fn parameter(calls: &[StateCall], function: &str) -> Option<(usize, syn::Type)> {
    let mut of_function = calls.iter().filter_map(|state| {
        let signature = state.scope.iter().rev().find_map(|level| match level {
            Level::Function(signature, _) => Some(*signature),
            _ => None,
        })?;
        (signature.ident == function).then_some((state, signature))
    });
    let (state, signature) = of_function.next()?;
    if of_function.next().is_some() {
        return None;
    }
    let given = variable_of(state.call.args.first()?)?;
    let mut inputs = signature.inputs.iter().enumerate();
    inputs.find_map(|(index, input)| match input {
        FnArg::Typed(typed) if variable(&typed.pat).is_some_and(|name| *name == given) => {
            Some((index, (*typed.ty).clone()))
        }
        _ => None,
    })
}

/// Returns the statement at the end of `scope`, if variables of its block are visible where
/// `server` serves.
fn visible<'s>(server: &Server<'s>, scope: &[Level<'s>]) -> Option<Place<'s>> {
    let Some(Level::Statement(block, index)) = scope.last() else {
        return None;
    };
    let place = Place {
        block,
        index: *index,
    };
    let found = server.found.scope.iter().any(|level| {
        matches!(level, Level::Statement(other, at) if std::ptr::eq(*other, *block) && at >= index)
    });
    found.then_some(place)
}

/// Returns the variable in `state`, `state.clone()` or `Arc::clone(&state)`.
fn variable_of(expr: &Expr) -> Option<String> {
    match expr {
        Expr::MethodCall(call) if call.method == "clone" => variable_of(&call.receiver),
        Expr::Reference(expr) => variable_of(&expr.expr),
        Expr::Call(call) => match &*call.func {
            Expr::Path(path) if paths::last(&path.path) == "clone" => {
                variable_of(call.args.first()?)
            }
            _ => None,
        },
        _ => paths::variable(expr),
    }
}

/// Returns the type that the variable's `let` or the function's parameter names.
fn annotated(source: &Source, expr: &Expr, scope: &[Level]) -> Option<syn::Type> {
    let name = variable_of(expr)?;
    if let Some((_, _, local)) = local(scope, &name) {
        return match &local.pat {
            syn::Pat::Type(typed) if !source.slice(&*typed.ty).contains('_') => {
                Some((*typed.ty).clone())
            }
            _ => None,
        };
    }
    let signature = scope.iter().rev().find_map(|level| match level {
        Level::Function(signature, _) => Some(*signature),
        _ => None,
    })?;
    signature.inputs.iter().find_map(|input| match input {
        FnArg::Typed(typed) if variable(&typed.pat).is_some_and(|bound| *bound == name) => {
            Some((*typed.ty).clone())
        }
        _ => None,
    })
}

/// Returns the type that the file's handlers extract: `T` of `State<T>`, or of `FromRef<T>`.
///
/// Returns `None` if they extract several types.
fn extracted(source: &Source) -> Option<syn::Type> {
    struct Types<'a> {
        source: &'a Source<'a>,
        state: Vec<syn::Type>,
        whole: Vec<syn::Type>,
    }
    impl<'s> Visit<'s> for Types<'_> {
        fn visit_path_segment(&mut self, segment: &'s syn::PathSegment) {
            if let syn::PathArguments::AngleBracketed(arguments) = &segment.arguments
                && let Some(syn::GenericArgument::Type(ty)) = arguments.args.first()
            {
                let types = match &*segment.ident.to_string() {
                    "State" => &mut self.state,
                    "FromRef" => &mut self.whole,
                    _ => return visit::visit_path_segment(self, segment),
                };
                let text = self.source.slice(ty);
                if !types.iter().any(|known| self.source.slice(known) == text) {
                    types.push(ty.clone());
                }
            }
            visit::visit_path_segment(self, segment);
        }

        fn visit_generics(&mut self, _: &'s syn::Generics) {}
    }
    let mut types = Types {
        source,
        state: Vec::new(),
        whole: Vec::new(),
    };
    types.visit_file(&source.file);
    // `S: FromRef<..>` of an extractor for all states names no type of the app.
    let whole: Vec<_> = types
        .whole
        .into_iter()
        .filter(|ty| source.slice(ty).len() > 1)
        .collect();
    match (whole.as_slice(), types.state.as_slice()) {
        ([ty], _) | ([], [ty]) => Some(ty.clone()),
        _ => None,
    }
}

/// Returns the type of a value that is made by a struct's literal or by a function of its type.
fn made(source: &Source, expr: &Expr, scope: &[Level]) -> Option<syn::Type> {
    let path = match expr {
        Expr::Struct(expr) => expr.path.clone(),
        Expr::Try(expr) => return made(source, &expr.expr, scope),
        Expr::Await(expr) => return made(source, &expr.base, scope),
        Expr::MethodCall(call) => {
            let keeps = ["unwrap", "expect", "clone", "context"];
            if !keeps.iter().any(|name| call.method == name) {
                return None;
            }
            return made(source, &call.receiver, scope);
        }
        Expr::Path(path) => {
            let (block, index, local) = local(scope, &path.path.get_ident()?.to_string())?;
            let scope = super::flow::at(scope, block, index);
            return made(source, &local.init.as_ref()?.expr, &scope);
        }
        Expr::Call(call) => {
            let Expr::Path(path) = &*call.func else {
                return None;
            };
            let path = &path.path;
            if paths::ends_with(path, &["Arc", "new"]) {
                let inner = made(source, call.args.first()?, scope)?;
                let mut arc = path.clone();
                arc.segments.pop();
                arc.segments.pop_punct();
                return Some(syn::parse_quote!(#arc<#inner>));
            }
            // A function of another type, such as `PgPoolOptions::new()`, may make anything.
            let own = path.segments.iter().rev().nth(1)?.ident.to_string();
            let declared = source.file.items.iter().any(|item| match item {
                Item::Struct(item) => item.ident == own,
                Item::Enum(item) => item.ident == own,
                Item::Type(item) => item.ident == own,
                _ => false,
            });
            let method = paths::last(path);
            if !declared || !["new", "default", "from"].contains(&&*method) {
                return None;
            }
            let mut path = path.clone();
            path.segments.pop();
            path.segments.pop_punct();
            path
        }
        _ => return None,
    };
    Some(syn::Type::Path(syn::TypePath {
        attrs: Vec::new(),
        qself: None,
        path,
    }))
}

#[cfg(test)]
mod tests;
