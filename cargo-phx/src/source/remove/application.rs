//! Taking back the edits of `application::start`: a presence, and the mount of a socket.

use syn::visit::{self, Visit};
use syn::{Block, Expr, ExprMethodCall, ExprStruct, Fields, Item, Member, Pat, Stmt};

use super::{choose, end_with_comma, imports, mentions, remove_lines, run};
use crate::source::application::{self, NewPresence, NewSocket};
use crate::source::chain::{self, Chain};
use crate::source::{Edits, Outcome, Source, paths, state};

/// Removes a presence: its tracker, its field of the state, its supervision and its imports.
pub(crate) fn presence(source: &Source, presence: &NewPresence) -> Outcome {
    let NewPresence {
        field,
        name,
        import,
    } = presence;
    let removed = run(
        source,
        &[
            &|source| supervision(source, field),
            &|source| value(source, field),
            &|source| tracker(source, field, name),
            &|source| struct_field(source, field, name),
            &|source| imports::remove_unused(source, import),
            &|source| unused_tracker(source),
        ],
    );
    settle(source, removed, |source| {
        application::add_presence(source, presence)
    })
}

/// Removes the mount of a socket, and the state if the socket was its only use and it is empty.
pub(crate) fn mount(source: &Source, socket: &NewSocket) -> Outcome {
    let removed = run(
        source,
        &[&|source| mounted(source, &socket.name), &|source| {
            imports::remove_unused(source, &socket.import)
        }],
    );
    settle(source, removed, |source| {
        application::mount_socket(source, socket)
    })
}

/// Removes a state that is left without fields and uses, and prefers a chain on one line if the
/// insertion broke it.
fn settle(source: &Source, removed: Outcome, redo: impl Fn(&Source) -> Outcome) -> Outcome {
    let Outcome::Edited(text) = removed else {
        return removed;
    };
    let Some(current) = super::parse(&text) else {
        return Outcome::Unknown;
    };
    let text = match empty_state(&current) {
        Outcome::Edited(next) => next,
        _ => text.clone(),
    };
    let joined = super::parse(&text).and_then(|current| joined_chain(&current));
    let candidates = [joined, Some(text)].into_iter().flatten().collect();
    choose(source, candidates, redo)
}

/// Removes `let presence = Tracker::start(&pubsub, Presence);`.
fn tracker(source: &Source, field: &str, name: &str) -> Outcome {
    let Some(block) = application::start(source) else {
        return Outcome::Unchanged;
    };
    let statement = block.stmts.iter().find(|statement| {
        let Stmt::Local(local) = statement else {
            return false;
        };
        let (Pat::Ident(pat), Some(init)) = (&local.pat, &local.init) else {
            return false;
        };
        let init = source.slice(&*init.expr);
        pat.ident == field && mentions(init, "Tracker") && mentions(init, name)
    });
    let Some(statement) = statement else {
        return Outcome::Unchanged;
    };
    let mut edits = Edits::default();
    edits_of_statement(source, statement, &mut edits);
    Outcome::Edited(edits.apply(source.text()))
}

/// Removes the field from the `AppState { .. }` that `start` makes.
fn value(source: &Source, field: &str) -> Outcome {
    let literal = application::start(source).and_then(|block| state::literal(&block.stmts));
    let Some(literal) = literal else {
        return Outcome::Unchanged;
    };
    let is_ours =
        |value: &syn::FieldValue| matches!(&value.member, Member::Named(name) if name == field);
    let Some(ours) = literal.fields.iter().find(|value| is_ours(value)) else {
        return Outcome::Unchanged;
    };
    let candidates = without_field(source, literal, ours, |edits| edits.apply(source.text()));
    choose(source, candidates, |candidate| {
        let literal = application::start(candidate).and_then(|block| state::literal(&block.stmts));
        let Some(literal) = literal else {
            return Outcome::Unknown;
        };
        let mut edits = Edits::default();
        state::add_to_literal(candidate, literal, field, &mut edits);
        Outcome::Edited(edits.apply(candidate.text()))
    })
}

/// Returns the texts without one field of the value: on one line, and with the field's line cut.
fn without_field(
    source: &Source,
    literal: &ExprStruct,
    ours: &syn::FieldValue,
    apply: impl Fn(Edits) -> String,
) -> Vec<String> {
    let range = source.range(literal);
    let others: Vec<&str> = literal
        .fields
        .iter()
        .filter(|value| !std::ptr::eq(*value, ours))
        .map(|value| source.slice(value))
        .collect();
    let path = source.slice(&literal.path);
    let line = match others.join(", ") {
        others if others.is_empty() => format!("{path} {{}}"),
        others => format!("{path} {{ {others} }}"),
    };
    let mut on_one_line = Edits::default();
    on_one_line.replace(range.clone(), line);
    let several_lines = source.text()[range].contains('\n');
    if !several_lines || others.is_empty() {
        return vec![apply(on_one_line)];
    }
    let mut cut = Edits::default();
    remove_lines(
        source,
        source.range(ours).start..end_with_comma(source, ours),
        &mut cut,
    );
    vec![apply(cut), apply(on_one_line)]
}

/// Removes `pub presence: Tracker<Presence>,` from the struct.
fn struct_field(source: &Source, field: &str, name: &str) -> Outcome {
    let Some(item) = state::find(source) else {
        return Outcome::Unchanged;
    };
    let Fields::Named(fields) = &item.fields else {
        return Outcome::Unchanged;
    };
    let ours = state::presences(source)
        .into_iter()
        .any(|(at, ty)| at == field && ty == name);
    let found = fields.named.iter().find(|value| {
        value
            .ident
            .as_ref()
            .is_some_and(|ident| ident == field && ours)
    });
    let Some(found) = found else {
        return Outcome::Unchanged;
    };
    let range = source.range(found).start..end_with_comma(source, found);
    let braces = source.range(fields);
    let around = [
        &source.text()[braces.start + 1..range.start],
        &source.text()[range.end..braces.end - 1],
    ];
    let mut edits = Edits::default();
    if around.iter().all(|text| text.trim().is_empty()) {
        edits.replace(braces, "{}");
    } else {
        remove_lines(source, range, &mut edits);
    }
    Outcome::Edited(edits.apply(source.text()))
}

/// Removes `.supervise(&state.presence)`.
fn supervision(source: &Source, field: &str) -> Outcome {
    remove_call(source, |call| {
        call.method == "supervise"
            && matches!(call.args.first(), Some(Expr::Reference(reference))
                if matches!(&*reference.expr, Expr::Field(access)
                    if matches!(&access.member, Member::Named(name) if name == field)))
    })
}

/// Removes `.socket::<UserSocket>("/socket", state)`. If it took the state itself, the last of the
/// other sockets takes it now.
fn mounted(source: &Source, name: &str) -> Outcome {
    let is_ours = |call: &ExprMethodCall| {
        (call.method == "socket" || call.method == "socket_with")
            && chain::type_argument(call).is_some_and(|ty| ty == name)
    };
    run(
        source,
        &[&|source| remove_call(source, is_ours), &|source| {
            move_state(source)
        }],
    )
}

/// Lets the last socket of the chain take `state` and not `state.clone()`, if nothing else does.
fn move_state(source: &Source) -> Outcome {
    let Some(block) = application::start(source) else {
        return Outcome::Unchanged;
    };
    let Some(chain) = Chain::find(source, &block.stmts) else {
        return Outcome::Unchanged;
    };
    let sockets = chain.calls_of(&["socket", "socket_with"]);
    let clone = sockets
        .last()
        .and_then(|call| match call.args.iter().nth(1)? {
            Expr::MethodCall(clone) if clone.method == "clone" => Some(clone),
            _ => None,
        });
    let Some(clone) = clone else {
        return Outcome::Unchanged;
    };
    let Some(variable) = paths::variable(&clone.receiver) else {
        return Outcome::Unchanged;
    };
    let later = &source.text()[source.range(clone).end..source.range(block).end - 1];
    if mentions_loosely(later, &variable) {
        return Outcome::Unchanged;
    }
    let mut edits = Edits::default();
    edits.replace(source.range(clone), variable);
    Outcome::Edited(edits.apply(source.text()))
}

/// Returns whether a piece of code, which need not be whole, has the word `name`.
fn mentions_loosely(code: &str, name: &str) -> bool {
    code.split(|c: char| !c.is_alphanumeric() && c != '_')
        .any(|word| word == name)
}

/// Removes the first matching call of the chain that starts the endpoint.
fn remove_call(source: &Source, is_ours: impl Fn(&ExprMethodCall) -> bool) -> Outcome {
    let Some(block) = application::start(source) else {
        return Outcome::Unchanged;
    };
    let Some(chain) = Chain::find(source, &block.stmts) else {
        return Outcome::Unchanged;
    };
    let Some(call) = chain.calls.iter().find(|call| is_ours(call)) else {
        return Outcome::Unchanged;
    };
    let before = source.range(&*call.receiver).end;
    let dot = source.range(&call.dot_token).start;
    let end = source.range(*call).end;
    // A comment between the calls stays.
    let start = if source.text()[before..dot].trim().is_empty() {
        before
    } else {
        source.text()[..dot].trim_end().len()
    };
    let mut edits = Edits::default();
    edits.replace(start..end, "");
    Outcome::Edited(edits.apply(source.text()))
}

/// Returns the text with the chain on one line, if it has no call but `start`.
fn joined_chain(source: &Source) -> Option<String> {
    let block = application::start(source)?;
    let chain = Chain::find(source, &block.stmts)?;
    let [start] = chain.calls.as_slice() else {
        return None;
    };
    let statement = source.range(&block.stmts[chain.statement]);
    let root = source.range(chain.root).end;
    let dot = source.range(&start.dot_token).start;
    let mut edits = Edits::default();
    edits.replace(root..dot, "");
    let end = source.range(*start).end;
    let rest = &source.text()[end..statement.end];
    let tail = rest.trim_start();
    if tail.starts_with(".await") {
        edits.replace(end..end + (rest.len() - tail.len()), "");
    }
    Some(edits.apply(source.text()))
}

/// Removes `let state = AppState {};` if nothing uses it.
fn empty_state(source: &Source) -> Outcome {
    let Some(block) = application::start(source) else {
        return Outcome::Unchanged;
    };
    let state = application::state_variable(&block.stmts);
    let literal = state::literal(&block.stmts);
    let (Some((index, variable)), Some(literal)) = (state, literal) else {
        return Outcome::Unchanged;
    };
    let used = block.stmts[index + 1..]
        .iter()
        .any(|statement| mentions(source.slice(statement), &variable));
    if used || !literal.fields.is_empty() {
        return Outcome::Unchanged;
    }
    let mut edits = Edits::default();
    edits_of_statement(source, &block.stmts[index], &mut edits);
    Outcome::Edited(edits.apply(source.text()))
}

fn edits_of_statement(source: &Source, statement: &Stmt, edits: &mut Edits) {
    remove_lines(source, source.range(statement), edits);
}

/// Removes the import of `Tracker` if nothing uses it.
fn unused_tracker(source: &Source) -> Outcome {
    imports::remove_unused(source, "presence_channels::Tracker")
}

/// Returns the lines of `start` that use the variable `name`, but for those of a nested item.
pub(crate) fn variable_uses(source: &Source, name: &str) -> Vec<usize> {
    struct Uses<'n> {
        name: &'n str,
        offsets: Vec<usize>,
    }
    impl<'s> Visit<'s> for Uses<'_> {
        fn visit_expr_path(&mut self, path: &'s syn::ExprPath) {
            use syn::spanned::Spanned;
            if path.path.is_ident(self.name) {
                self.offsets.push(path.span().start().line);
            }
            visit::visit_expr_path(self, path);
        }
        fn visit_item(&mut self, _: &'s Item) {}
    }
    let mut uses = Uses {
        name,
        offsets: Vec::new(),
    };
    if let Some(block) = application::start(source) {
        let block: &Block = block;
        uses.visit_block(block);
    }
    uses.offsets
}

#[cfg(test)]
mod tests;
