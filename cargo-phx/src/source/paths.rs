//! Small questions about paths and types in the tree.

use syn::{Expr, Path, Type};

/// The last segment's name: `Tracker` of `presence_channels::Tracker<Presence>`.
pub(crate) fn last(path: &Path) -> String {
    path.segments
        .last()
        .map(|segment| segment.ident.to_string())
        .unwrap_or_default()
}

/// The same of a type that is a path.
pub(crate) fn type_name(ty: &Type) -> Option<String> {
    match ty {
        Type::Path(ty) => Some(last(&ty.path)),
        _ => None,
    }
}

/// Whether `path` ends in these segments: `Endpoint::builder` in
/// `presence_channels::Endpoint::builder`.
pub(crate) fn ends_with(path: &Path, tail: &[&str]) -> bool {
    path.segments.len() >= tail.len()
        && path
            .segments
            .iter()
            .rev()
            .zip(tail.iter().rev())
            .all(|(segment, name)| segment.ident == name)
}

/// The variable that an expression is.
pub(crate) fn variable(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Path(path) => path.path.get_ident().map(ToString::to_string),
        _ => None,
    }
}
