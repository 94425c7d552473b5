//! Edits of `application::start`: adds a presence to the supervision tree, mounts a socket.

use syn::visit::{self, Visit};
use syn::{Block, Item, Stmt};

use super::chain::{self, Chain};
use super::{Edits, Outcome, Source, imports, state};

/// A presence to start: `presence: Tracker<Presence>`.
pub(crate) struct NewPresence {
    /// The field of the state, and the variable in `start`.
    pub(crate) field: String,
    /// The name of the type.
    pub(crate) name: String,
    /// The path to import the type from.
    pub(crate) import: String,
}

/// A socket to mount.
pub(crate) struct NewSocket {
    /// The name of the type.
    pub(crate) name: String,
    /// The path to import the type from.
    pub(crate) import: String,
    /// The URL path to mount the socket at if `/socket` is taken.
    pub(crate) second_path: String,
}

/// A step of a larger edit. It sees the text that the steps before it left. If one step finds no
/// place, the file stays as it was.
pub(super) type EditStep<'a> = &'a dyn Fn(&Source) -> Outcome;

/// Starts a presence, hands it to the state, and has the endpoint supervise it.
pub(crate) fn add_presence(source: &Source, presence: &NewPresence) -> Outcome {
    let field_type = format!("Tracker<{}>", presence.name);
    run(
        source,
        &[
            &|source| start_tracker(source, presence),
            &|source| state::add_field(source, &presence.field, &field_type),
            &|source| supervise(source, &presence.field),
            &|source| imports::add(source, "presence_channels::Tracker"),
            &|source| imports::add(source, &presence.import),
        ],
    )
}

/// Mounts a socket at `/socket`, or at its second path if that one is taken.
pub(crate) fn mount_socket(source: &Source, socket: &NewSocket) -> Outcome {
    run(
        source,
        &[
            &|source| make_state(source),
            &|source| mount(source, socket),
            &|source| imports::add(source, &socket.import),
        ],
    )
}

/// Returns the path at which `socket` is mounted, or else a free path: `/socket`, the socket's
/// second path, or that with a number. Finds mounts in every shape of code.
pub(crate) fn mount_path(source: &Source, socket: &NewSocket) -> String {
    let mounts = Mounts::of(source);
    if let Some((_, path)) = mounts.0.iter().find(|(name, _)| *name == socket.name) {
        return path.clone();
    }
    let numbered = (2..).map(|number| format!("{}_{number}", socket.second_path));
    ["/socket".to_owned(), socket.second_path.clone()]
        .into_iter()
        .chain(numbered)
        .find(|free| mounts.0.iter().all(|(_, path)| path != free))
        .unwrap_or_default()
}

/// The sockets that a file mounts, as (type, path).
#[derive(Default)]
struct Mounts(Vec<(String, String)>);

impl Mounts {
    fn of(source: &Source) -> Mounts {
        let mut mounts = Mounts::default();
        mounts.visit_file(&source.file);
        mounts
    }
}

impl<'s> Visit<'s> for Mounts {
    fn visit_expr_method_call(&mut self, call: &'s syn::ExprMethodCall) {
        visit::visit_expr_method_call(self, call);
        let is_mount = SOCKET.iter().any(|name| call.method == name);
        if let (true, Some(name), Some(syn::Expr::Lit(path))) =
            (is_mount, chain::type_argument(call), call.args.first())
            && let syn::Lit::Str(path) = &path.lit
        {
            self.0.push((name, path.value()));
        }
    }
}

const SOCKET: &[&str] = &["socket", "socket_with"];

pub(super) fn run(source: &Source, steps: &[EditStep]) -> Outcome {
    let mut text = source.text().to_owned();
    for step in steps {
        let path = std::path::Path::new("application.rs");
        let Ok(current) = Source::parse(path, &text) else {
            return Outcome::Unknown;
        };
        match step(&current) {
            Outcome::Unchanged => {}
            Outcome::Edited(next) => text = next,
            Outcome::Unknown => return Outcome::Unknown,
        }
    }
    if text == source.text() {
        Outcome::Unchanged
    } else {
        Outcome::Edited(text)
    }
}

/// Returns the body of `start`.
pub(super) fn start<'s>(source: &'s Source) -> Option<&'s Block> {
    source.file.items.iter().find_map(|item| match item {
        Item::Fn(item) if item.sig.ident == "start" => Some(&*item.block),
        _ => None,
    })
}

/// Returns the statement that makes the state, as its index and its variable.
pub(super) fn state_variable(statements: &[Stmt]) -> Option<(usize, String)> {
    statements.iter().enumerate().find_map(|(index, stmt)| {
        let (Stmt::Local(local), literal) = (stmt, state::literal(std::slice::from_ref(stmt))?)
        else {
            return None;
        };
        let init = &local.init.as_ref()?.expr;
        let direct = matches!(&**init, syn::Expr::Struct(expr) if std::ptr::eq(expr, literal));
        let syn::Pat::Ident(pat) = &local.pat else {
            return None;
        };
        direct.then(|| (index, pat.ident.to_string()))
    })
}

/// Returns the variable that holds the state, also if a call made the state:
/// `let state = AppState::new(db);`.
pub(super) fn any_state_variable(statements: &[Stmt]) -> Option<String> {
    state_variable(statements)
        .map(|(_, name)| name)
        .or_else(|| {
            statements.iter().find_map(|stmt| match stmt {
                Stmt::Local(local) => match &local.pat {
                    syn::Pat::Ident(pat) if pat.ident == "state" => Some("state".to_owned()),
                    _ => None,
                },
                _ => None,
            })
        })
}

/// Inserts `let state = AppState {};` if no statement makes a state yet.
pub(super) fn make_state(source: &Source) -> Outcome {
    let Some(block) = start(source) else {
        return Outcome::Unknown;
    };
    if any_state_variable(&block.stmts).is_some() {
        return Outcome::Unchanged;
    }
    let Some(chain) = Chain::find(source, &block.stmts) else {
        return Outcome::Unknown;
    };
    // Only the user knows the values of fields that exist.
    let no_fields = state::find(source)
        .is_some_and(|item| matches!(item.fields, syn::Fields::Named(_)) && item.fields.is_empty());
    if !no_fields {
        return Outcome::Unknown;
    }
    let mut edits = Edits::default();
    insert_statement(
        source,
        block,
        chain.statement,
        "let state = AppState {};",
        &mut edits,
    );
    Outcome::Edited(edits.apply(source.text()))
}

/// Inserts `let presence = Tracker::start(&pubsub, Presence);`, and adds the tracker to the state.
fn start_tracker(source: &Source, presence: &NewPresence) -> Outcome {
    let field = &presence.field;
    let Some(block) = start(source) else {
        return Outcome::Unknown;
    };
    let Some(chain) = Chain::find(source, &block.stmts) else {
        return Outcome::Unknown;
    };
    let literal = state::literal(&block.stmts);
    let has_field = |literal: &syn::ExprStruct| {
        literal
            .fields
            .iter()
            .any(|value| matches!(&value.member, syn::Member::Named(name) if name == field))
    };
    if literal.is_some_and(has_field) {
        return Outcome::Unchanged;
    }
    let Some(pubsub) = chain.pubsub() else {
        return Outcome::Unknown;
    };

    let tracker = format!(
        "let {field} = Tracker::start(&{pubsub}, {});",
        presence.name
    );
    let mut edits = Edits::default();
    if let Some(literal) = literal {
        let Some((statement, _)) = state_variable(&block.stmts) else {
            return Outcome::Unknown;
        };
        if !defines(&block.stmts[..statement], &pubsub) {
            return Outcome::Unknown;
        }
        insert_statement(source, block, statement, &tracker, &mut edits);
        state::add_to_literal(source, literal, field, &mut edits);
    } else if make_state(source) == Outcome::Unknown || any_state_variable(&block.stmts).is_some() {
        return Outcome::Unknown;
    } else {
        let indent = source.indent(source.range(&block.stmts[chain.statement]).start);
        let lines = format!("{tracker}\n{indent}let state = AppState {{ {field} }};");
        insert_statement(source, block, chain.statement, &lines, &mut edits);
    }
    Outcome::Edited(edits.apply(source.text()))
}

/// Inserts `.supervise(&state.presence)`.
fn supervise(source: &Source, field: &str) -> Outcome {
    let Some((chain, state)) = chain_and_state(source) else {
        return Outcome::Unknown;
    };
    let supervised = |call: &syn::ExprMethodCall| match call.args.first() {
        Some(syn::Expr::Reference(reference)) => match &*reference.expr {
            syn::Expr::Field(access) => {
                matches!(&access.member, syn::Member::Named(name) if name == field)
            }
            _ => false,
        },
        _ => false,
    };
    let before = chain.calls_of(&["supervise"]);
    if before.iter().any(|call| supervised(call)) {
        return Outcome::Unchanged;
    }
    // The endpoint stops its presences in the opposite order, so the new one is the first to stop.
    let last = chain
        .calls
        .iter()
        .rposition(|call| call.method == "supervise");
    let at = last.map_or(0, |last| last + 1);
    let mut edits = Edits::default();
    chain.insert(
        source,
        at,
        &format!(".supervise(&{state}.{field})"),
        &mut edits,
    );
    Outcome::Edited(edits.apply(source.text()))
}

/// Inserts `.socket::<UserSocket>("/socket", state)`.
fn mount(source: &Source, socket: &NewSocket) -> Outcome {
    let Some((chain, state)) = chain_and_state(source) else {
        return Outcome::Unknown;
    };
    let sockets = chain.calls_of(SOCKET);
    let is_mounted = |call: &&syn::ExprMethodCall| {
        chain::type_argument(call).is_some_and(|name| name == socket.name)
    };
    if sockets.iter().any(is_mounted) {
        return Outcome::Unchanged;
    }
    let path = mount_path(source, socket);
    // The last socket in the chain takes the state itself. A further socket goes before it and
    // takes a clone.
    let first = chain
        .calls
        .iter()
        .position(|call| SOCKET.iter().any(|name| call.method == name));
    let (at, state) = match first {
        Some(first) => (first, format!("{state}.clone()")),
        None => (chain.calls.len() - 1, state),
    };
    let call = format!(".socket::<{}>(\"{path}\", {state})", socket.name);
    let mut edits = Edits::default();
    chain.insert(source, at, &call, &mut edits);
    Outcome::Edited(edits.apply(source.text()))
}

fn chain_and_state<'s>(source: &'s Source) -> Option<(Chain<'s>, String)> {
    let block = start(source)?;
    Some((
        Chain::find(source, &block.stmts)?,
        any_state_variable(&block.stmts)?,
    ))
}

/// Returns whether one of the statements binds `variable`.
fn defines(statements: &[Stmt], variable: &str) -> bool {
    statements.iter().any(|stmt| match stmt {
        Stmt::Local(local) => match &local.pat {
            syn::Pat::Ident(pat) => pat.ident == variable,
            syn::Pat::Type(typed) => {
                matches!(&*typed.pat, syn::Pat::Ident(pat) if pat.ident == variable)
            }
            _ => false,
        },
        _ => false,
    })
}

/// Inserts a statement before the statement at `index`, right after its predecessor. Comments and
/// blank lines above the statement at `index` stay with it.
pub(super) fn insert_statement(
    source: &Source,
    block: &Block,
    index: usize,
    new: &str,
    edits: &mut Edits,
) {
    let next = source.range(&block.stmts[index]).start;
    let indent = source.indent(next);
    if let Some(previous) = index.checked_sub(1) {
        let end = source.line_end(source.range(&block.stmts[previous]).end);
        edits.insert(end, format!("\n{indent}{new}"));
    } else {
        edits.insert(source.line_start(next), format!("{indent}{new}\n"));
    }
}

#[cfg(test)]
mod tests;
