//! Finds what the wiring has written into a file.

use std::ops::Range;

use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{Block, Expr, ExprCall, ExprMethodCall, ExprPath, File, ItemFn, Stmt};

use super::kept;
use super::shapes::{
    binding, breaks, first_use, is_router_of_endpoint, joints, merged, signal_of_statement,
};
use crate::source::serve::{
    COMMENTS, Functions, NEEDS_NO, NODELAY, Resolver, STATE_NAMES, STOP_BRANCH,
};
use crate::source::{Source, crates, paths};

/// The crates that the wiring names.
const CRATES: &[&str] = &["axum-server", "presence-channels", "tokio"];
/// The acceptor that the wiring gives to a server without TLS, without white space.
const NODELAY_ACCEPTOR: &str = "axum_server::accept::NoDelayAcceptor::new()";
/// The width up to which rustfmt leaves a chain of calls on one line.
const CHAIN_WIDTH: usize = 60;

/// The parts of a file that the wiring may have written.
pub(super) struct Notes<'a> {
    source: &'a Source<'a>,
    crates: &'a Resolver,
    functions_of_project: &'a dyn Functions,
    /// `true` if the wiring has made the handle of `axum_server`.
    has_handle: bool,
    pub(super) started: bool,
    /// Statements to remove.
    pub(super) statements: Vec<Range<usize>>,
    /// Other edits that are always right.
    pub(super) edits: Vec<(Range<usize>, String)>,
    /// The statement that gives a variable to the router, and the router.
    pub(super) router: Option<(Range<usize>, Range<usize>)>,
    /// The router in the call that serves.
    pub(super) app: Option<Range<usize>>,
    /// The call that made a service of the router, with its dot, or nothing.
    pub(super) service: &'a str,
    /// The statement that gives a variable to the state of the router, and the state.
    pub(super) moved: Option<(Range<usize>, Range<usize>)>,
    /// The uses of that variable, without the one that starts the endpoint.
    pub(super) uses_of_moved: Vec<Range<usize>>,
    moved_name: Option<String>,
    /// The calls of `with_graceful_shutdown(shutdown())`, from the dot on.
    pub(super) ends: Vec<Range<usize>>,
    /// The white space before the calls that follow.
    pub(super) joints: Vec<Range<usize>>,
    /// `true` if rustfmt leaves the calls on one line without the end.
    pub(super) fits_a_line: bool,
    /// The names of the functions that wait for the signal.
    pub(super) functions: Vec<String>,
    /// The end of the statement that made a service of the router, before its semicolon, and the
    /// call that made it.
    made: Option<(usize, &'a str)>,
    /// The function that bounds the end of a server that stays.
    bounded: Option<&'static str>,
}

impl<'a> Notes<'a> {
    /// Returns the notes on a file, whose macros are calls in `file`.
    pub(super) fn of(
        source: &'a Source<'a>,
        file: &File,
        crates: &'a Resolver,
        functions: &'a dyn Functions,
    ) -> Notes<'a> {
        let code: String = source.text().split_whitespace().collect();
        let mut notes = Notes {
            source,
            crates,
            functions_of_project: functions,
            has_handle: code.contains("let(endpoint,handle)=(endpoint.clone(),handle.clone());"),
            started: false,
            statements: Vec::new(),
            edits: Vec::new(),
            router: None,
            app: None,
            service: "",
            moved: None,
            uses_of_moved: Vec::new(),
            moved_name: None,
            ends: Vec::new(),
            joints: Vec::new(),
            fits_a_line: true,
            functions: Vec::new(),
            made: None,
            bounded: kept::bounded_name(source),
        };
        notes.visit_file(file);
        notes
    }

    /// Returns the calls that have made a service of the router.
    pub(super) fn services(&self) -> impl Iterator<Item = &str> {
        [Some(self.service), self.made.map(|(_, call)| call)]
            .into_iter()
            .flatten()
    }

    /// Returns the code of a part without white space, with the crates' own names.
    fn code(&self, part: &impl Spanned) -> String {
        let mut code = self.source.slice(part).to_owned();
        for package in CRATES {
            let name = self.functions_of_project.crate_name(package);
            let own = package.replace('-', "_");
            if name != own {
                code = crates::rename(&code, &name, &own);
            }
        }
        code.split_whitespace().collect()
    }

    /// Returns whether the wiring writes such a statement, and notes what to change in it.
    fn note(&mut self, block: &Block, index: usize) -> bool {
        let statement = &block.stmts[index];
        let range = self.source.range(statement);
        let code = self.code(statement);
        self.note_service(statement, &code);
        if code.starts_with("letendpoint=") && code.contains("application::start(") {
            // The user's own start has a configuration of its own.
            self.started = code.contains("Config::default()");
            self.statements.push(range);
            return true;
        }
        if let Some(signal) = signal_of_statement(&code) {
            self.functions.push(signal.to_owned());
        } else if !self.is_plain(&code, range.start) {
            return self.note_accepted(block, index, &code)
                || self.note_state(block, index)
                || self.note_router(block, index)
                || self.note_result(block, index);
        }
        if code.starts_with("letmutstop=") {
            self.note_branches(block, index);
        }
        if code == "endpoint.stop().await;" {
            self.note_value_after(block, index);
        }
        self.remove_with_comment(range);
        true
    }

    /// Returns whether the statement is one that the wiring writes word for word.
    fn is_plain(&self, code: &str, at: usize) -> bool {
        let written = [
            "endpoint.stop().await;",
            "drop(served);",
            "let(served,ended)=",
            "stopping.await.expect(",
        ];
        written.iter().any(|start| code.starts_with(start))
            || self.has_handle && code == "lethandle=axum_server::Handle::new();"
            || code.ends_with(".set_nodelay(true);")
                && self
                    .comment(at)
                    .is_some_and(|(_, comment)| comment == NODELAY)
    }

    /// Returns the start and the text of the comment on the line above.
    fn comment(&self, at: usize) -> Option<(usize, &'a str)> {
        let above = self.source.line_start(at);
        let start = self.source.line_start(above.checked_sub(1)?);
        let comment = self.source.text()[start..above].trim();
        comment.starts_with("//").then_some((start, comment))
    }

    /// Notes the call that the comment above the statement names, and the comment's line.
    fn note_service(&mut self, statement: &Stmt, code: &str) {
        let at = self.source.range(statement).start;
        if let Some((start, comment)) = self.comment(at)
            && let Some(call) = comment.strip_prefix(NEEDS_NO.0)
            && let Some(call) = call.strip_suffix(NEEDS_NO.1)
        {
            match binding(statement) {
                // The statement has made the service.
                Some((_, init)) if !code.contains(",&endpoint)") => {
                    self.made = Some((self.source.range(init).end, call));
                }
                _ => self.service = call,
            }
            let end = self.source.line_start(at);
            self.edits.push((start..end, String::new()));
        }
    }

    fn remove_with_comment(&mut self, range: Range<usize>) {
        let ours = |(_, comment): &(usize, &str)| COMMENTS.contains(comment);
        let start = self.comment(range.start).filter(ours);
        let start = start.map_or(range.start, |(start, _)| start);
        self.statements.push(start..range.end);
    }

    /// Notes the branches with which the loops after `let mut stop` end, in the user's `select!`.
    fn note_branches(&mut self, block: &Block, index: usize) {
        let from = self.source.range(&block.stmts[index]).end;
        let to = self.source.range(block).end;
        let code = &self.source.text()[from..to];
        for (at, branch) in code.match_indices(STOP_BRANCH) {
            let end = from + at + branch.len();
            // In `let accepted = select! { .. };` it goes with the statement.
            let before = code[..at].trim_end();
            if !before.ends_with("=> accepted,") {
                let start = from + before.len();
                self.edits.push((start..end, String::new()));
            }
        }
    }

    /// Notes the value of a function whose last statement was a loop without an end: `Ok(())`.
    fn note_value_after(&mut self, block: &Block, index: usize) {
        let [.., value] = block.stmts.as_slice() else {
            return;
        };
        let is_next = index + 2 == block.stmts.len();
        let before = index.checked_sub(1).map(|index| &block.stmts[index]);
        if let Some(Stmt::Expr(Expr::Loop(ours), _)) = before
            && is_next
            && self.code(value) == "Ok(())"
            && breaks(ours) == 1
        {
            self.statements.push(self.source.range(value));
        }
    }

    /// Returns whether the whole statement is noted. Notes `let accepted = select! { accepted =
    /// <call> => accepted, () = &mut stop => break };`, and `accepted` in the statement after it.
    fn note_accepted(&mut self, block: &Block, index: usize, code: &str) -> bool {
        let is_ours = code.starts_with("letaccepted=tokio::select!{accepted=")
            && code.ends_with("=>accepted,()=&mutstop=>break,};");
        let Some(next) = block.stmts.get(index + 1).filter(|_| is_ours) else {
            return false;
        };
        let range = self.source.range(&block.stmts[index]);
        let text = &self.source.text()[range.clone()];
        let call = text
            .split_once('{')
            .and_then(|(_, branches)| branches.trim_start().strip_prefix("accepted = "))
            .and_then(|branches| branches.rsplit_once(" => accepted,"));
        let (Some((call, _)), Some(accepted)) = (call, first_use(next, "accepted")) else {
            return false;
        };
        let deeper = format!("\n{}    ", self.source.indent(range.start));
        let call = call.replace("\r\n", "\n").replace(&deeper, "\n");
        let accepted = self.source.range(accepted);
        self.edits.push((accepted, format!("{call}.await")));
        self.statements.push(range);
        true
    }

    /// Returns whether the whole statement is noted. Notes `let router_state = <state>;`, before
    /// the start that takes it.
    fn note_state(&mut self, block: &Block, index: usize) -> bool {
        let Some((name, init)) = binding(&block.stmts[index]) else {
            return false;
        };
        let starts = |next: &Stmt| {
            let code = self.code(next);
            code.starts_with("letendpoint=") && code.contains(&format!(",{name}.clone())"))
        };
        let is_ours =
            STATE_NAMES.contains(&name.as_str()) && block.stmts.get(index + 1).is_some_and(starts);
        if is_ours {
            let range = self.source.range(&block.stmts[index]);
            self.moved = Some((range, self.source.range(init)));
            self.moved_name = Some(name);
        }
        is_ours
    }

    fn note_router(&mut self, block: &Block, index: usize) -> bool {
        let Some((name, init)) = binding(&block.stmts[index]) else {
            return false;
        };
        let range = self.source.range(&block.stmts[index]);
        let end = self.source.range(init).end;
        if self.made.is_some_and(|(made, _)| made == end) {
            return false;
        }
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
        let stops = |next: &Stmt| {
            let code = self.code(next);
            code == "endpoint.stop().await;" || code == "drop(served);"
        };
        let is_ours = name == "result"
            && paths::variable(last).as_ref() == Some(&name)
            && block.stmts[index + 1..].iter().any(stops);
        if !is_ours {
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

    /// Returns the end of the call that bounds the server which ends at `end`, else `end`.
    fn end_of_bounded(&self, end: usize) -> usize {
        let rest = &self.source.text()[end..];
        match rest.trim_start_matches([',', ' ', '\r', '\n', '\t']) {
            after if self.bounded.is_some() && after.starts_with(')') => {
                end + rest.len() - after.len() + 1
            }
            _ => end,
        }
    }

    fn note_end(&mut self, call: &ExprMethodCall, signal: &str) {
        let source = self.source;
        let start = source.range(&*call.receiver).end;
        let end = source.range(call).end;
        let bounded = self.end_of_bounded(end);
        let joints = joints(source.text(), bounded);
        let rest = source.line_end(joints.last().map_or(bounded, |joint| joint.end));
        let spaces: usize = joints.iter().map(ExactSizeIterator::len).sum();
        let receiver = &*kept::unwrapped(source, &call.receiver);
        let receiver = match receiver.strip_prefix("presence_channels") {
            Some(serve) => format!("axum{}", serve.replace(", &endpoint)", ")")),
            None => receiver.to_owned(),
        };
        // Without the semicolon.
        let width = receiver.len() + self.service.len() + rest - bounded - spaces - 1;
        self.fits_a_line = width <= CHAIN_WIDTH;
        self.functions.push(signal.to_owned());
        self.ends.push(start..end);
        self.joints.extend(joints);
    }
}

impl<'s> Visit<'s> for Notes<'_> {
    fn visit_block(&mut self, block: &'s Block) {
        for index in 0..block.stmts.len() {
            if !self.note(block, index) {
                self.visit_stmt(&block.stmts[index]);
            }
        }
    }

    fn visit_expr_path(&mut self, path: &'s ExprPath) {
        if let Some(name) = &self.moved_name
            && path.path.is_ident(name)
        {
            self.uses_of_moved.push(self.source.range(path));
        }
    }

    fn visit_item_fn(&mut self, function: &'s ItemFn) {
        let is_bounded = self
            .bounded
            .is_some_and(|name| kept::is_bounded(&self.code(function), name));
        if is_bounded {
            let range = self.source.range(function);
            let start = self.source.text()[..range.start].trim_end().len();
            self.edits.push((start..range.end, String::new()));
        } else {
            visit::visit_item_fn(self, function);
        }
    }

    fn visit_expr_call(&mut self, call: &'s ExprCall) {
        if kept::is_wrapper(self.source, call, self.bounded)
            && let Some(wrapped) = call.args.first()
        {
            let (inner, whole) = (self.source.range(wrapped), self.source.range(call));
            self.edits.push((whole.start..inner.start, String::new()));
            self.edits.push((inner.end..whole.end, String::new()));
            return self.visit_expr(wrapped);
        }
        if let Expr::Path(path) = &*call.func
            && self.crates.is(&path.path, &["presence_channels", "serve"])
            && let [_, app, endpoint] = call.args.iter().collect::<Vec<_>>().as_slice()
        {
            let app = self.source.range(*app);
            let end = self.source.range(*endpoint).end;
            self.edits.push((app.end..end, String::new()));
            let function = self.source.range(&path.path);
            let axum = match self.crates.aliases("axum").first() {
                Some(alias) => (*alias).to_owned(),
                None => self.functions_of_project.crate_name("axum"),
            };
            self.edits.push((function, format!("{axum}::serve")));
            self.app = Some(app);
        }
        visit::visit_expr_call(self, call);
    }

    fn visit_expr_method_call(&mut self, call: &'s ExprMethodCall) {
        let wraps = |argument| self.source.slice(argument).contains("NoDelayAcceptor");
        let sets_nodelay = call.method == "map" && call.args.first().is_some_and(wraps);
        if sets_nodelay {
            // The acceptor within goes with the call.
            self.visit_expr(&call.receiver);
        } else {
            visit::visit_expr_method_call(self, call);
        }
        let start = self.source.range(&*call.receiver).end;
        let end = self.source.range(call).end;
        let argument = call
            .args
            .first()
            .map(|argument| self.source.slice(argument));
        let code = argument.unwrap_or_default();
        let is_ours = match &*call.method.to_string() {
            "merge" => is_router_of_endpoint(call),
            "handle" => code == "handle" && self.has_handle,
            "map" => sets_nodelay,
            "acceptor" => call
                .args
                .first()
                .is_some_and(|argument| self.code(argument) == NODELAY_ACCEPTOR),
            "with_graceful_shutdown" => {
                if let Some(name) = code.strip_suffix("()") {
                    self.note_end(call, name);
                }
                false
            }
            _ => false,
        };
        match self.made {
            Some((made, service)) if is_ours && made == end => {
                let dot = self.source.range(&call.dot_token).start;
                self.edits.push((dot..end, service.to_owned()));
            }
            _ if is_ours => self.edits.push((start..end, String::new())),
            _ => {}
        }
    }
}
