//! Small queries about paths and types in the tree.

use syn::{Expr, Path, Type};

/// Returns the name of the last segment: `Tracker` of `presence_channels::Tracker<Presence>`.
pub(crate) fn last(path: &Path) -> String {
    path.segments
        .last()
        .map(|segment| segment.ident.to_string())
        .unwrap_or_default()
}

/// Returns the name of the last segment of a type.
///
/// Returns `None` if the type is not a path.
pub(crate) fn type_name(ty: &Type) -> Option<String> {
    match ty {
        Type::Path(ty) => Some(last(&ty.path)),
        _ => None,
    }
}

/// Returns whether `path` ends in these segments, as `presence_channels::Endpoint::builder` ends in
/// `Endpoint::builder`.
pub(crate) fn ends_with(path: &Path, tail: &[&str]) -> bool {
    path.segments.len() >= tail.len()
        && path
            .segments
            .iter()
            .rev()
            .zip(tail.iter().rev())
            .all(|(segment, name)| segment.ident == name)
}

/// Returns the name of the variable that is the whole expression.
///
/// Returns `None` if the expression is not a variable.
pub(crate) fn variable(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Path(path) => path.path.get_ident().map(ToString::to_string),
        _ => None,
    }
}
