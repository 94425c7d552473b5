//! Edits of `AppState`: its fields, and the value that `application::start` makes.

use syn::punctuated::Pair;
use syn::visit::{self, Visit};
use syn::{ExprStruct, Fields, Item, ItemStruct, Stmt};

use super::{Edits, Outcome, Source, paths};

/// rustfmt's `struct_lit_width`: in a longer list, each field has a line of its own.
const LITERAL_WIDTH: usize = 18;

/// Returns the struct `AppState` of the file.
pub(crate) fn find<'s>(source: &'s Source) -> Option<&'s ItemStruct> {
    source.file.items.iter().find_map(|item| match item {
        Item::Struct(item) if item.ident == "AppState" => Some(item),
        _ => None,
    })
}

/// Returns the fields that hold a presence, as (field, type of the presence).
pub(crate) fn presences(source: &Source) -> Vec<(String, String)> {
    let Some(item) = find(source) else {
        return Vec::new();
    };
    let fields = item.fields.iter();
    fields
        .filter_map(|field| {
            let syn::Type::Path(ty) = &field.ty else {
                return None;
            };
            let segment = ty.path.segments.last()?;
            let syn::PathArguments::AngleBracketed(arguments) = &segment.arguments else {
                return None;
            };
            let syn::GenericArgument::Type(presence) = arguments.args.first()? else {
                return None;
            };
            let is_tracker = segment.ident == "Tracker";
            let name = field.ident.as_ref()?.to_string();
            is_tracker.then_some((name, paths::type_name(presence)?))
        })
        .collect()
}

/// Adds `pub name: ty` to the struct.
pub(crate) fn add_field(source: &Source, name: &str, ty: &str) -> Outcome {
    let Some(item) = find(source) else {
        return Outcome::Unknown;
    };
    let Fields::Named(fields) = &item.fields else {
        return Outcome::Unknown;
    };
    if fields
        .named
        .iter()
        .any(|field| field.ident.as_ref().is_some_and(|ident| ident == name))
    {
        return Outcome::Unchanged;
    }

    let indent = source.indent(source.range(item).start);
    let line = format!("{indent}    pub {name}: {ty},");
    let braces = source.range(fields);
    let inner = &source.text()[braces.start + 1..braces.end - 1];
    let mut edits = Edits::default();
    match fields.named.pairs().next_back() {
        None if inner.trim().is_empty() => {
            edits.replace(braces, format!("{{\n{line}\n{indent}}}"));
        }
        // The struct holds only a comment.
        None if inner.contains('\n') => {
            edits.insert(source.line_start(braces.end - 1), format!("{line}\n"));
        }
        None => return Outcome::Unknown,
        Some(last) => insert_after(source, &last, &line, &mut edits),
    }
    Outcome::Edited(edits.apply(source.text()))
}

/// Returns the `AppState { .. }` among the statements of `start`.
///
/// Skips a value with `..rest`: only the user knows where its other fields come from.
pub(crate) fn literal(statements: &[Stmt]) -> Option<&ExprStruct> {
    let mut finder = LiteralFinder(None);
    for statement in statements {
        finder.visit_stmt(statement);
    }
    finder.0
}

/// Adds the field `name`, from the variable of the same name, to the value.
pub(crate) fn add_to_literal(source: &Source, literal: &ExprStruct, name: &str, edits: &mut Edits) {
    let range = source.range(literal);
    let indent = source.indent(range.start);
    let line = format!("{indent}    {name},");
    if let (true, Some(last)) = (
        source.text()[range.clone()].contains('\n'),
        literal.fields.pairs().next_back(),
    ) {
        insert_after(source, &last, &line, edits);
        return;
    }

    let path = source.slice(&literal.path);
    let mut fields: Vec<&str> = literal
        .fields
        .iter()
        .map(|field| source.slice(field))
        .collect();
    fields.push(name);
    let on_one_line = fields.join(", ");
    let new = if on_one_line.len() <= LITERAL_WIDTH {
        format!("{path} {{ {on_one_line} }}")
    } else {
        let lines: String = fields
            .iter()
            .map(|field| format!("{indent}    {field},\n"))
            .collect();
        format!("{path} {{\n{lines}{indent}}}")
    };
    edits.replace(range, new);
}

/// Inserts a line after a field. Adds a comma to the field if it lacks one.
fn insert_after<T: syn::spanned::Spanned>(
    source: &Source,
    last: &Pair<&T, &syn::Token![,]>,
    line: &str,
    edits: &mut Edits,
) {
    let field_end = source.range(*last.value()).end;
    match last.punct() {
        Some(comma) => {
            let comma_end = source.range(*comma).end;
            let line_end = source.line_end(comma_end);
            let rest = source.text()[comma_end..line_end].trim_start();
            let comment = rest.is_empty() || rest.starts_with("//");
            let at = if comment { line_end } else { comma_end };
            edits.insert(at, format!("\n{line}"));
        }
        None => edits.insert(field_end, format!(",\n{line}")),
    }
}

struct LiteralFinder<'s>(Option<&'s ExprStruct>);

impl<'s> Visit<'s> for LiteralFinder<'s> {
    fn visit_expr_struct(&mut self, expr: &'s ExprStruct) {
        if paths::last(&expr.path) == "AppState" && expr.rest.is_none() && self.0.is_none() {
            self.0 = Some(expr);
        }
        visit::visit_expr_struct(self, expr);
    }
}
