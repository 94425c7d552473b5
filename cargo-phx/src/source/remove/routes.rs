//! Taking back a route: `routes.channel::<RoomChannel>("room:*");`.

use syn::{Expr, ExprMethodCall, FnArg, ImplItemFn, Pat, Stmt};

use super::{choose, mentions, remove_lines, without_lines};
use crate::source::{Edits, Outcome, Source, chain, routes};

/// Removes the statements that route to `channel` from `socket`. The argument of a function without
/// routes becomes unused again.
pub(crate) fn remove(source: &Source, socket: &str, channel: &str) -> Outcome {
    let Some(function) = routes::routes_function(source, socket) else {
        return Outcome::Unchanged;
    };
    let routed = function.block.stmts.iter().find_map(|statement| {
        let call = route(statement, channel)?;
        Some((statement, call))
    });
    let Some((statement, call)) = routed else {
        // A route within another statement is left to the user.
        let elsewhere = routes::routes(function)
            .iter()
            .any(|call| chain::type_argument(call).as_deref() == Some(channel));
        return if elsewhere {
            Outcome::Unknown
        } else {
            Outcome::Unchanged
        };
    };
    let calls = routes::routes(function);
    let candidates = if calls.len() == 1 {
        emptied(source, function, statement)
    } else {
        without_lines(source, source.range(statement))
    };
    let pattern = match call.args.first() {
        Some(Expr::Lit(literal)) => match &literal.lit {
            syn::Lit::Str(pattern) => pattern.value(),
            _ => String::new(),
        },
        _ => String::new(),
    };
    choose(source, candidates, |candidate| {
        routes::add_call(candidate, socket, channel, &pattern)
    })
}

/// Returns the call of a statement that routes to `channel` and does nothing else.
fn route<'s>(statement: &'s Stmt, channel: &str) -> Option<&'s ExprMethodCall> {
    match statement {
        Stmt::Expr(Expr::MethodCall(call), _)
            if call.method == "channel"
                && matches!(&*call.receiver, Expr::Path(_))
                && chain::type_argument(call).as_deref() == Some(channel) =>
        {
            Some(call)
        }
        _ => None,
    }
}

/// Returns the texts without the last route: the body becomes `{}` if nothing else is in it, and
/// the argument gets its `_` if the body no longer uses it.
fn emptied(source: &Source, function: &ImplItemFn, statement: &Stmt) -> Vec<String> {
    let range = source.range(statement);
    let body = source.range(&function.block);
    let (open, close) = (body.start + 1, body.end - 1);
    let others = [
        &source.text()[open..range.start],
        &source.text()[range.end..close],
    ];
    let mut edits = Edits::default();
    if let Some(FnArg::Typed(argument)) = function.sig.inputs.first()
        && let Pat::Ident(variable) = &*argument.pat
    {
        let name = variable.ident.to_string();
        let used = others.iter().any(|other| mentions(other, &name));
        if !used && !name.starts_with('_') {
            edits.insert(source.range(&variable.ident).start, "_");
        }
    }
    if others.iter().all(|other| other.trim().is_empty()) {
        edits.replace(open..close, "");
    } else {
        remove_lines(source, range, &mut edits);
    }
    vec![edits.apply(source.text())]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::remove::testing::{removed, undone};

    const FRESH: &str = "\
impl presence_channels::UserSocket for UserSocket {
    type State = AppState;

    /// Routes each topic to its channel.
    fn channels(_routes: &mut Routes<Self>) {}
}
";

    #[track_caller]
    fn takes_back(text: &str) {
        undone(
            text,
            |source| routes::add_call(source, "UserSocket", "RoomChannel", "room:*"),
            |source| remove(source, "UserSocket", "RoomChannel"),
        );
    }

    #[test]
    fn a_route_is_taken_back() {
        takes_back(FRESH);
        takes_back(&FRESH.replace("{}\n}", "{\n        // None yet.\n    }\n}"));
        let one = FRESH.replace(
            "(_routes: &mut Routes<Self>) {}",
            "(r: &mut Routes<Self>) {\n        // Chats.\n        \
             r.channel::<ChatChannel>(\"chat:*\");\n    }",
        );
        takes_back(&one);
    }

    #[test]
    fn the_first_of_two_routes_leaves_the_other() {
        let text = FRESH.replace(
            "(_routes: &mut Routes<Self>) {}",
            "(routes: &mut Routes<Self>) {\n        routes.channel::<RoomChannel>(\"room:*\");\n        \
             routes.channel::<ChatChannel>(\"chat:*\");\n    }",
        );
        let left = removed(&text, |source| remove(source, "UserSocket", "RoomChannel"));
        assert!(
            left.contains("{\n        routes.channel::<ChatChannel>(\"chat:*\");\n    }\n"),
            "{left}"
        );
    }

    #[test]
    fn a_route_of_another_shape_is_left_to_the_user() {
        let text = FRESH.replace(
            "(_routes: &mut Routes<Self>) {}",
            "(r: &mut Routes<Self>) {\n        if cfg!(debug_assertions) {\n            \
             r.channel::<RoomChannel>(\"room:*\");\n        }\n    }",
        );
        let source = Source::parse(std::path::Path::new("a.rs"), &text).unwrap();
        assert_eq!(
            remove(&source, "UserSocket", "RoomChannel"),
            Outcome::Unknown
        );
        assert_eq!(
            remove(&source, "UserSocket", "ChatChannel"),
            Outcome::Unchanged
        );
        assert_eq!(
            remove(&source, "OtherSocket", "RoomChannel"),
            Outcome::Unchanged
        );
    }
}
