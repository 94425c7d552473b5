//! The articles of a shop.

use serde::Serialize;

/// An article.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Article {
    pub name: String,
    pub cents: u32,
}

/// Returns all articles.
pub fn articles() -> Vec<Article> {
    let article = |name: &str, cents| Article {
        name: name.to_owned(),
        cents,
    };
    vec![article("tea", 350), article("cup", 800)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_free() {
        assert!(articles().iter().all(|article| article.cents > 0));
    }
}
