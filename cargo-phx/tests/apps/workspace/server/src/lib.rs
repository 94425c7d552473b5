//! The routes of the shop.

use axum::routing::get;
use axum::{Json, Router};
use domain::Article;

/// Returns the routes of the shop.
pub fn router() -> Router {
    Router::new().route("/articles", get(articles))
}

async fn articles() -> Json<Vec<Article>> {
    Json(domain::articles())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_articles_are_those_of_the_domain() {
        assert_eq!(articles().await.0, domain::articles());
    }
}
