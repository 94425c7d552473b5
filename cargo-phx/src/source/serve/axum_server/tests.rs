use crate::source::serve::tests::{assert_wired, wired};

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
