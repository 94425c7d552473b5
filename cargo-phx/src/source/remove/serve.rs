//! Taking back the wiring of the endpoint into a server.
//!
//! The wiring has several forms, and different servers can become the same code by it. So this
//! module makes candidates: texts without the endpoint. The caller wires each candidate again, and
//! takes the one that becomes the present text.

use std::ops::Range;

use syn::visit::{self, Visit};
use syn::{Block, Expr, ExprCall, ExprMethodCall, Item, Pat, Stmt};

use super::Lines;
use crate::source::{Edits, Source, paths};

/// The comment above the task that stops the endpoint.
const COMMENT: &str = "// The endpoint stops beside the server:";
/// The variables that the wiring may give to the value of the function.
const RESULTS: &[&str] = &["result", "served"];
/// The calls that give the address of a client to handlers, which the wiring removes because
/// `presence_channels::serve` gives it. A call of `into_make_service`, which the wiring removes
/// too, has no effect and does not come back.
const SERVICES: &[&str] = &[
    ".into_make_service_with_connect_info::<SocketAddr>()",
    ".into_make_service_with_connect_info::<std::net::SocketAddr>()",
];

/// Returns the texts that the file may have had before the wiring, the likeliest first. Returns
/// nothing if the file does not start the application in the way of the wiring. `addresses` says
/// whether handlers of the project take the address of a client.
pub(crate) fn candidates(source: &Source, addresses: bool) -> Vec<String> {
    let mut parts = Parts {
        source,
        started: false,
        statements: Vec::new(),
        edits: Vec::new(),
        router: None,
        app: None,
        ends: Vec::new(),
        joints: Vec::new(),
        functions: Vec::new(),
    };
    parts.visit_file(&source.file);
    if !parts.started {
        return Vec::new();
    }
    let services: Vec<&str> = if addresses {
        SERVICES.iter().copied().chain([""]).collect()
    } else {
        vec![""]
    };
    let mut texts: Vec<String> = Vec::new();
    for inline in [false, true] {
        for service in &services {
            // A function that is not as generated is the user's, and so is the end that calls it.
            // Both stay before only one of them does.
            for (ends, function) in [(true, true), (false, false), (true, false)] {
                for joined in [true, false] {
                    let choice = Choice {
                        inline,
                        service,
                        joined,
                        ends,
                        function,
                    };
                    let text = parts.without(&choice);
                    texts.extend(text.filter(|text| !texts.contains(text)));
                }
            }
        }
    }
    texts
}

/// Returns the lines that wire the endpoint in, counted from 1.
pub(crate) fn lines(source: &Source) -> Vec<usize> {
    let lines = source.text().lines().enumerate();
    let wires = |line: &str| {
        let is_comment = line.trim_start().starts_with("//");
        !is_comment
            && line
                .split(|letter: char| !letter.is_alphanumeric() && letter != '_')
                .any(|word| word == "endpoint" || word == "application")
    };
    lines
        .filter(|(_, line)| wires(line))
        .map(|(at, _)| at + 1)
        .collect()
}

/// The steps that the wiring may have taken.
struct Choice {
    /// It has moved the router into a variable.
    inline: bool,
    /// It has removed this call, which made a service of the router.
    service: &'static str,
    /// It has broken the chain of calls into lines.
    joined: bool,
    /// It has added the graceful end.
    ends: bool,
    /// It has added the function that waits for the signal.
    function: bool,
}

/// The parts of a file that the wiring may have written.
struct Parts<'a> {
    source: &'a Source<'a>,
    started: bool,
    /// Statements to remove.
    statements: Vec<Range<usize>>,
    /// Other edits that are always right.
    edits: Vec<(Range<usize>, String)>,
    /// The statement that gives a variable to the router, and the router.
    router: Option<(Range<usize>, Range<usize>)>,
    /// The router in the call that serves.
    app: Option<Range<usize>>,
    /// The calls of `with_graceful_shutdown(shutdown())`, from the dot on.
    ends: Vec<Range<usize>>,
    /// The white space before the calls that follow.
    joints: Vec<Range<usize>>,
    /// The names of the functions that wait for the signal.
    functions: Vec<String>,
}

impl Parts<'_> {
    fn without(&self, choice: &Choice) -> Option<String> {
        let mut edits = Edits::default();
        let mut inlined = 0..0;
        for range in &self.statements {
            edits.replace(own_lines(self.source, range.clone()), "");
        }
        if choice.inline {
            let (statement, router) = self.router.as_ref()?;
            inlined = own_lines(self.source, statement.clone());
            edits.replace(inlined.clone(), "");
            let router = &self.source.text()[router.clone()];
            edits.replace(self.app.clone()?, format!("{router}{}", choice.service));
        } else if !choice.service.is_empty() {
            edits.insert(self.app.as_ref()?.end, choice.service);
        }
        for (range, new) in &self.edits {
            if !inlined.contains(&range.start) {
                edits.replace(range.clone(), new.clone());
            }
        }
        if choice.ends {
            for range in &self.ends {
                edits.replace(range.clone(), "");
            }
            for range in self.joints.iter().filter(|_| choice.joined) {
                edits.replace(range.clone(), "");
            }
        }
        if choice.function {
            let range = self.function()?;
            let end = Lines::of(self.source, range.clone()).own.end;
            let start = self.source.text()[..range.start].trim_end().len();
            // The lines come after another item.
            edits.replace(start..end - usize::from(end > range.end), "");
        }
        edits.apply_disjoint(self.source.text())
    }

    /// Returns the function that waits for the signal.
    fn function(&self) -> Option<Range<usize>> {
        self.function_among(&self.source.file.items)
    }

    fn function_among(&self, items: &[Item]) -> Option<Range<usize>> {
        items.iter().find_map(|item| match item {
            Item::Fn(function) => {
                let name = function.sig.ident.to_string();
                (self.functions.contains(&name) || self.functions.is_empty() && name == "shutdown")
                    .then(|| self.source.range(item))
            }
            Item::Mod(module) => {
                let (_, items) = module.content.as_ref()?;
                self.function_among(items)
            }
            _ => None,
        })
    }

    /// Returns whether the wiring writes such a statement, and notes what to change in it.
    fn note(&mut self, block: &Block, index: usize) -> bool {
        let statement = &block.stmts[index];
        let mut range = self.source.range(statement);
        let code: String = self.source.slice(statement).split_whitespace().collect();
        if code.starts_with("letendpoint=") && code.contains("application::start(") {
            // The user's own start has a configuration of its own.
            self.started = code.contains("Config::default()");
            self.statements.push(range);
            return true;
        }
        let written = [
            "endpoint.stop().await;",
            "drop(served);",
            "let(served,ended)=",
            "letstopping=tokio::spawn({let",
            "stopping.await.expect(",
            "lethandle=axum_server::Handle::new();",
        ];
        if written.iter().any(|start| code.starts_with(start)) {
            if let Some(at) = code.find("()=").filter(|_| code.starts_with("letstopping")) {
                let call = code[at + 3..].split('(').next().unwrap_or_default();
                self.functions.push(call.to_owned());
            }
            let above = self.source.line_start(range.start);
            let comment = self.source.line_start(above.saturating_sub(1));
            if self.source.text()[comment..above]
                .trim_start()
                .starts_with(COMMENT)
            {
                range.start = comment;
            }
            self.statements.push(range);
            return true;
        }
        self.note_router(block, index) || self.note_result(block, index)
    }

    fn note_router(&mut self, block: &Block, index: usize) -> bool {
        let Some((name, init)) = binding(&block.stmts[index]) else {
            return false;
        };
        let range = self.source.range(&block.stmts[index]);
        if let Some(router) = merged(init) {
            if paths::variable(router).as_deref() == Some(&name) {
                self.statements.push(range);
                return true;
            }
            self.router = Some((range, self.source.range(router)));
            return false;
        }
        let merges = block.stmts[index + 1..].iter().any(|next| {
            let Some((bound, init)) = binding(next) else {
                return false;
            };
            bound == name && merged(init).and_then(paths::variable).as_deref() == Some(&name)
        });
        if merges {
            self.router = Some((range, self.source.range(init)));
        }
        false
    }

    /// Returns whether the whole statement is noted. Notes `let result = <server>; ..; result`.
    fn note_result(&mut self, block: &Block, index: usize) -> bool {
        let Some((name, init)) = binding(&block.stmts[index]) else {
            return false;
        };
        let Some(Stmt::Expr(last, None)) = block.stmts.last() else {
            return false;
        };
        if !RESULTS.contains(&name.as_str()) || paths::variable(last).as_ref() != Some(&name) {
            return false;
        }
        let statement = self.source.range(&block.stmts[index]);
        let init_range = self.source.range(init);
        self.edits
            .push((statement.start..init_range.start, String::new()));
        self.edits
            .push((init_range.end..statement.end, String::new()));
        let end = self.source.range(last);
        let start = self.source.text()[..end.start].trim_end().len();
        // Before the line break, which belongs to the statement before.
        self.edits
            .push((start + 1..self.source.line_end(end.end) + 1, String::new()));
        false
    }
}

impl<'s> Visit<'s> for Parts<'_> {
    fn visit_block(&mut self, block: &'s Block) {
        for index in 0..block.stmts.len() {
            if !self.note(block, index) {
                self.visit_stmt(&block.stmts[index]);
            }
        }
    }

    fn visit_expr_call(&mut self, call: &'s ExprCall) {
        if let Expr::Path(path) = &*call.func
            && paths::ends_with(&path.path, &["presence_channels", "serve"])
            && let [_, app, endpoint] = call.args.iter().collect::<Vec<_>>().as_slice()
        {
            let app = self.source.range(*app);
            let end = self.source.range(*endpoint).end;
            self.edits.push((app.end..end, String::new()));
            let function = self.source.range(&path.path);
            self.edits.push((function, "axum::serve".to_owned()));
            self.app = Some(app);
        }
        visit::visit_expr_call(self, call);
    }

    fn visit_expr_method_call(&mut self, call: &'s ExprMethodCall) {
        visit::visit_expr_method_call(self, call);
        let start = self.source.range(&*call.receiver).end;
        let end = self.source.range(call).end;
        let argument = call
            .args
            .first()
            .map(|argument| self.source.slice(argument));
        let code = argument.unwrap_or_default();
        let is_ours = match &*call.method.to_string() {
            "merge" => is_router_of_endpoint(call),
            "handle" => code == "handle",
            "map" => code.contains("NoDelayAcceptor"),
            "with_graceful_shutdown" => {
                if let Some(name) = code.strip_suffix("()") {
                    self.functions.push(name.to_owned());
                    self.ends.push(start..end);
                    self.joints.extend(joints(self.source.text(), end));
                }
                false
            }
            _ => false,
        };
        if is_ours {
            self.edits.push((start..end, String::new()));
        }
    }
}

/// Returns the white space before each of the calls that follow on lines of their own.
fn joints(text: &str, mut at: usize) -> Vec<Range<usize>> {
    let mut joints = Vec::new();
    loop {
        let rest = &text[at..];
        let call = rest.trim_start();
        if !call.starts_with('.') {
            return joints;
        }
        let start = at + rest.len() - call.len();
        if start > at {
            joints.push(at..start);
        }
        // The calls after a server have no line breaks of their own.
        let length = call[1..]
            .find(['.', ';', '\n'])
            .map_or(call.len(), |found| found + 1);
        at = start + length;
    }
}

/// Returns the variable and the value of `let variable = value;`.
fn binding(statement: &Stmt) -> Option<(String, &Expr)> {
    let Stmt::Local(local) = statement else {
        return None;
    };
    let Pat::Ident(pat) = &local.pat else {
        return None;
    };
    Some((pat.ident.to_string(), &local.init.as_ref()?.expr))
}

/// Returns the lines of a statement, or the statement alone if other code shares its lines.
fn own_lines(source: &Source, range: Range<usize>) -> Range<usize> {
    Lines::of(source, range).own
}

/// Returns `router` of `router.merge(endpoint.router())`.
fn merged(expr: &Expr) -> Option<&Expr> {
    match expr {
        Expr::MethodCall(call) if is_router_of_endpoint(call) => Some(&call.receiver),
        _ => None,
    }
}

fn is_router_of_endpoint(merge: &ExprMethodCall) -> bool {
    merge.method == "merge"
        && matches!(merge.args.first(), Some(Expr::MethodCall(router))
            if router.method == "router"
                && paths::variable(&router.receiver).as_deref() == Some("endpoint"))
}

#[cfg(test)]
mod tests;
