//! The user of a socket: the field of its type that names the user.

use syn::{Fields, Item, Type};

use super::{Source, paths};

/// The field of a socket that names its user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct UserId {
    pub(crate) field: String,
    /// Set if the field is a `String`.
    pub(crate) is_text: bool,
}

/// Returns the field of the type `socket` that names its user: `user_id`, else `id`.
///
/// Returns `None` if the file has no such struct, or the struct has no such field.
pub(crate) fn id(source: &Source, socket: &str) -> Option<UserId> {
    let fields = source.file.items.iter().find_map(|item| match item {
        Item::Struct(item) if item.ident == socket => match &item.fields {
            Fields::Named(fields) => Some(&fields.named),
            _ => None,
        },
        _ => None,
    })?;
    ["user_id", "id"].into_iter().find_map(|name| {
        let field = fields
            .iter()
            .find(|field| field.ident.as_ref().is_some_and(|ident| ident == name))?;
        // A presence has keys of text. An `Option` is not text.
        let ty = paths::type_name(&field.ty)?;
        (ty != "Option").then(|| UserId {
            field: name.to_owned(),
            is_text: matches!(&field.ty, Type::Path(_)) && ty == "String",
        })
    })
}

/// Returns the expression for the user's key in a presence.
pub(crate) fn key(id: Option<&UserId>) -> String {
    match id {
        Some(UserId { field, is_text }) if *is_text => format!("&socket.user().{field}"),
        Some(UserId { field, .. }) => format!("&socket.user().{field}.to_string()"),
        None => "&presence_channels::UserSocket::id(socket.user()).unwrap_or_default()".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn the_user_is_a_field_of_the_socket() {
        let id = |fields: &str| {
            let text = format!("pub struct UserSocket {fields}");
            id(
                &Source::parse(Path::new("a.rs"), &text).unwrap(),
                "UserSocket",
            )
        };
        let key = |fields: &str| key(id(fields).as_ref());
        assert_eq!(
            key("{ id: u64, pub user_id: String }"),
            "&socket.user().user_id"
        );
        assert_eq!(key("{ id: Uuid }"), "&socket.user().id.to_string()");
        assert_eq!(id("{ name: String, id: Option<u64> }"), None);
        assert_eq!(id("(String);"), None);
        assert_eq!(id(";"), None);
    }
}
