//! The events that a channel handles, read from `handle_in`.

use syn::visit::{self, Visit};
use syn::{Arm, Expr, FnArg, Ident, ImplItem, ImplItemFn, Item, ItemImpl, Lit, Pat, Type};

use super::{Source, paths};

/// An event that a channel handles.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) name: String,
    /// The line of the pattern, counted from 1.
    pub(crate) line: usize,
}

/// The events of a channel.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Events {
    pub(crate) known: Vec<Event>,
    /// The lines of patterns and conditions that only run-time values decide.
    pub(crate) unread: Vec<usize>,
}

/// Returns the types that implement `Channel` in the file, with the line of each.
pub(crate) fn channels(source: &Source) -> Vec<(String, usize)> {
    impls(source)
        .filter_map(|item| {
            let line = line(source, item.impl_token.span);
            Some((paths::type_name(&item.self_ty)?, line))
        })
        .collect()
}

/// Returns the events that a channel handles: the strings and constants that `handle_in` matches
/// its event with.
pub(crate) fn events(source: &Source, channel: &str) -> Events {
    let mut events = Events::default();
    let Some(function) = handle_in(source, channel) else {
        return events;
    };
    let variable = function
        .sig
        .inputs
        .iter()
        .nth(1)
        .and_then(|input| match input {
            FnArg::Typed(typed) => match &*typed.pat {
                Pat::Ident(pat) => Some(pat.ident.to_string()),
                _ => None,
            },
            FnArg::Receiver(_) => None,
        });
    let Some(variable) = variable else {
        return events;
    };
    let mut reader = Reader {
        source,
        variable,
        events: &mut events,
    };
    reader.visit_block(&function.block);
    events
}

fn impls<'s>(source: &'s Source) -> impl Iterator<Item = &'s ItemImpl> {
    source.file.items.iter().filter_map(|item| match item {
        Item::Impl(item) => {
            let (path, _) = item.trait_.as_ref()?;
            (paths::last(path) == "Channel").then_some(item)
        }
        _ => None,
    })
}

fn handle_in<'s>(source: &'s Source, channel: &str) -> Option<&'s ImplItemFn> {
    impls(source)
        .filter(|item| paths::type_name(&item.self_ty).as_deref() == Some(channel))
        .flat_map(|item| &item.items)
        .find_map(|item| match item {
            ImplItem::Fn(function) if function.sig.ident == "handle_in" => Some(function),
            _ => None,
        })
}

fn line(source: &Source, span: proc_macro2::Span) -> usize {
    let offset = source.offset(span);
    source.text()[..offset].matches('\n').count() + 1
}

struct Reader<'a> {
    source: &'a Source<'a>,
    /// The parameter that holds the event.
    variable: String,
    events: &'a mut Events,
}

impl Reader<'_> {
    /// Returns whether the expression is the event, or a view of it.
    fn is_event(&self, expr: &Expr) -> bool {
        match expr {
            Expr::Path(_) => paths::variable(expr).as_ref() == Some(&self.variable),
            Expr::Reference(inner) => self.is_event(&inner.expr),
            Expr::Paren(inner) => self.is_event(&inner.expr),
            Expr::Unary(inner) => self.is_event(&inner.expr),
            Expr::MethodCall(call) => call.args.is_empty() && self.is_event(&call.receiver),
            // `match (event, payload) { .. }`
            Expr::Tuple(tuple) => tuple
                .elems
                .first()
                .is_some_and(|first| self.is_event(first)),
            _ => false,
        }
    }

    fn add(&mut self, name: String, span: proc_macro2::Span) {
        let line = line(self.source, span);
        if !self.events.known.iter().any(|event| event.name == name) {
            self.events.known.push(Event { name, line });
        }
    }

    fn unread(&mut self, span: proc_macro2::Span) {
        self.events.unread.push(line(self.source, span));
    }

    fn pattern(&mut self, pat: &Pat) {
        use syn::spanned::Spanned;
        match pat {
            // `event if event.starts_with("draw:")`
            Pat::Guard(guarded) if takes_all(&guarded.pat) => self.unread(guarded.guard.span()),
            Pat::Guard(guarded) => self.pattern(&guarded.pat),
            Pat::Lit(literal) => self.literal(&literal.lit),
            Pat::Or(or) => or.cases.iter().for_each(|case| self.pattern(case)),
            Pat::Paren(inner) => self.pattern(&inner.pat),
            Pat::Tuple(tuple) => tuple
                .elems
                .iter()
                .take(1)
                .for_each(|first| self.pattern(first)),
            Pat::Path(path) => self.constant(&paths::last(&path.path), path.span()),
            // A constant, or a variable that takes what is left.
            Pat::Ident(pat) if is_constant(&pat.ident) => {
                self.constant(&pat.ident.to_string(), pat.span());
            }
            Pat::Ident(pat) => {
                if let Some((_, inner)) = &pat.subpat {
                    self.pattern(inner);
                }
            }
            Pat::Wild(_) => {}
            other => self.unread(other.span()),
        }
    }

    fn literal(&mut self, literal: &Lit) {
        if let Lit::Str(name) = literal {
            self.add(name.value(), name.span());
        }
    }

    /// Adds the event that a constant of the file names.
    fn constant(&mut self, name: &str, span: proc_macro2::Span) {
        let mut constants = Constants { name, value: None };
        constants.visit_file(&self.source.file);
        match constants.value {
            Some(value) => self.add(value, span),
            None => self.unread(span),
        }
    }
}

/// Returns whether the pattern fits every event.
fn takes_all(pat: &Pat) -> bool {
    match pat {
        Pat::Wild(_) => true,
        Pat::Ident(pat) => !is_constant(&pat.ident) && pat.subpat.is_none(),
        _ => false,
    }
}

fn is_constant(ident: &Ident) -> bool {
    let name = ident.to_string();
    name.chars()
        .all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
}

impl<'s> Visit<'s> for Reader<'_> {
    fn visit_expr_match(&mut self, expr: &'s syn::ExprMatch) {
        if self.is_event(&expr.expr) {
            for Arm { pat, .. } in &expr.arms {
                self.pattern(pat);
            }
        }
        visit::visit_expr_match(self, expr);
    }

    fn visit_expr_binary(&mut self, expr: &'s syn::ExprBinary) {
        if matches!(expr.op, syn::BinOp::Eq(_)) {
            for (event, name) in [(&expr.left, &expr.right), (&expr.right, &expr.left)] {
                if self.is_event(event)
                    && let Expr::Lit(literal) = &**name
                {
                    self.literal(&literal.lit);
                }
            }
        }
        visit::visit_expr_binary(self, expr);
    }
}

/// Finds `const NAME: &str = "value";`.
struct Constants<'n> {
    name: &'n str,
    value: Option<String>,
}

impl Constants<'_> {
    fn take(&mut self, ident: &Ident, value: &Expr) {
        if ident == self.name
            && let Expr::Lit(literal) = value
            && let Lit::Str(value) = &literal.lit
        {
            self.value = Some(value.value());
        }
    }
}

impl<'s> Visit<'s> for Constants<'_> {
    fn visit_item_const(&mut self, item: &'s syn::ItemConst) {
        self.take(&item.ident, &item.expr);
    }

    fn visit_impl_item_const(&mut self, item: &'s syn::ImplItemConst) {
        self.take(&item.ident, &item.expr);
    }
}

/// Returns the events of a generated channel as the user typed them for `gen channel`.
pub(crate) fn specifications(source: &Source) -> Vec<String> {
    let channels = channels(source);
    let Some((channel, _)) = channels.first() else {
        return Vec::new();
    };
    let events = events(source, channel);
    let handlers = events.known.iter();
    handlers
        .filter_map(|event| specification(source, &event.name))
        .collect()
}

/// Returns the specification of an event, such as `new_msg:body:string`, as its handler shows it.
fn specification(source: &Source, event: &str) -> Option<String> {
    let name = format!("on_{event}");
    let functions = source.file.items.iter().filter_map(|item| match item {
        Item::Impl(item) => Some(&item.items),
        _ => None,
    });
    let handler = functions.flatten().find_map(|item| match item {
        ImplItem::Fn(function) if function.sig.ident == name => Some(function),
        _ => None,
    })?;
    let argument = handler.sig.inputs.iter().find_map(|input| match input {
        FnArg::Typed(typed) => match (&*typed.pat, &*typed.ty) {
            (Pat::Ident(pat), ty) if pat.ident != "socket" => Some((pat.ident.to_string(), ty)),
            _ => None,
        },
        FnArg::Receiver(_) => None,
    });
    match argument {
        None => Some(event.to_owned()),
        Some((name, _)) if name == "bytes" => Some(format!("{event}:bytes:bytes")),
        Some((_, ty)) => {
            let payload = paths::type_name(ty)?;
            let fields = source.file.items.iter().find_map(|item| match item {
                Item::Struct(item) if item.ident == payload => Some(&item.fields),
                _ => None,
            })?;
            let fields = fields.iter().map(|field| {
                let name = field.ident.as_ref()?.to_string();
                let name = name.trim_start_matches("r#");
                Some(format!("{name}:{}", kind(source, &field.ty)?))
            });
            let fields: Option<Vec<String>> = fields.collect();
            Some(format!("{event}:{}", fields?.join(",")))
        }
    }
}

/// Returns the name of a field's type, as the user types it.
fn kind(source: &Source, ty: &Type) -> Option<String> {
    let code: String = source.slice(ty).split_whitespace().collect();
    if let Some(inner) = code
        .strip_prefix("Option<")
        .and_then(|code| code.strip_suffix('>'))
    {
        return Some(format!("{}?", word(inner)?));
    }
    word(&code).map(str::to_owned)
}

fn word(code: &str) -> Option<&'static str> {
    Some(match code {
        "String" => "string",
        "i64" => "int",
        "f64" => "float",
        "bool" => "bool",
        "Value" => "json",
        "Vec<u8>" => "bytes",
        _ => return None,
    })
}

/// Returns the field of the state with the presence that a channel tracks its users in.
pub(crate) fn presence(source: &Source) -> Option<String> {
    let (_, rest) = source
        .text()
        .split_once("let presence = &socket.state().")?;
    let field = rest
        .split(|c: char| !c.is_alphanumeric() && c != '_')
        .next()?;
    Some(field.to_owned())
}

#[cfg(test)]
mod tests;
