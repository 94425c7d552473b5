use crate::source::serve::tests::{assert_wired, duties, wired, wiring};
use crate::source::serve::{Duty, Wiring};

#[test]
fn a_redirect_is_not_the_app() {
    let text = "\
async fn main() {
    tokio::spawn(redirect());
    let app = Router::new().route(\"/\", get(index));
    axum_server::bind_rustls(address, config)
        .serve(app.into_make_service())
        .await
        .unwrap();
}

async fn redirect() {
    let redirect = move |uri: Uri| async move { Redirect::permanent(&uri) };
    let listener = TcpListener::bind(\"[::]:2\").await.unwrap();
    axum::serve(listener, redirect.into_make_service()).await.unwrap();
}
";
    assert_wired(
        text,
        "\
async fn main() {
    tokio::spawn(redirect());
    let app = Router::new().route(\"/\", get(index));
    let endpoint = application::start(presence_channels::Config::default())
        .await
        .expect(\"the application starts\");
    let app = app.merge(endpoint.router());
    let handle = axum_server::Handle::new();
    // The endpoint stops beside the server: at the signal, or when the server has ended.
    let (served, ended) = tokio::sync::oneshot::channel::<()>();
    let stopping = tokio::spawn({
        let (endpoint, handle) = (endpoint.clone(), handle.clone());
        async move {
            tokio::select! {
                () = shutdown() => {}
                _ = ended => {}
            }
            // The server accepts no more, and its requests have 10 s to end.
            handle.graceful_shutdown(Some(std::time::Duration::from_secs(10)));
            endpoint.stop().await;
        }
    });
    axum_server::bind_rustls(address, config)
        .map(|tls| tls.acceptor(axum_server::accept::NoDelayAcceptor::new()))
        .handle(handle)
        .serve(app.into_make_service())
        .await
        .unwrap();
    drop(served);
    stopping.await.expect(\"the endpoint stops\");
}

async fn redirect() {
    let redirect = move |uri: Uri| async move { Redirect::permanent(&uri) };
    let listener = TcpListener::bind(\"[::]:2\").await.unwrap();
    axum::serve(listener, redirect.into_make_service())
        .await
        .unwrap();
}
",
    );
}

#[test]
fn a_handle_of_the_app_is_kept() {
    let text = "\
async fn main() {
    let handle = axum_server::Handle::new();
    let app = Router::new();
    axum_server::bind(address).handle(handle).serve(app.into_make_service()).await.unwrap();
}
";
    let wired = wired(text);
    assert_eq!(wired.matches("Handle::new()").count(), 1, "{wired}");
    assert_eq!(wired.matches(".handle(").count(), 1, "{wired}");
    assert!(
        wired.contains("let endpoint = endpoint.clone();"),
        "{wired}"
    );
}

/// Returns an app with these lines, of which the last makes the server.
fn app(lines: &str) -> String {
    format!(
        "async fn main() {{\n    let app = Router::new();\n    \
         {lines}.serve(app.into_make_service()).await.unwrap();\n}}\n"
    )
}

#[test]
fn a_server_without_tls_gets_the_option_by_its_acceptor() {
    for lines in [
        "axum_server::bind(address)",
        "axum_server::Server::bind(address)",
        "axum_server::from_tcp(listener)",
        "axum_server::from_tcp(listener).unwrap()",
        "let server = axum_server::bind(address);\n    server",
        "let server = axum_server::bind(address);\n    let server = server.http1_only();\n    server",
    ] {
        let text = app(lines);
        let wired = wired(&text);
        let acceptor = ".acceptor(axum_server::accept::NoDelayAcceptor::new())";
        assert_eq!(wired.matches(acceptor).count(), 1, "{wired}");
        assert!(wired.contains(".handle(handle)"), "{wired}");
        assert_eq!(duties(&text), [], "{text}");
    }
}

#[test]
fn an_option_that_the_wiring_cannot_set_is_a_duty() {
    for (lines, expected) in [
        (
            "axum_server::bind_openssl(address, config)",
            &[Duty::NoDelay][..],
        ),
        (
            "axum_server::bind_rustls(address, config).map(own)",
            &[Duty::NoDelay],
        ),
        (
            "axum_server::bind(address).acceptor(RustlsAcceptor::new(config))",
            &[Duty::NoDelay],
        ),
        (
            "let server = axum_server::bind(address).acceptor(own);\n    server",
            &[Duty::NoDelay],
        ),
        (
            "axum_server::bind(address).acceptor(NoDelayAcceptor::new())",
            &[],
        ),
        (
            "let tls = own.acceptor(NoDelayAcceptor::new());\n    \
             axum_server::bind(address).acceptor(tls)",
            &[],
        ),
        (
            "let address = std::os::unix::net::SocketAddr::from_pathname(path);\n    \
             axum_server::bind(address)",
            &[Duty::NoDelay],
        ),
        // A Unix socket has no such option.
        ("axum_server::from_unix(listener)", &[]),
    ] {
        let text = app(lines);
        assert_eq!(duties(&text), expected, "{text}");
        let acceptors = |text: &str| text.matches("NoDelayAcceptor").count();
        assert_eq!(acceptors(&wired(&text)), acceptors(&text), "{text}");
    }
}

/// Returns the wired text, with the function that waits for a signal.
#[track_caller]
fn text_of(text: &str) -> String {
    match wiring(text) {
        Wiring::Wired { text, .. } => text,
        _ => panic!("nothing was wired in:\n{text}"),
    }
}

#[test]
fn a_handle_of_the_app_without_a_limit_is_a_duty() {
    for (lines, expected) in [
        (
            "axum_server::bind(address).handle(handle)",
            &[Duty::Bound][..],
        ),
        (
            "end(|| handle.graceful_shutdown(None));\n    axum_server::bind(address).handle(handle)",
            &[Duty::Bound],
        ),
        (
            "let server = axum_server::bind(address).handle(handle);\n    server",
            &[Duty::Bound],
        ),
        (
            "end(|| handle.graceful_shutdown(Some(LIMIT)));\n    \
             axum_server::bind(address).handle(handle)",
            &[],
        ),
        (
            "end(|| handle.shutdown());\n    axum_server::bind(address).handle(handle)",
            &[],
        ),
    ] {
        let text = app(lines);
        assert_eq!(duties(&text), expected, "{text}");
        assert!(!text_of(&text).contains("Handle::new()"), "{text}");
    }
}
