//! Taking back a route: `routes.channel::<RoomChannel>("room:*");`.

use syn::{Expr, ExprMethodCall, FnArg, ImplItemFn, Pat, Stmt};

use super::{choose, mentions, remove_lines, without_lines};
use crate::source::routes::{self, NewRoute};
use crate::source::{Edits, Outcome, Source};

/// Removes the statement with this route from `socket`. The argument of a function without routes
/// becomes unused again.
pub(crate) fn remove(source: &Source, socket: &str, route: &NewRoute) -> Outcome {
    let Some(function) = routes::routes_function(source, socket) else {
        return Outcome::Unchanged;
    };
    let is_ours = |call: &ExprMethodCall| {
        routes::import_of(source, call).is_some_and(|import| is_same(&import, route))
    };
    let mut statements = function.block.stmts.iter();
    let Some(statement) = statements.find(|statement| routed(statement).is_some_and(is_ours))
    else {
        // A route within another statement is left to the user.
        let elsewhere = routes::routes(function).into_iter().any(is_ours);
        return if elsewhere {
            Outcome::Unknown
        } else {
            Outcome::Unchanged
        };
    };
    let candidates = if routes::routes(function).len() == 1 {
        emptied(source, function, statement)
    } else {
        without_lines(source, source.range(statement))
    };
    choose(source, candidates, |candidate| {
        routes::add(candidate, socket, route)
    })
}

/// Returns whether an imported path is that of the route's channel, from whichever module.
fn is_same(import: &str, route: &NewRoute) -> bool {
    let below = |path: &str| {
        let segments = path.split("::");
        let roots = ["crate", "self", "super", "channels"];
        let below = segments.skip_while(|segment| roots.contains(segment));
        below.map(str::to_owned).collect::<Vec<_>>()
    };
    import == route.channel || below(import) == below(&route.import)
}

/// Returns the call of a statement that adds a route and does nothing else.
fn routed(statement: &Stmt) -> Option<&ExprMethodCall> {
    match statement {
        Stmt::Expr(Expr::MethodCall(call), _)
            if call.method == "channel" && matches!(&*call.receiver, Expr::Path(_)) =>
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

    fn route(snake: &str, channel: &str) -> NewRoute {
        NewRoute {
            channel: channel.to_owned(),
            import: format!("crate::channels::{snake}::{channel}"),
            pattern: "room:*".to_owned(),
        }
    }

    #[track_caller]
    fn takes_back(text: &str) {
        let room = route("room_channel", "RoomChannel");
        let text = format!("use crate::channels::room_channel::RoomChannel;\n\n{text}");
        undone(
            &text,
            |source| routes::add(source, "UserSocket", &room),
            |source| remove(source, "UserSocket", &room),
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
        let room = route("room_channel", "RoomChannel");
        let left = removed(&text, |source| remove(source, "UserSocket", &room));
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
        let room = route("room_channel", "RoomChannel");
        let chat = route("chat_channel", "ChatChannel");
        assert_eq!(remove(&source, "UserSocket", &room), Outcome::Unknown);
        assert_eq!(remove(&source, "UserSocket", &chat), Outcome::Unchanged);
        assert_eq!(remove(&source, "OtherSocket", &room), Outcome::Unchanged);
    }
}
