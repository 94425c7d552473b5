//! The statements of `main` that make what it hands to `application::start`, for a test.

use std::collections::HashSet;

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{Block, Expr, ExprCall, Local, Pat, Stmt};

use super::{Source, paths};

/// Returns an expression that makes the argument of `application::start` at `index`: the value of
/// a block with the statements that the file makes it with.
///
/// Returns `None` if the file does not call `application::start` with that many arguments, or if
/// the statements wait, return early, or read settings. A test must not connect to the database of
/// the app.
pub(crate) fn argument(source: &Source, index: usize) -> Option<String> {
    let mut finder = Finder::default();
    finder.visit_file(&source.file);
    let (block, at, call) = finder.found?;
    let mut argument = call.args.iter().nth(index)?;
    if let Expr::MethodCall(clone) = argument
        && clone.method == "clone"
    {
        argument = &clone.receiver;
    }
    if paths::variable(argument).is_none() {
        let argument = in_a_test(source.slice(argument))?;
        return Some(format!("{{ use crate::*; {argument} }}"));
    }

    let mut wanted = names_in(argument);
    let mut statements = Vec::new();
    for statement in block.stmts[..at].iter().rev() {
        let Stmt::Local(local) = statement else {
            continue;
        };
        let bound = bound_by(&local.pat);
        if !bound.iter().any(|name| wanted.contains(name)) {
            continue;
        }
        let init = &local.init.as_ref()?.expr;
        // The last statement is the value of the block.
        let is_value = statements.is_empty() && matches!(local.pat, Pat::Ident(_) | Pat::Type(_));
        statements.push(if is_value {
            in_a_test(source.slice(&**init))?
        } else {
            in_a_test(source.slice(local))?
        });
        wanted.extend(names_in(init));
    }
    statements.reverse();
    (!statements.is_empty()).then(|| format!("{{ use crate::*; {} }}", statements.join("\n")))
}

/// Returns the statement for a test. An error is a panic there.
///
/// Returns `None` if it reaches out of the process. A database in memory does not.
fn in_a_test(statement: &str) -> Option<String> {
    let reads = ["env", "return", "args", "File::"];
    let waits = [".await", "?", "connect"];
    let contains = |parts: &[&str]| parts.iter().any(|part| statement.contains(part));
    let plain = !contains(&reads) && (!contains(&waits) || statement.contains("memory"));
    plain.then(|| statement.replace('?', ".unwrap()"))
}

/// Finds the call of `application::start`, the innermost block around it, and the statement.
#[derive(Default)]
struct Finder<'s> {
    blocks: Vec<(&'s Block, usize)>,
    found: Option<(&'s Block, usize, &'s ExprCall)>,
}

impl<'s> Visit<'s> for Finder<'s> {
    fn visit_block(&mut self, block: &'s Block) {
        for (index, statement) in block.stmts.iter().enumerate() {
            self.blocks.push((block, index));
            visit::visit_stmt(self, statement);
            self.blocks.pop();
        }
    }

    fn visit_expr_call(&mut self, call: &'s ExprCall) {
        if let Expr::Path(function) = &*call.func
            && paths::ends_with(&function.path, &["application", "start"])
            && let Some((block, index)) = self.blocks.last()
        {
            self.found.get_or_insert((block, *index, call));
        }
        visit::visit_expr_call(self, call);
    }
}

/// Returns the names that an expression uses, and perhaps some that it does not.
fn names_in(expr: &Expr) -> HashSet<String> {
    fn collect(tokens: TokenStream, names: &mut HashSet<String>) {
        for token in tokens {
            match token {
                TokenTree::Ident(ident) => drop(names.insert(ident.to_string())),
                TokenTree::Group(group) => collect(group.stream(), names),
                _ => {}
            }
        }
    }
    let mut names = HashSet::new();
    collect(quote::ToTokens::to_token_stream(expr), &mut names);
    names
}

/// Returns the variables that a pattern binds.
fn bound_by(pat: &Pat) -> Vec<String> {
    struct Names(Vec<String>);
    impl<'s> Visit<'s> for Names {
        fn visit_pat_ident(&mut self, pat: &'s syn::PatIdent) {
            self.0.push(pat.ident.to_string());
            visit::visit_pat_ident(self, pat);
        }

        fn visit_local(&mut self, _: &'s Local) {}
    }
    let mut names = Names(Vec::new());
    names.visit_pat(pat);
    names.0
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn made(statements: &str, argument: &str) -> Option<String> {
        let text = format!(
            "async fn main() {{\n    let port = port();\n    {statements}\n    \
             let endpoint = application::start(config(), {argument}).await.unwrap();\n}}\n"
        );
        let source = Source::parse(Path::new("main.rs"), &text).expect("it parses");
        super::argument(&source, 1)
    }

    #[test]
    fn the_statements_that_make_the_state_are_copied() {
        assert_eq!(
            made("let db = Db::default();", "db.clone()").as_deref(),
            Some("{ use crate::*; Db::default() }")
        );
        assert_eq!(
            made(
                "let names = Mutex::new(vec![limit]); let (lines, _) = channel(100); log(); \
                 let state = Arc::new(State { names, lines });",
                "state"
            )
            .as_deref(),
            Some(
                "{ use crate::*; let names = Mutex::new(vec![limit]);\n\
                 let (lines, _) = channel(100);\nArc::new(State { names, lines }) }"
            )
        );
        assert_eq!(
            made("", "Db::default()").as_deref(),
            Some("{ use crate::*; Db::default() }")
        );
        assert_eq!(
            made("let db = Pool::connect(\"sqlite::memory:\").await?;", "db").as_deref(),
            Some("{ use crate::*; Pool::connect(\"sqlite::memory:\").await.unwrap() }")
        );
    }

    #[test]
    fn what_a_test_cannot_run_is_not_copied() {
        for (statements, argument) in [
            ("let db = Pool::connect(url).await.unwrap();", "db"),
            (
                "let url = std::env::var(\"URL\"); let db = Db::new(url);",
                "db",
            ),
            (
                "let db = open()?; let state = State { db };",
                "state.clone()",
            ),
            ("", "unknown"),
            ("let db = std::fs::File::open(\"memory\")?;", "db"),
        ] {
            assert_eq!(made(statements, argument), None, "{statements}");
        }
    }
}
