//! The edit of a file, as all kinds of servers need it.

use std::ops::Range;
use std::path::Path;

use syn::{Block, Expr, ReturnType, Stmt};

use super::app_state::{self, Value};
use super::find::Level;
use super::flow::{Flow, Variable, Way};
use super::kept::Duty;
use super::{Server, failure, signal};
use crate::source::remove::imports;
use crate::source::{Edits, Outcome, Source};

/// The names of a variable for the state of a router. Users rarely choose them, so `destroy` knows
/// that the variable is not the user's.
pub(crate) const STATE_NAMES: &[&str] = &["router_state", "state_of_router"];
/// The comment above the task that stops the endpoint beside a server.
pub(super) const BESIDE: &str =
    "// The endpoint stops beside the server: at the signal, or when the server has ended.";

/// The edit of a file, as the kinds of servers share it.
pub(super) struct Edit<'a> {
    pub(super) source: &'a Source<'a>,
    pub(super) flow: &'a Flow<'a>,
    pub(super) module: &'a str,
    pub(super) edits: Edits,
    /// `true` once the file has a function that waits for a signal.
    pub(super) has_signal: bool,
    /// The state that the endpoint gets.
    pub(super) state: Option<app_state::Found<'a>>,
    /// The imports that become unused.
    pub(super) unused: Vec<String>,
    /// The user's duties.
    pub(super) duties: Vec<Duty>,
}

/// A place between statements: before the statement of this index.
#[derive(Clone, Copy)]
pub(super) struct Place<'s> {
    pub(super) block: &'s Block,
    pub(super) index: usize,
}

impl<'s> Place<'s> {
    pub(super) fn statement(self) -> &'s Stmt {
        &self.block.stmts[self.index]
    }
}

impl<'a> Edit<'a> {
    /// Returns the innermost statement of a scope.
    ///
    /// Returns `None` if `endpoint.await` cannot stand before it, or would run several times.
    pub(super) fn place<'s>(&self, scope: &[Level<'s>]) -> Option<Place<'s>> {
        let mut place = None;
        for level in scope.iter().rev() {
            match level {
                Level::Statement(block, index) if place.is_none() => {
                    place = Some(Place {
                        block,
                        index: *index,
                    });
                }
                Level::Loop | Level::Closure => return None,
                Level::Function(signature, _) => return signature.asyncness.and(place),
                Level::Async => return self.is_once(scope).then_some(place).flatten(),
                _ => {}
            }
        }
        None
    }

    pub(super) fn is_once(&self, scope: &[Level]) -> bool {
        let levels = scope.iter().rev();
        levels
            .take_while(|level| !matches!(level, Level::Function(..)))
            .all(|level| !matches!(level, Level::Loop | Level::Closure))
    }

    /// Starts the endpoint before `place`, and merges its routes into the router of `server`.
    pub(super) fn start<'s>(&mut self, server: &Server<'s>, place: Place<'s>) -> Option<()> {
        let merge = |name: &str| format!("let {name} = {name}.merge(endpoint.router());");
        let router = &server.router;
        let direct = router.way != Way::Wrapped;
        match &router.variable {
            Some(variable) if direct => {
                self.start_before(server, place, &[merge(variable.name())])?;
            }
            // The router is used before the place: it gets the endpoint's routes where it is made.
            Some(Variable::Local(name, block, index)) => {
                let made = Place {
                    block,
                    index: *index,
                };
                self.place(&router.scope)?;
                self.start_before(server, made, &[])?;
                self.after(made, &[merge(name)]);
            }
            Some(Variable::Parameter(name)) => {
                let (_, body) = server.found.function()?;
                let first = Place {
                    block: body,
                    index: 0,
                };
                self.start_before(server, first, &[merge(name)])?;
            }
            None => {
                let place = self.place(&router.scope)?;
                self.start_before(server, place, &[])?;
                let end = self.source.range(router.expr).end;
                let call = ".merge(endpoint.router())";
                let on_lines = self.source.slice(router.expr).contains('\n');
                match router.expr {
                    Expr::MethodCall(last) if on_lines => {
                        let dot = self.source.range(&last.dot_token).start;
                        let indent = self.source.indent(dot);
                        self.edits.insert(end, format!("\n{indent}{call}"));
                    }
                    Expr::MethodCall(_) | Expr::Call(_) | Expr::Try(_) | Expr::Await(_) => {
                        self.edits.insert(end, call);
                    }
                    _ => return None,
                }
            }
        }
        Some(())
    }

    /// Inserts the start of the endpoint, then `lines`, before `place`. The endpoint starts earlier
    /// if the app hands its state to the router before `place`.
    pub(super) fn start_before(
        &mut self,
        server: &Server,
        place: Place,
        lines: &[String],
    ) -> Option<()> {
        let unwrap = failure::unwrap(self.source, &server.found);
        let config = "presence_channels::Config::default()";
        let Some(state) = self.state.take() else {
            let start = self.start_line(config, &unwrap);
            self.before(place, &[&[start], lines].concat());
            return Some(());
        };
        let mut first = Vec::new();
        let name = match state.value {
            Value::Variable(name) => name,
            Value::Expression(value) => {
                let (_, body) = server.found.function()?;
                let text = self.source.slice(body);
                let name = STATE_NAMES
                    .iter()
                    .copied()
                    .find(|name| !signal::has_word(text, name))?;
                first.push(format!("let {name} = {};", self.source.slice(value)));
                self.edits.replace(self.source.range(value), name);
                name.to_owned()
            }
        };
        first.push(self.start_line(&format!("{config}, {name}.clone()"), &unwrap));
        let offset = |place: Place| self.source.range(place.statement()).start;
        if offset(state.place) == offset(place) {
            first.extend_from_slice(lines);
            self.before(place, &first);
        } else if offset(state.place) < offset(place) {
            self.before(state.place, &first);
            if !lines.is_empty() {
                self.before(place, lines);
            }
        } else {
            return None;
        }
        Some(())
    }

    fn start_line(&self, arguments: &str, unwrap: &str) -> String {
        let start = format!("let endpoint = {}::start({arguments})", self.module);
        if unwrap == "?" {
            format!("{start}.await?;")
        } else {
            format!("{start}\n    .await\n    {unwrap};")
        }
    }

    /// Inserts lines before a statement, above the comment that belongs to it.
    pub(super) fn before(&mut self, place: Place, lines: &[String]) {
        let start = self.source.range(place.statement()).start;
        let line = self.source.line_start(start);
        let indent = self.source.indent(start);
        if self.source.text()[line..start].trim().is_empty() {
            let at = self.source.above(start);
            let lines: String = lines
                .iter()
                .map(|line| format!("{indent}{}\n", indented(line, indent)))
                .collect();
            self.edits.insert(at, lines);
        } else {
            self.edits.insert(start, format!("{} ", lines.join(" ")));
        }
    }

    /// Inserts a comment on the line above a statement, unless the statement shares its line with
    /// other code.
    pub(super) fn above(&mut self, place: Place, comment: &str) {
        let start = self.source.range(place.statement()).start;
        let line = self.source.line_start(start);
        if self.source.text()[line..start].trim().is_empty() {
            let indent = self.source.indent(start);
            self.edits.insert(line, format!("{indent}{comment}\n"));
        }
    }

    /// Inserts lines after a statement, below a comment on its last line.
    pub(super) fn after(&mut self, place: Place, lines: &[String]) {
        let range = self.source.range(place.statement());
        let indent = self.source.indent(range.start);
        let end = self.source.line_end(range.end);
        let rest = self.source.text()[range.end..end].trim_start();
        let at = if rest.is_empty() || rest.starts_with("//") {
            end
        } else {
            range.end
        };
        let lines: String = lines
            .iter()
            .map(|line| format!("\n{indent}{}", indented(line, indent)))
            .collect();
        self.edits.insert(at, lines);
    }

    /// Returns the edited text.
    pub(super) fn text(&mut self) -> String {
        let mut text = std::mem::take(&mut self.edits).apply(self.source.text());
        for import in &self.unused {
            let Ok(source) = Source::parse(Path::new("wired.rs"), &text) else {
                break;
            };
            if let Outcome::Edited(without) = imports::remove(&source, import) {
                text = without;
            }
        }
        text
    }

    /// Returns the code that waits for the signal to stop. Adds the function if the file
    /// does not have it.
    pub(super) fn signal(&mut self, server: &Server) -> String {
        let signal = signal::find(self.source, &server.found);
        if let (Some(function), false) = (signal.function, self.has_signal) {
            self.has_signal = true;
            self.add_function(server, &function);
        }
        signal.call
    }

    /// Inserts a function after the item that serves.
    pub(super) fn add_function(&mut self, server: &Server, function: &str) {
        let item = server
            .found
            .scope
            .iter()
            .rev()
            .find_map(|level| match level {
                Level::Item(item) => Some(*item),
                _ => None,
            });
        if let Some(item) = item {
            let range = self.source.range(item);
            let indent = self.source.indent(range.start);
            self.edits.insert(
                range.end,
                format!("\n\n{indent}{}", indented(function, indent)),
            );
        }
    }

    /// Stops the endpoint beside a server that is kept: at the signal, or when the server ends
    /// for another reason. `more` are lines that run at the signal too.
    pub(super) fn stop_beside(&mut self, server: &Server, place: Place, more: &str, clones: &str) {
        let signal = self.signal(server);
        let clones = if clones.is_empty() {
            "let endpoint = endpoint.clone();".to_owned()
        } else {
            format!("let (endpoint, {clones}) = (endpoint.clone(), {clones}.clone());")
        };
        let lines = format!(
            "{BESIDE}\n\
             let (served, ended) = tokio::sync::oneshot::channel::<()>();\n\
             let stopping = tokio::spawn({{\n    \
                 {clones}\n    \
                 async move {{\n        \
                     tokio::select! {{\n            \
                         () = {signal} => {{}}\n            \
                         _ = ended => {{}}\n        \
                     }}\n\
                     {more}        \
                     endpoint.stop().await;\n    \
                 }}\n\
             }});"
        );
        self.before(place, &[lines]);
        self.end(
            server,
            place,
            &[
                "drop(served);",
                "stopping.await.expect(\"the endpoint stops\");",
            ],
        );
    }

    /// Inserts lines after the statement of the server. Keeps the value that the function returns.
    pub(super) fn end(&mut self, server: &Server, place: Place, lines: &[&str]) {
        let lines: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
        let is_last = place.index + 1 == place.block.stmts.len();
        let returns_nothing = server.found.function().is_some_and(|(signature, body)| {
            matches!(signature.output, ReturnType::Default) && std::ptr::eq(body, place.block)
        });
        match place.statement() {
            Stmt::Expr(expr, None) if is_last && has_value(expr) => {
                let range = self.source.range(place.statement());
                let indent = self.source.indent(range.start);
                let lines: String = lines
                    .iter()
                    .map(|line| format!("\n{indent}{line}"))
                    .collect();
                if returns_nothing {
                    let is_braced = self.source.text()[range.clone()].ends_with('}');
                    let end = if is_braced { "" } else { ";" };
                    self.edits.insert(range.end, format!("{end}{lines}"));
                } else {
                    self.edits.insert(range.start, "let result = ");
                    self.edits
                        .insert(range.end, format!(";{lines}\n{indent}result"));
                }
            }
            _ => self.after(place, &lines),
        }
    }

    /// Inserts a method call after `expr`, and breaks the chain of calls that follows into lines.
    pub(super) fn chain(&mut self, server: &Server, expr: Range<usize>, call: &str) {
        let text = self.source.text();
        let calls = self.calls_after(server, expr.end);
        let indent = self.source.indent(expr.start);
        let on_lines = calls
            .first()
            .is_some_and(|dot| text[expr.end..*dot].contains('\n'));
        self.edits.insert(expr.end, format!("\n{indent}    {call}"));
        if !on_lines {
            for dot in calls {
                self.edits.insert(dot, format!("\n{indent}    "));
            }
        }
    }

    /// Returns the offsets of the dots of the calls that follow the expression which ends at `end`.
    pub(super) fn calls_after(&self, server: &Server, mut end: usize) -> Vec<usize> {
        let mut dots = Vec::new();
        for parent in server.found.parents.iter().rev() {
            let (inner, dot) = match parent {
                Expr::MethodCall(call) => (
                    &call.receiver,
                    Some(self.source.range(&call.dot_token).start),
                ),
                Expr::Await(expr) => (&expr.base, Some(self.source.range(&expr.dot_token).start)),
                Expr::Try(expr) => (&expr.expr, None),
                _ => continue,
            };
            if self.source.range(&**inner).end == end {
                dots.extend(dot);
                end = self.source.range(*parent).end;
            }
        }
        dots
    }
}

/// Returns `text` with each line but the first indented.
pub(super) fn indented(text: &str, indent: &str) -> String {
    let mut lines = text.split('\n');
    let mut result = lines.next().unwrap_or_default().to_owned();
    for line in lines {
        result.push('\n');
        if !line.is_empty() {
            result.push_str(indent);
            result.push_str(line);
        }
    }
    result
}

/// Returns whether the last expression has a value to return. `if`, `match` and loops count as
/// statements: here their value is `()` or unused.
fn has_value(expr: &Expr) -> bool {
    matches!(
        expr,
        Expr::Await(_) | Expr::Try(_) | Expr::MethodCall(_) | Expr::Call(_) | Expr::Macro(_)
    )
}
