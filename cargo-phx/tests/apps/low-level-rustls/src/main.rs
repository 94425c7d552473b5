//! TLS by tokio-rustls, and HTTP by hyper.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::extract::Request;
use axum::{Router, routing::get};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tower_service::Service;

#[tokio::main]
async fn main() {
    let certificates = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("self_signed_certs");
    let rustls_config =
        rustls_server_config(certificates.join("key.pem"), certificates.join("cert.pem"));

    let tls_acceptor = TlsAcceptor::from(rustls_config);
    let port = std::env::var("PORT").unwrap_or_else(|_| "3000".to_owned());
    let tcp_listener = TcpListener::bind(format!("127.0.0.1:{port}"))
        .await
        .unwrap();
    println!("listening on {}", tcp_listener.local_addr().unwrap());
    let app = Router::new().route("/", get(handler));

    loop {
        let tower_service = app.clone();
        let tls_acceptor = tls_acceptor.clone();

        // Wait for a connection.
        let (cnx, addr) = tcp_listener.accept().await.unwrap();

        tokio::spawn(async move {
            // Wait for the TLS handshake.
            let Ok(stream) = tls_acceptor.accept(cnx).await else {
                eprintln!("the TLS handshake with {addr} failed");
                return;
            };

            let stream = TokioIo::new(stream);

            let hyper_service = hyper::service::service_fn(move |request: Request<Incoming>| {
                tower_service.clone().call(request)
            });

            let served = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new())
                .serve_connection_with_upgrades(stream, hyper_service)
                .await;

            if let Err(error) = served {
                eprintln!("cannot serve {addr}: {error}");
            }
        });
    }
}

async fn handler() -> &'static str {
    "Hello, World!"
}

fn rustls_server_config(key: impl AsRef<Path>, cert: impl AsRef<Path>) -> Arc<ServerConfig> {
    let key = PrivateKeyDer::from_pem_file(key).unwrap();
    let certs = CertificateDer::pem_file_iter(cert)
        .unwrap()
        .map(|cert| cert.unwrap())
        .collect();

    let mut config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(certs, key)
        .expect("the key fits the certificate");
    config.alpn_protocols = vec![b"http/1.1".to_vec()];

    Arc::new(config)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_page_greets() {
        assert_eq!(handler().await, "Hello, World!");
    }

    #[test]
    fn the_key_fits_the_certificate() {
        let certificates = Path::new(env!("CARGO_MANIFEST_DIR")).join("self_signed_certs");
        let config =
            rustls_server_config(certificates.join("key.pem"), certificates.join("cert.pem"));
        assert_eq!(config.alpn_protocols, [b"http/1.1"]);
    }
}
