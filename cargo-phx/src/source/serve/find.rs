//! Finds the places where a file serves, each with the code around it.

use syn::visit::{self, Visit};
use syn::{
    Attribute, Block, Expr, ExprAsync, ExprCall, ExprClosure, ExprForLoop, ExprLoop,
    ExprMethodCall, ExprWhile, File, ImplItemFn, Item, ItemFn, ItemMod, Pat, Signature, Stmt,
};

use super::flow::at;
use super::resolve::Resolver;
use crate::source::paths;

/// A place that serves requests.
pub(super) struct Found<'s> {
    pub(super) kind: Kind<'s>,
    /// The code around the place, from the outside in.
    pub(super) scope: Vec<Level<'s>>,
    /// The expressions around the place within its statement, from the outside in.
    pub(super) parents: Vec<&'s Expr>,
}

/// The way in which a place serves.
#[derive(Clone, Copy)]
pub(super) enum Kind<'s> {
    /// `axum::serve(listener, app)`.
    Axum(&'s ExprCall),
    /// `axum_server::bind(address).serve(app)`. This is the call of `serve`.
    AxumServer(&'s ExprMethodCall),
    /// A loop that accepts connections and hands each of them to hyper.
    Accept(Accept<'s>),
}

#[derive(Clone, Copy)]
pub(super) struct Accept<'s> {
    pub(super) body: &'s Block,
    /// The index of the statement in `body` that accepts.
    pub(super) statement: usize,
    /// `listener.accept().await` in that statement, or the `tokio::select!` in it that accepts.
    pub(super) accept: &'s Expr,
}

/// One level of the code around a place.
#[derive(Clone, Copy)]
pub(super) enum Level<'s> {
    Module,
    /// An item of a file, of a module or of a block.
    Item(&'s Item),
    Function(&'s Signature, &'s Block),
    Async,
    Closure,
    Loop,
    /// A `tokio::select!`, which drops the server when another branch ends.
    Select,
    /// The statement of this index in the block.
    Statement(&'s Block, usize),
}

impl<'s> Found<'s> {
    /// Returns the expression that is served, or `None` for a loop.
    pub(super) fn app(&self) -> Option<&'s Expr> {
        match self.kind {
            Kind::Axum(call) => call.args.iter().nth(1),
            Kind::AxumServer(call) => call.args.first(),
            Kind::Accept(_) => None,
        }
    }

    /// Returns the function around the place.
    pub(super) fn function(&self) -> Option<(&'s Signature, &'s Block)> {
        self.scope.iter().rev().find_map(|level| match level {
            Level::Function(signature, body) => Some((*signature, *body)),
            _ => None,
        })
    }
}

/// A call of `with_state`, and the code around it.
pub(super) struct StateCall<'s> {
    pub(super) call: &'s ExprMethodCall,
    pub(super) scope: Vec<Level<'s>>,
}

/// A call of a function by its name, and the code around it.
#[derive(Clone)]
pub(super) struct CallSite<'s> {
    pub(super) call: &'s ExprCall,
    pub(super) scope: Vec<Level<'s>>,
}

/// The places of a file that matter, without those in its tests.
#[derive(Default)]
pub(super) struct Places<'s> {
    /// The places that serve.
    pub(super) servers: Vec<Found<'s>>,
    pub(super) states: Vec<StateCall<'s>>,
    pub(super) calls: Vec<CallSite<'s>>,
}

/// Returns the places of a file.
pub(super) fn places<'s>(file: &'s File, crates: &'s Resolver) -> Places<'s> {
    let mut finder = Finder {
        crates,
        scope: Vec::new(),
        parents: Vec::new(),
        places: Places::default(),
    };
    finder.visit_file(file);
    finder.places
}

struct Finder<'s> {
    crates: &'s Resolver,
    scope: Vec<Level<'s>>,
    parents: Vec<&'s Expr>,
    places: Places<'s>,
}

impl<'s> Finder<'s> {
    fn within(&mut self, level: Level<'s>, visit: impl FnOnce(&mut Self)) {
        let parents = std::mem::take(&mut self.parents);
        self.scope.push(level);
        visit(self);
        self.scope.pop();
        self.parents = parents;
    }

    fn add(&mut self, kind: Kind<'s>) {
        self.places.servers.push(Found {
            kind,
            scope: self.scope.clone(),
            parents: self.parents.clone(),
        });
    }
}

impl<'s> Visit<'s> for Finder<'s> {
    fn visit_item(&mut self, item: &'s Item) {
        self.within(Level::Item(item), |finder| visit::visit_item(finder, item));
    }

    fn visit_item_mod(&mut self, module: &'s ItemMod) {
        if !is_test(&module.attrs) {
            self.within(Level::Module, |finder| {
                visit::visit_item_mod(finder, module);
            });
        }
    }

    fn visit_item_fn(&mut self, function: &'s ItemFn) {
        if !is_test(&function.attrs) {
            self.within(Level::Function(&function.sig, &function.block), |finder| {
                visit::visit_item_fn(finder, function);
            });
        }
    }

    fn visit_impl_item_fn(&mut self, function: &'s ImplItemFn) {
        self.within(Level::Function(&function.sig, &function.block), |finder| {
            visit::visit_impl_item_fn(finder, function);
        });
    }

    fn visit_block(&mut self, block: &'s Block) {
        for (index, stmt) in block.stmts.iter().enumerate() {
            self.within(Level::Statement(block, index), |finder| {
                finder.visit_stmt(stmt);
            });
        }
    }

    fn visit_expr(&mut self, expr: &'s Expr) {
        self.parents.push(expr);
        visit::visit_expr(self, expr);
        self.parents.pop();
    }

    fn visit_expr_async(&mut self, expr: &'s ExprAsync) {
        self.within(Level::Async, |finder| visit::visit_expr_async(finder, expr));
    }

    fn visit_expr_closure(&mut self, closure: &'s ExprClosure) {
        self.within(Level::Closure, |finder| {
            visit::visit_expr_closure(finder, closure);
        });
    }

    fn visit_expr_for_loop(&mut self, expr: &'s ExprForLoop) {
        self.within(Level::Loop, |finder| {
            visit::visit_expr_for_loop(finder, expr);
        });
    }

    fn visit_expr_while(&mut self, expr: &'s ExprWhile) {
        self.within(Level::Loop, |finder| visit::visit_expr_while(finder, expr));
    }

    fn visit_expr_loop(&mut self, expr: &'s ExprLoop) {
        if let Some(accept) = accept(&expr.body) {
            self.add(Kind::Accept(accept));
        }
        self.within(Level::Loop, |finder| visit::visit_expr_loop(finder, expr));
    }

    fn visit_expr_call(&mut self, call: &'s ExprCall) {
        let Expr::Path(path) = &*call.func else {
            return visit::visit_expr_call(self, call);
        };
        let path = &path.path;
        if path.get_ident().is_some() && !call.args.is_empty() {
            self.places.calls.push(CallSite {
                call,
                scope: self.scope.clone(),
            });
        }
        if call.args.len() == 2 && self.crates.is(path, &["axum", "serve"]) {
            self.add(Kind::Axum(call));
        }
        if paths::last(path) == "select" {
            self.within(Level::Select, |finder| visit::visit_expr_call(finder, call));
        } else {
            visit::visit_expr_call(self, call);
        }
    }

    fn visit_expr_method_call(&mut self, call: &'s ExprMethodCall) {
        if call.method == "serve"
            && call.args.len() == 1
            && self.is_axum_server(&call.receiver, &self.scope)
        {
            self.add(Kind::AxumServer(call));
        }
        if call.method == "with_state" && call.args.len() == 1 {
            self.places.states.push(StateCall {
                call,
                scope: self.scope.clone(),
            });
        }
        visit::visit_expr_method_call(self, call);
    }
}

impl Finder<'_> {
    /// Returns whether an expression makes a server of the crate `axum_server`: a chain of calls
    /// from one of its functions, or a variable with such a chain.
    fn is_axum_server(&self, expr: &Expr, scope: &[Level]) -> bool {
        match expr {
            Expr::MethodCall(call) => self.is_axum_server(&call.receiver, scope),
            Expr::Try(expr) => self.is_axum_server(&expr.expr, scope),
            Expr::Call(call) => match &*call.func {
                Expr::Path(path) => self.is_axum_server_function(&path.path),
                _ => false,
            },
            Expr::Path(path) => path.path.get_ident().is_some_and(|name| {
                let name = name.to_string();
                local(scope, &name).is_some_and(|(block, index, local)| {
                    // The variable may be made of an earlier one of the same name.
                    let scope = at(scope, block, index);
                    let init = local.init.as_ref();
                    init.is_some_and(|init| self.is_axum_server(&init.expr, &scope))
                })
            }),
            _ => false,
        }
    }

    fn is_axum_server_function(&self, path: &syn::Path) -> bool {
        let last = paths::last(path);
        self.crates.full(path)[0] == "axum_server"
            || paths::ends_with(path, &["Server", "bind"])
            || ["bind_rustls", "from_tcp_rustls", "bind_openssl"].contains(&&*last)
    }
}

/// Returns the `let` that binds the variable `name` at the end of `scope`, as its block, its index
/// and itself. Looks no further than the function.
pub(super) fn local<'s>(
    scope: &[Level<'s>],
    name: &str,
) -> Option<(&'s Block, usize, &'s syn::Local)> {
    for level in scope.iter().rev() {
        let (block, index) = match level {
            Level::Statement(block, index) => (block, *index),
            Level::Function(..) => return None,
            _ => continue,
        };
        for (index, stmt) in block.stmts[..index].iter().enumerate().rev() {
            if let Stmt::Local(local) = stmt
                && variable(&local.pat).is_some_and(|bound| bound == name)
            {
                return Some((block, index, local));
            }
        }
    }
    None
}

/// Returns the variable of a pattern such as `app`, `mut app` or `app: Router`.
pub(super) fn variable(pat: &Pat) -> Option<&syn::Ident> {
    match pat {
        Pat::Ident(pat) => Some(&pat.ident),
        Pat::Type(typed) => variable(&typed.pat),
        _ => None,
    }
}

/// Returns whether an item is a test or a module of tests.
pub(super) fn is_test(attrs: &[Attribute]) -> bool {
    attrs.iter().any(|attr| {
        let is_cfg_test = attr.path().is_ident("cfg")
            && attr
                .parse_args::<syn::Path>()
                .is_ok_and(|path| path.is_ident("test"));
        is_cfg_test || paths::last(attr.path()) == "test"
    })
}

/// Returns the statement of a loop's body that accepts a connection, if the body hands connections
/// to hyper.
fn accept(body: &Block) -> Option<Accept<'_>> {
    let mut hyper = Hyper(false);
    hyper.visit_block(body);
    if !hyper.0 {
        return None;
    }
    body.stmts.iter().enumerate().find_map(|(statement, stmt)| {
        let mut accepts = Accepts(None);
        accepts.visit_stmt(stmt);
        Some(Accept {
            body,
            statement,
            accept: accepts.0?,
        })
    })
}

/// Finds hyper's call that serves one connection.
struct Hyper(bool);

impl<'s> Visit<'s> for Hyper {
    fn visit_expr_method_call(&mut self, call: &'s ExprMethodCall) {
        self.0 |=
            call.method == "serve_connection" || call.method == "serve_connection_with_upgrades";
        visit::visit_expr_method_call(self, call);
    }
}

/// Finds `listener.accept().await` in a statement, but not in a block or closure within it, or a
/// `tokio::select!` that accepts.
struct Accepts<'s>(Option<&'s Expr>);

impl<'s> Visit<'s> for Accepts<'s> {
    fn visit_block(&mut self, _: &'s Block) {}
    fn visit_expr_closure(&mut self, _: &'s ExprClosure) {}
    fn visit_expr_async(&mut self, _: &'s ExprAsync) {}

    fn visit_expr(&mut self, expr: &'s Expr) {
        let found = match expr {
            Expr::Await(awaited) => is_accept(&awaited.base),
            Expr::Call(call) => {
                let is_select =
                    matches!(&*call.func, Expr::Path(path) if paths::last(&path.path) == "select");
                is_select && call.args.iter().any(is_accept)
            }
            _ => false,
        };
        if found {
            self.0 = Some(expr);
        } else {
            visit::visit_expr(self, expr);
        }
    }
}

/// Returns whether an expression is `listener.accept()`.
pub(super) fn is_accept(expr: &Expr) -> bool {
    matches!(expr, Expr::MethodCall(call) if call.method == "accept" && call.args.is_empty())
}
