//! Routes for callers with a signed token.

use std::fmt;
use std::sync::LazyLock;

use axum::extract::FromRequestParts;
use axum::http::header::AUTHORIZATION;
use axum::http::{StatusCode, request::Parts};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

static KEY: LazyLock<Hmac<Sha256>> = LazyLock::new(|| {
    let secret = std::env::var("JWT_SECRET").unwrap_or_else(|_| "only for trying it".to_owned());
    Hmac::new_from_slice(secret.as_bytes()).expect("a key may have any length")
});

#[tokio::main]
async fn main() {
    let app = Router::new()
        .route("/protected", get(protected))
        .route("/authorize", post(authorize));

    // Requests that no route matches.
    let app = app.fallback(nothing);

    let port = std::env::var("PORT").unwrap_or_else(|_| "3000".to_owned());
    let listener = tokio::net::TcpListener::bind(format!("127.0.0.1:{port}"))
        .await
        .unwrap();
    println!("listening on {}", listener.local_addr().unwrap());
    axum::serve(listener, app).await.unwrap();
}

async fn nothing() -> (StatusCode, &'static str) {
    (StatusCode::NOT_FOUND, "nothing is here")
}

async fn protected(claims: Claims) -> Result<String, AuthError> {
    Ok(format!("Welcome. Your data:\n{claims}"))
}

async fn authorize(Json(login): Json<Login>) -> Result<Json<Token>, AuthError> {
    if login.client_id != "foo" || login.client_secret != "bar" {
        return Err(AuthError::WrongCredentials);
    }
    let claims = Claims {
        sub: login.client_id,
    };
    Ok(Json(Token {
        access_token: sign(&claims),
    }))
}

/// Returns `header.claims.signature`.
fn sign(claims: &Claims) -> String {
    let claims = serde_json::to_vec(claims).expect("claims are JSON");
    let text = format!(
        "{}.{}",
        BASE64.encode(r#"{"alg":"HS256","typ":"JWT"}"#),
        BASE64.encode(claims)
    );
    let mut mac = KEY.clone();
    mac.update(text.as_bytes());
    let signature = BASE64.encode(mac.finalize().into_bytes());
    format!("{text}.{signature}")
}

fn verify(token: &str) -> Option<Claims> {
    let (text, signature) = token.rsplit_once('.')?;
    let mut mac = KEY.clone();
    mac.update(text.as_bytes());
    mac.verify_slice(&BASE64.decode(signature).ok()?).ok()?;
    let (_, claims) = text.split_once('.')?;
    serde_json::from_slice(&BASE64.decode(claims).ok()?).ok()
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Claims {
    sub: String,
}

impl fmt::Display for Claims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "user {}", self.sub)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Claims {
    type Rejection = AuthError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, AuthError> {
        let header = parts.headers.get(AUTHORIZATION);
        let token = header
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.strip_prefix("Bearer "));
        token.and_then(verify).ok_or(AuthError::InvalidToken)
    }
}

#[derive(Deserialize)]
struct Login {
    client_id: String,
    client_secret: String,
}

#[derive(Serialize)]
struct Token {
    access_token: String,
}

#[derive(Debug)]
enum AuthError {
    WrongCredentials,
    InvalidToken,
}

impl IntoResponse for AuthError {
    fn into_response(self) -> Response {
        let status = match self {
            AuthError::WrongCredentials => StatusCode::UNAUTHORIZED,
            AuthError::InvalidToken => StatusCode::BAD_REQUEST,
        };
        (status, format!("{self:?}")).into_response()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_with_another_signature_is_refused() {
        let claims = Claims {
            sub: "foo".to_owned(),
        };
        let token = sign(&claims);
        assert_eq!(verify(&token), Some(claims));
        assert_eq!(verify(&format!("{token}A")), None);
        assert_eq!(verify("nonsense"), None);
    }
}
