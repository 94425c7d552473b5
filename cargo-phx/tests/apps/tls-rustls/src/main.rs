//! TLS by axum_server, and a plain server beside it that redirects to the first.

use std::net::SocketAddr;
use std::path::PathBuf;

use axum::Router;
use axum::handler::HandlerWithoutStateExt;
use axum::http::header::HOST;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::Redirect;
use axum::routing::get;
use axum_server::tls_rustls::RustlsConfig;

#[derive(Clone, Copy)]
struct Ports {
    http: u16,
    https: u16,
}

impl Ports {
    /// Reads the ports from the environment.
    fn from_env() -> Ports {
        let port = |name| std::env::var(name).ok()?.parse().ok();
        Ports {
            http: port("HTTP_PORT").unwrap_or(7878),
            https: port("PORT").unwrap_or(3000),
        }
    }
}

#[tokio::main]
async fn main() {
    let ports = Ports::from_env();
    // A second server redirects plain requests to this one.
    tokio::spawn(redirect_http_to_https(ports));

    let certificates = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("self_signed_certs");
    let config =
        RustlsConfig::from_pem_file(certificates.join("cert.pem"), certificates.join("key.pem"))
            .await
            .unwrap();

    let app = Router::new().route("/", get(handler));

    let addr = SocketAddr::from(([127, 0, 0, 1], ports.https));
    println!("listening on {addr}");
    axum_server::bind_rustls(addr, config)
        .serve(app.into_make_service())
        .await
        .unwrap();
}

async fn handler() -> &'static str {
    "Hello, World!"
}

/// Returns the address of the page at the TLS server.
fn https(host: &str, uri: &Uri, port: u16) -> Option<String> {
    let name = host.split(':').next().filter(|name| !name.is_empty())?;
    Some(format!("https://{name}:{port}{uri}"))
}

async fn redirect_http_to_https(ports: Ports) {
    let redirect = move |headers: HeaderMap, uri: Uri| async move {
        let host = headers.get(HOST).and_then(|host| host.to_str().ok());
        match host.and_then(|host| https(host, &uri, ports.https)) {
            Some(uri) => Ok(Redirect::permanent(&uri)),
            None => Err(StatusCode::BAD_REQUEST),
        }
    };

    let addr = SocketAddr::from(([127, 0, 0, 1], ports.http));
    let listener = tokio::net::TcpListener::bind(addr).await.unwrap();
    axum::serve(listener, redirect.into_make_service())
        .await
        .unwrap();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_address_becomes_one_of_the_tls_server() {
        let uri = Uri::from_static("/a?b");
        let redirected = https("example.org:7878", &uri, 3000);
        assert_eq!(redirected.as_deref(), Some("https://example.org:3000/a?b"));
        assert_eq!(https("", &uri, 3000), None);
    }
}
