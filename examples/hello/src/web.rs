//! The page and its files, for the browser.

use std::env;
use std::io;
use std::path::{Path, PathBuf};

use axum::Router;
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, HeaderValue};
use axum::response::Html;
use axum::routing::get;
use tower_http::services::ServeFile;
use tower_http::set_header::SetResponseHeaderLayer;

/// The message in the log, and in place of the page, while phoenix.js is not installed.
const PHOENIX_JS_MISSING: &str = "phoenix.js is not installed: run npm install --prefix assets";

/// Returns the routes of the page and its files.
///
/// Browsers load only files that have a route here.
pub fn router() -> Router {
    let assets = assets_dir();
    let phoenix_js = assets.join("node_modules/phoenix/priv/static/phoenix.mjs");
    if !phoenix_js.exists() {
        tracing::warn!("{PHOENIX_JS_MISSING} (looked for {})", phoenix_js.display());
    }

    let page = assets.join("index.html");
    let client = phoenix_js.clone();
    // A browser keeps the files, and asks each time whether they are new.
    let revalidate =
        SetResponseHeaderLayer::overriding(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    Router::new()
        .route("/", get(async move || index(&page, &client).await))
        .route_service("/assets/app.css", ServeFile::new(assets.join("app.css")))
        .route_service("/assets/app.js", ServeFile::new(assets.join("app.js")))
        .route_service("/assets/phoenix.mjs", ServeFile::new(phoenix_js))
        .layer(revalidate)
}

async fn index(page: &Path, phoenix_js: &Path) -> Result<Html<String>, (StatusCode, String)> {
    if !phoenix_js.exists() {
        let page = format!("<main role=\"main\">{PHOENIX_JS_MISSING}</main>");
        return Ok(Html(page));
    }
    let cannot_read = |error: io::Error| {
        let message = format!("cannot read {}: {error}", page.display());
        (StatusCode::INTERNAL_SERVER_ERROR, message)
    };
    let html = tokio::fs::read_to_string(page).await.map_err(cannot_read)?;
    Ok(Html(html))
}

/// Returns the folder with the page: `ASSETS` if that variable is set, else `assets` beside the
/// binary, as in a deployment, else `assets` beside the `Cargo.toml`.
fn assets_dir() -> PathBuf {
    if let Some(dir) = env::var_os("ASSETS") {
        return dir.into();
    }
    let binary = env::current_exe().unwrap_or_default();
    let beside = binary.with_file_name("assets");
    if beside.is_dir() {
        return beside;
    }
    Path::new(env!("CARGO_MANIFEST_DIR")).join("assets")
}
