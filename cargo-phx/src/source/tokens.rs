//! Edits for logging in: `application::start` makes the tokens, and the app's router gets the
//! routes.

use syn::visit::{self, Visit};
use syn::{Expr, ExprMethodCall, FnArg, Item, Pat};

use super::application::{any_state_variable, insert_statement, make_state, run, state_variable};
use super::chain::Chain;
use super::{Edits, Outcome, Source, imports, paths, state};

/// Makes the tokens in `application::start`, and hands them to the state.
pub(crate) fn add(source: &Source) -> Outcome {
    run(
        source,
        &[
            &make_tokens,
            &|source| state::add_field(source, "tokens", "Tokens"),
            &|source| imports::add(source, "presence_channels::Tokens"),
            &|source| imports::add(source, "crate::auth"),
        ],
    )
}

/// Inserts `let (config, tokens) = auth::tokens(config)?;`, and adds the tokens to the state.
fn make_tokens(source: &Source) -> Outcome {
    if source.text().contains("auth::tokens(") {
        return Outcome::Unchanged;
    }
    let start = source.file.items.iter().find_map(|item| match item {
        Item::Fn(item) if item.sig.ident == "start" => Some(item),
        _ => None,
    });
    let Some(start) = start else {
        return Outcome::Unknown;
    };
    let Some(FnArg::Typed(config)) = start.sig.inputs.first() else {
        return Outcome::Unknown;
    };
    let (Pat::Ident(config), Some(chain)) = (&*config.pat, Chain::find(source, &start.block.stmts))
    else {
        return Outcome::Unknown;
    };
    let config = &config.ident;
    let tokens = format!("let ({config}, tokens) = auth::tokens({config})?;");
    let statements = &start.block.stmts;
    let mut edits = Edits::default();
    if let Some(literal) = state::literal(statements) {
        let Some((statement, _)) = state_variable(statements) else {
            return Outcome::Unknown;
        };
        insert_statement(source, &start.block, statement, &tokens, &mut edits);
        state::add_to_literal(source, literal, "tokens", &mut edits);
    } else if make_state(source) == Outcome::Unknown || any_state_variable(statements).is_some() {
        return Outcome::Unknown;
    } else {
        let indent = source.indent(source.range(&statements[chain.statement]).start);
        let lines = format!("{tokens}\n{indent}let state = AppState {{ tokens }};");
        insert_statement(source, &start.block, chain.statement, &lines, &mut edits);
    }
    Outcome::Edited(edits.apply(source.text()))
}

/// Adds the routes of the module `auth` where the app merges the endpoint's router.
pub(crate) fn merge_router(source: &Source, auth: &str) -> Outcome {
    if source.text().contains("auth::router(") {
        return Outcome::Unchanged;
    }
    let mut finder = Merge(None);
    finder.visit_file(&source.file);
    let Some((call, endpoint)) = finder.0 else {
        return Outcome::Unknown;
    };
    let mut edits = Edits::default();
    edits.insert(
        source.range(call).end,
        format!(".merge({auth}::router(&{endpoint}))"),
    );
    Outcome::Edited(edits.apply(source.text()))
}

/// The call `.merge(endpoint.router())` and its endpoint.
struct Merge<'s>(Option<(&'s ExprMethodCall, String)>);

impl<'s> Visit<'s> for Merge<'s> {
    fn visit_expr_method_call(&mut self, call: &'s ExprMethodCall) {
        if call.method == "merge"
            && let Some(Expr::MethodCall(router)) = call.args.first()
            && router.method == "router"
            && router.args.is_empty()
            && let Some(endpoint) = paths::variable(&router.receiver)
        {
            self.0.get_or_insert((call, endpoint));
        }
        visit::visit_expr_method_call(self, call);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::testing::{edited, outcome};

    #[test]
    fn the_application_makes_the_tokens() {
        let text = edited(
            "use presence_channels::{Config, Endpoint, PubSub};\n\n\
             pub struct AppState {}\n\n\
             pub async fn start(config: Config) -> anyhow::Result<Endpoint> {\n    \
             let pubsub = PubSub::local();\n\n    \
             let endpoint = Endpoint::builder(pubsub).start(config).await?;\n    \
             Ok(endpoint)\n}\n",
            add,
        );
        assert!(
            text.contains(
                "    let (config, tokens) = auth::tokens(config)?;\n    \
                 let state = AppState { tokens };\n"
            ),
            "{text}"
        );
        assert!(text.contains("    pub tokens: Tokens,\n"), "{text}");
        assert_eq!(outcome("fn start() {}\n", add), Outcome::Unknown);
    }

    #[test]
    fn the_routes_are_merged_after_those_of_the_endpoint() {
        let merge = |source: &Source| merge_router(source, "auth");
        let text = edited(
            "fn main() {\n    let app = app.merge(e.router());\n}\n",
            merge,
        );
        assert!(
            text.contains("app.merge(e.router()).merge(auth::router(&e));"),
            "{text}"
        );
        let other = "fn main() {\n    let app = endpoint.router().merge(app);\n}\n";
        assert_eq!(outcome(other, merge), Outcome::Unknown);
    }
}
