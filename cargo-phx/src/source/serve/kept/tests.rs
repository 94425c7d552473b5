use crate::source::serve::tests::{assert_wired, duties, wired, wiring};
use crate::source::serve::{BOUNDED, Duty, Wiring};

/// The lines that stop the endpoint beside a server.
const BESIDE: &str =
    "    // The endpoint stops beside the server: at the signal, or when the server has ended.
    let (served, ended) = tokio::sync::oneshot::channel::<()>();
    let stopping = tokio::spawn({
        let endpoint = endpoint.clone();
        async move {
            tokio::select! {
                () = shutdown() => {}
                _ = ended => {}
            }
            endpoint.stop().await;
        }
    });
";

fn bounded() -> String {
    let function = BOUNDED.replace("NAME", "bounded");
    function.replace("SIGNAL", "shutdown()")
}

#[test]
fn a_service_around_the_router_on_tcp() {
    let text = "\
async fn main() {
    let listener = TcpListener::bind(\"[::]:0\").await.unwrap();
    let app = Router::new();
    let service = middleware.layer(app);
    axum::serve(listener, service.into_make_service()).await.unwrap();
}
";
    let expected = format!(
        "\
async fn main() {{
    let listener = TcpListener::bind(\"[::]:0\").await.unwrap();
    let endpoint = application::start(presence_channels::Config::default())
        .await
        .expect(\"the application starts\");
    let app = Router::new();
    let app = app.merge(endpoint.router());
    let service = middleware.layer(app);
{BESIDE}    bounded(
        axum::serve(
            axum::serve::ListenerExt::tap_io(listener, |stream| {{
                // Without it, a message may wait for the client's acknowledgement.
                let _ = stream.set_nodelay(true);
            }}),
            service.into_make_service(),
        )
        .with_graceful_shutdown(shutdown()),
    )
    .await
    .unwrap();
    drop(served);
    stopping.await.expect(\"the endpoint stops\");
}}

{}
",
        bounded()
    );
    assert_wired(text, &expected);
    assert_eq!(duties(text), []);
}

#[test]
fn a_listener_with_a_limit() {
    for (listener, expected) in [
        (
            "    let listener = TcpListener::bind(\"[::]:0\").await?.limit_connections(10);\n",
            "    let listener = \
             axum::serve::ListenerExt::tap_io(TcpListener::bind(\"[::]:0\").await?, |stream| {\n",
        ),
        (
            "    let listener = TcpListener::bind(\"[::]:0\").await?;\n    \
             let listener = listener.limit_connections(10);\n",
            "    let listener = axum::serve::ListenerExt::tap_io(listener, |stream| {\n",
        ),
    ] {
        let text = format!(
            "async fn main() -> anyhow::Result<()> {{\n{listener}    let app = Router::new();\n    \
             axum::serve(listener, app)\n        .with_graceful_shutdown(shutdown())\n        \
             .await\n        .context(\"it serves\")\n}}\n\nasync fn shutdown() {{\n    \
             tokio::signal::ctrl_c().await.unwrap();\n}}\n"
        );
        let wired = wired(&text);
        assert!(wired.contains(expected), "{wired}");
        let end = "    let result = \
                   bounded(axum::serve(listener, app).with_graceful_shutdown(shutdown()))\n        \
                   .await\n        .context(\"it serves\");\n    drop(served);\n";
        assert!(wired.contains(end), "{wired}");
        assert_eq!(duties(&text), []);
    }
}

#[test]
fn what_only_the_user_can_do_is_a_duty() {
    let main = |before: &str, serve: &str| {
        format!(
            "async fn main() {{\n    let app = Router::new();\n    {before}\n    {serve};\n}}\n"
        )
    };
    let tcp = "let listener = TcpListener::bind(a).await.unwrap();";
    let served = "axum::serve(listener, m.layer(app)).await.unwrap()";
    for (before, serve, expected) in [
        (tcp, served, &[][..]),
        ("let listener = listen();", served, &[Duty::NoDelay]),
        // A Unix socket has no such option.
        (
            "let listener = UnixListener::bind(a).unwrap();",
            served,
            &[],
        ),
        (
            "let listener = listen().tap_io(|stream| stream.set_nodelay(true).unwrap());",
            served,
            &[],
        ),
        // `Own` is made of the connections of a `TcpListener`, not of another listener.
        (
            tcp,
            "axum::serve(listener, app.into_make_service_with_connect_info::<Own>()).await.unwrap()",
            &[Duty::NoDelay],
        ),
        (
            tcp,
            "tokio::join!(axum::serve(listener, m.layer(app)).into_future(), other())",
            &[Duty::Bound],
        ),
    ] {
        let text = main(before, serve);
        assert_eq!(duties(&text), expected, "{text}");
    }
}

#[test]
fn a_server_that_ends_elsewhere_is_left_to_the_user() {
    let text = "async fn main() {\n    let app = Router::new();\n    \
                tokio::spawn(axum::serve(listener, m.layer(app)).into_future());\n    \
                wait().await;\n}\n";
    assert_eq!(wiring(text), Wiring::ByHand { line: 3 });
}
