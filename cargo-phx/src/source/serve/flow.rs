//! Follows a served expression back to the router in it.

use std::path::Path;

use syn::{Block, Expr, ExprMethodCall, FnArg, Signature, Stmt, Type};

use super::find::{Level, local, variable};
use super::resolve::Resolver;
use crate::source::{Source, paths};

/// The functions of the project, beyond the file.
pub(crate) trait Functions {
    /// Returns the return type of the function `name`, without white space.
    ///
    /// Returns `None` if the project has no such function.
    fn return_type(&self, name: &str) -> Option<String>;

    /// Returns the parameter that the function `name` gives to its router as the state, as its
    /// index and its type. The module `application` can name the type.
    ///
    /// Returns `None` if the project has no such function.
    fn state_parameter(&self, _name: &str) -> Option<(usize, String)> {
        None
    }

    /// Returns the name by which code of the project names the crate of `package`.
    fn crate_name(&self, package: &str) -> String {
        package.replace('-', "_")
    }

    /// Returns the text of a file of the project.
    ///
    /// Returns `None` if the project has no such file.
    fn text(&self, _path: &Path) -> Option<String> {
        None
    }
}

/// A router in the code.
#[derive(Clone)]
pub(super) struct Router<'s> {
    /// The expression that makes the router, or the variable that holds it.
    pub(super) expr: &'s Expr,
    /// The place where `expr` stands.
    pub(super) scope: Vec<Level<'s>>,
    /// The variable that holds the router.
    pub(super) variable: Option<Variable<'s>>,
    /// The way from the router to what is served.
    pub(super) way: Way,
    /// The call `router.into_make_service_with_connect_info::<..>()` that is served.
    pub(super) service: Option<&'s ExprMethodCall>,
}

#[derive(Clone)]
pub(super) enum Variable<'s> {
    /// A `let` in this block, at this index.
    Local(String, &'s Block, usize),
    /// A parameter of the function.
    Parameter(String),
}

/// The way from a router to what is served.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// The router itself.
    Direct,
    /// A service that `into_make_service` or its like makes of the router.
    Service,
    /// The router is wrapped in a service.
    Wrapped,
}

impl Variable<'_> {
    pub(super) fn name(&self) -> &str {
        match self {
            Variable::Local(name, ..) | Variable::Parameter(name) => name,
        }
    }
}

/// The methods of a `Router` that return a `Router`.
const ROUTER_METHODS: &[&str] = &[
    "clone",
    "fallback",
    "fallback_service",
    "layer",
    "merge",
    "method_not_allowed_fallback",
    "nest",
    "nest_service",
    "reset_fallback",
    "route",
    "route_layer",
    "route_service",
    "with_state",
    "without_v07_checks",
];

/// The analysis of one file.
pub(super) struct Flow<'a> {
    pub(super) source: &'a Source<'a>,
    pub(super) functions: &'a dyn Functions,
    pub(super) crates: &'a Resolver,
}

impl Flow<'_> {
    /// Returns the router in `expr`, which stands at the end of `scope`.
    pub(super) fn router<'s>(&self, expr: &'s Expr, scope: &[Level<'s>]) -> Option<Router<'s>> {
        let here = |way| Router {
            expr,
            scope: scope.to_vec(),
            variable: None,
            way,
            service: None,
        };
        match expr {
            Expr::Paren(inner) => self.router(&inner.expr, scope),
            Expr::Group(inner) => self.router(&inner.expr, scope),
            Expr::Reference(inner) => self.router(&inner.expr, scope),
            Expr::Try(inner) => self.router(&inner.expr, scope).map(|router| Router {
                expr: if router.variable.is_none() {
                    expr
                } else {
                    router.expr
                },
                ..router
            }),
            Expr::Await(inner) => {
                let router = self.router(&inner.base, scope)?;
                Some(Router {
                    expr: if router.variable.is_none() {
                        expr
                    } else {
                        router.expr
                    },
                    ..router
                })
            }
            Expr::Path(path) => self.variable(expr, &path.path.get_ident()?.to_string(), scope),
            Expr::MethodCall(call) => {
                let method = call.method.to_string();
                let receiver = self.router(&call.receiver, scope);
                match (&*method, receiver) {
                    ("unwrap" | "expect" | "context" | "with_context", Some(router)) => {
                        let inline = router.variable.is_none() && router.way == Way::Direct;
                        Some(Router {
                            expr: if inline { expr } else { router.expr },
                            ..router
                        })
                    }
                    ("clone", Some(router)) => Some(router),
                    ("into_make_service" | "into_make_service_with_connect_info", Some(router)) => {
                        let way = match router.way {
                            Way::Direct => Way::Service,
                            _ => Way::Wrapped,
                        };
                        let service = Some(call);
                        Some(Router {
                            way,
                            service,
                            ..router
                        })
                    }
                    (method, Some(router)) if router.way == Way::Direct => {
                        if ROUTER_METHODS.contains(&method) {
                            Some(here(Way::Direct))
                        } else {
                            Some(Router {
                                way: Way::Wrapped,
                                ..router
                            })
                        }
                    }
                    (_, Some(router)) => Some(Router {
                        way: Way::Wrapped,
                        ..router
                    }),
                    (_, None) if self.returns_router(&method) => Some(here(Way::Direct)),
                    (_, None) => self.wrapped(call.args.iter(), scope),
                }
            }
            Expr::Call(call) => {
                let Expr::Path(path) = &*call.func else {
                    return None;
                };
                let path = &path.path;
                let name = paths::last(path);
                let is_constructor = ["new", "default"]
                    .iter()
                    .any(|name| self.crates.ends_with(path, &["Router", name]));
                if is_constructor || self.returns_router(&name) {
                    return Some(here(Way::Direct));
                }
                self.wrapped(call.args.iter(), scope)
            }
            Expr::Field(field) => self
                .field_type(field)
                .is_some_and(|ty| is_router_type(self.source, ty))
                .then(|| here(Way::Direct)),
            Expr::Tuple(tuple) => self.wrapped(tuple.elems.iter(), scope),
            Expr::Array(array) => self.wrapped(array.elems.iter(), scope),
            Expr::Struct(expr) => self.wrapped(expr.fields.iter().map(|field| &field.expr), scope),
            Expr::If(_) | Expr::Match(_) | Expr::Block(_) => tails(expr)
                .into_iter()
                .all(|tail| self.is_router(tail, scope))
                .then(|| here(Way::Direct)),
            _ => None,
        }
    }

    fn is_router<'s>(&self, expr: &'s Expr, scope: &[Level<'s>]) -> bool {
        self.router(expr, scope)
            .is_some_and(|router| router.way == Way::Direct)
    }

    /// Returns the router in one of the arguments of a call that makes a service of it.
    fn wrapped<'s>(
        &self,
        mut arguments: impl Iterator<Item = &'s Expr>,
        scope: &[Level<'s>],
    ) -> Option<Router<'s>> {
        arguments
            .find_map(|argument| self.router(argument, scope))
            .map(|router| Router {
                way: Way::Wrapped,
                ..router
            })
    }

    fn variable<'s>(&self, expr: &'s Expr, name: &str, scope: &[Level<'s>]) -> Option<Router<'s>> {
        if let Some((block, index, local)) = local(scope, name) {
            let held = Variable::Local(name.to_owned(), block, index);
            let scope = at(scope, block, index);
            let router = local
                .init
                .as_ref()
                .and_then(|init| self.router(&init.expr, &scope));
            let typed = matches!(&local.pat, syn::Pat::Type(typed) if is_router_type(self.source, &typed.ty));
            return match router {
                Some(router) if router.way == Way::Direct => Some(Router {
                    expr,
                    scope,
                    variable: Some(held),
                    way: router.way,
                    service: None,
                }),
                _ if typed => Some(Router {
                    expr,
                    scope,
                    variable: Some(held),
                    way: Way::Direct,
                    service: None,
                }),
                // The variable holds a service of the router.
                Some(router) => Some(Router {
                    way: Way::Wrapped,
                    ..router
                }),
                None => None,
            };
        }
        if let Some(made) = split(scope, name) {
            return Some(Router {
                expr,
                scope: scope.to_vec(),
                variable: Some(made),
                way: Way::Direct,
                service: None,
            });
        }
        let signature = function(scope)?;
        signature.inputs.iter().find_map(|input| match input {
            FnArg::Typed(typed) if variable(&typed.pat).is_some_and(|bound| bound == name) => {
                is_router_type(self.source, &typed.ty).then(|| Router {
                    expr,
                    scope: scope.to_vec(),
                    variable: Some(Variable::Parameter(name.to_owned())),
                    way: Way::Direct,
                    service: None,
                })
            }
            _ => None,
        })
    }

    /// Returns the only router that is made in the function before the end of `scope`, and the
    /// number of its routes. It counts as used before that end.
    pub(super) fn local_router<'s>(&self, scope: &[Level<'s>]) -> Option<(Router<'s>, usize)> {
        let mut found = Vec::new();
        for level in scope.iter().rev() {
            let (block, index) = match level {
                Level::Statement(block, index) => (*block, *index),
                Level::Function(..) => break,
                _ => continue,
            };
            for (index, stmt) in block.stmts[..index].iter().enumerate() {
                let Stmt::Local(local) = stmt else { continue };
                let (Some(init), Some(name)) = (&local.init, variable(&local.pat)) else {
                    continue;
                };
                let scope = at(scope, block, index);
                let Some(mut router) = self.router(&init.expr, &scope) else {
                    continue;
                };
                let routes = self.routes(router.expr, &router.scope);
                if router.variable.is_none() && router.way == Way::Direct {
                    let held = Variable::Local(name.to_string(), block, index);
                    router.variable = Some(held);
                } else if router.variable.is_some() && router.way != Way::Direct {
                    // The variable holds a service of a router that is found already.
                    continue;
                }
                router.way = Way::Wrapped;
                found.push((router, routes));
            }
        }
        // A later `let app = app.layer(..);` is the same router.
        let last = found.pop()?;
        let same = |(router, _): &(Router, usize)| {
            router.variable.as_ref().map(Variable::name)
                == last.0.variable.as_ref().map(Variable::name)
        };
        found.iter().all(same).then_some(last)
    }

    /// Returns the type of a field such as `self.router`, if the structs of the file have one of
    /// that name.
    pub(super) fn field_type(&self, field: &syn::ExprField) -> Option<&Type> {
        let syn::Member::Named(name) = &field.member else {
            return None;
        };
        let mut found = self.source.file.items.iter().filter_map(|item| match item {
            syn::Item::Struct(item) => item
                .fields
                .iter()
                .find(|field| field.ident.as_ref() == Some(name)),
            _ => None,
        });
        let field = found.next()?;
        found.next().is_none().then_some(&field.ty)
    }

    /// Returns whether a function is known to return a router, or is named as if it did.
    fn returns_router(&self, name: &str) -> bool {
        match self.functions.return_type(name) {
            Some(ty) => is_router_text(&ty),
            // A function of another crate.
            None => ["router", "routes"].iter().any(|word| name.contains(word)),
        }
    }
}

/// Returns the scope of the statement at `index` of `block`, which is around or before the end of
/// `scope`.
pub(super) fn at<'s>(scope: &[Level<'s>], block: &'s Block, index: usize) -> Vec<Level<'s>> {
    let depth = scope
        .iter()
        .rposition(
            |level| matches!(level, Level::Statement(other, _) if std::ptr::eq(*other, block)),
        )
        .unwrap_or(scope.len());
    let mut result = scope[..depth].to_vec();
    result.push(Level::Statement(block, index));
    result
}

pub(super) fn function<'s>(scope: &[Level<'s>]) -> Option<&'s Signature> {
    scope.iter().rev().find_map(|level| match level {
        Level::Function(signature, _) => Some(*signature),
        _ => None,
    })
}

/// Returns the variable of `let (router, api) = ...split_for_parts();`, as utoipa's router has it.
fn split<'s>(scope: &[Level<'s>], name: &str) -> Option<Variable<'s>> {
    scope.iter().rev().find_map(|level| {
        let Level::Statement(block, index) = level else {
            return None;
        };
        let (index, _) = block.stmts[..*index].iter().enumerate().rev().find(|(_, stmt)| {
            let Stmt::Local(local) = stmt else { return false };
            let syn::Pat::Tuple(tuple) = &local.pat else { return false };
            let first = tuple.elems.first().and_then(variable);
            let splits = local.init.as_ref().is_some_and(
                |init| matches!(&*init.expr, Expr::MethodCall(call) if call.method == "split_for_parts"),
            );
            splits && first.is_some_and(|first| first == name)
        })?;
        Some(Variable::Local(name.to_owned(), block, index))
    })
}

fn is_router_type(source: &Source, ty: &Type) -> bool {
    let text: String = source.slice(ty).split_whitespace().collect();
    is_router_text(&text)
}

/// Returns whether a type without white space is `Router`, or a `Result` of one.
fn is_router_text(ty: &str) -> bool {
    let mut ty = ty;
    if let Some((name, rest)) = ty.split_once('<')
        && name.rsplit("::").next() == Some("Result")
    {
        ty = rest.split([',', '>']).next().unwrap_or(rest);
    }
    let ty = ty.strip_suffix("<()>").unwrap_or(ty);
    ty.rsplit("::").next() == Some("Router")
}

/// Returns the expressions that an expression may evaluate to.
pub(super) fn tails(expr: &Expr) -> Vec<&Expr> {
    match expr {
        Expr::Block(block) => last(&block.block),
        Expr::If(expr) => {
            let mut found = last(&expr.then_branch);
            found.extend(expr.else_branch.iter().flat_map(|(_, expr)| tails(expr)));
            found
        }
        Expr::Match(expr) => {
            let arms = expr.arms.iter();
            arms.flat_map(|arm| tails(&arm.body)).collect()
        }
        _ => vec![expr],
    }
}

fn last(block: &Block) -> Vec<&Expr> {
    match block.stmts.last() {
        Some(Stmt::Expr(expr, None)) => tails(expr),
        _ => Vec::new(),
    }
}
