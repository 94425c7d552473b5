use std::path::Path;

use super::*;

/// The functions of a project: name and return type.
pub(super) struct Project<'a>(pub(super) &'a [(&'a str, &'a str)]);

impl Functions for Project<'_> {
    fn return_type(&self, name: &str) -> Option<String> {
        let found = self.0.iter().find(|(function, _)| *function == name);
        found.map(|(_, ty)| (*ty).to_owned())
    }
}

pub(super) fn wiring(text: &str) -> Wiring {
    let source = Source::parse(Path::new("main.rs"), text).expect("it parses");
    let functions = source.file.items.iter().filter_map(|item| match item {
        syn::Item::Fn(item) => Some(item.sig.ident.to_string()),
        _ => None,
    });
    let functions: Vec<(String, String)> = functions
        .filter_map(|name| Some((name.clone(), return_type(&source, &name)?)))
        .collect();
    let functions: Vec<(&str, &str)> = functions
        .iter()
        .map(|(name, ty)| (&**name, &**ty))
        .collect();
    wire(&source, "application", &Project(&functions))
}

/// Returns the wired text, in the format of rustfmt, without the function that waits for a signal.
/// A second run of this edit is not tested: its caller first looks for `application`.
#[track_caller]
pub(super) fn wired(text: &str) -> String {
    let Wiring::Wired(result) = wiring(text) else {
        panic!("nothing was wired in:\n{text}");
    };
    assert!(starts_application(
        &Source::parse(Path::new("main.rs"), &result).unwrap()
    ));
    let result = crate::source::testing::rustfmt(&result);
    let comment = "/// Returns on ctrl-c, and on Unix also on SIGTERM.\n";
    let Some((before, after)) = result.split_once(comment) else {
        return result;
    };
    let indent = &before[before.rfind('\n').unwrap() + 1..];
    assert!(after.starts_with(&format!("{indent}async fn shutdown() {{\n")));
    let end = format!("\n{indent}}}\n");
    let (_, rest) = after.split_once(&end).expect("the function ends");
    format!("{}\n{rest}", before.trim_end())
}

/// Asserts that `text` is wired so that the lines of `main` become `expected`.
#[track_caller]
pub(super) fn assert_wired(text: &str, expected: &str) {
    let wired = wired(text);
    assert_eq!(wired, expected, "{wired}");
}

#[test]
fn the_classic_main() {
    assert_wired(
        "\
#[tokio::main]
async fn main() {
    let app = Router::new().route(\"/\", get(index));
    let listener = TcpListener::bind(\"127.0.0.1:3000\").await.unwrap();

    // Runs for ever.
    axum::serve(listener, app).await.unwrap();
}
",
        "\
#[tokio::main]
async fn main() {
    let app = Router::new().route(\"/\", get(index));
    let listener = TcpListener::bind(\"127.0.0.1:3000\").await.unwrap();

    let endpoint = application::start(presence_channels::Config::default())
        .await
        .expect(\"the application starts\");
    let app = app.merge(endpoint.router());
    // Runs for ever.
    presence_channels::serve(listener, app, &endpoint)
        .with_graceful_shutdown(shutdown())
        .await
        .unwrap();
}
",
    );
}

#[test]
fn a_function_that_waits_for_a_signal_is_used() {
    let text = "\
async fn main() {
    let listener = listen().await;
    let router = Router::new();
    axum::serve(listener, router).await.unwrap();
}

async fn listen() -> TcpListener {
    TcpListener::bind(\"[::]:0\").await.unwrap()
}

async fn ctrl_c() {
    tokio::signal::ctrl_c().await.unwrap();
}
";
    let wired = wired(text);
    assert!(
        wired.contains(".with_graceful_shutdown(ctrl_c())"),
        "{wired}"
    );
    assert!(!wired.contains("async fn shutdown"), "{wired}");
}

#[test]
fn a_main_with_a_result_and_a_graceful_end() {
    assert_wired(
        "\
async fn main() -> anyhow::Result<()> {
    let listener = TcpListener::bind(\"[::]:0\").await?;
    let router: Router = build()?;
    axum::serve(
        listener,
        router.into_make_service_with_connect_info::<std::net::SocketAddr>(),
    )
    .with_graceful_shutdown(signal())
    .await?; // until ctrl-c
    Ok(())
}
",
        "\
async fn main() -> anyhow::Result<()> {
    let listener = TcpListener::bind(\"[::]:0\").await?;
    let router: Router = build()?;
    let endpoint = application::start(presence_channels::Config::default()).await?;
    let router = router.merge(endpoint.router());
    presence_channels::serve(listener, router, &endpoint)
        .with_graceful_shutdown(signal())
        .await?; // until ctrl-c
    Ok(())
}
",
    );
}

#[test]
fn a_router_that_a_function_builds() {
    let text = "\
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    axum::serve(TcpListener::bind(\"[::]:0\").await?, app(pool)).await?;
    Ok(())
}

fn app(pool: Pool) -> Router {
    Router::new().with_state(pool)
}
";
    let result = wired(text);
    let lines = "    let app = app(pool).merge(endpoint.router());\n    \
                 presence_channels::serve(TcpListener::bind(\"[::]:0\").await?, app, &endpoint)\n";
    assert!(result.contains(lines), "{result}");

    let long = text.replace(
        "app(pool)).await",
        "Router::new().route(\"/\", get(index)).with_state(pool)).await",
    );
    let result = wired(&long);
    let lines = "    let app = app.merge(endpoint.router());\n    presence_channels::serve(";
    assert!(result.contains(lines), "{result}");
}

#[test]
fn a_value_of_the_function_stays_its_value() {
    let text = "\
async fn main() -> std::io::Result<()> {
    let app = Router::new();
    let listener = TcpListener::bind(\"[::]:0\").await?;
    axum::serve(listener, app).await
}
";
    let result = wired(text);
    let lines = "\
    let endpoint = application::start(presence_channels::Config::default())
        .await
        .map_err(std::io::Error::other)?;
    let app = app.merge(endpoint.router());
    presence_channels::serve(listener, app, &endpoint)
        .with_graceful_shutdown(shutdown())
        .await
}
";
    assert!(result.contains(lines), "{result}");
}

#[test]
fn the_error_of_main_decides() {
    let unwrap = |before: &str, result: &str| {
        let text = format!(
            "{before}async fn main(){result} {{ let listener = TcpListener::bind(a).await.unwrap(); \
             axum::serve(listener, Router::new()).await.unwrap(); }}\n"
        );
        let wired = wired(&text);
        let (_, rest) = wired.split_once("Config::default())").unwrap();
        let (unwrap, _) = rest.split_once(';').unwrap();
        unwrap.split_whitespace().collect::<String>()
    };
    let expect = ".await.expect(\"theapplicationstarts\")";
    for (before, result, expected) in [
        ("", "", expect),
        ("", " -> ExitCode", expect),
        ("", " -> anyhow::Result<()>", ".await?"),
        ("use anyhow::Result;\n", " -> Result<()>", ".await?"),
        (
            "use anyhow::{Context, Error};\n",
            " -> Result<(), Error>",
            ".await?",
        ),
        ("", " -> Result<(), anyhow::Error>", ".await?"),
        (
            "",
            " -> Result<(), Box<dyn std::error::Error + Send + Sync>>",
            ".await?",
        ),
        ("", " -> Result<(), axum::BoxError>", ".await?"),
        (
            "type Result<T> = std::result::Result<T, Box<dyn Error>>;\n",
            " -> Result<()>",
            ".await?",
        ),
        (
            "type Result<T, E = Box<dyn Error>> = std::result::Result<T, E>;\n",
            " -> Result<()>",
            ".await?",
        ),
        (
            "",
            " -> color_eyre::Result<()>",
            ".await.map_err(color_eyre::eyre::Report::msg)?",
        ),
        (
            "use eyre::Result;\n",
            " -> Result<()>",
            ".await.map_err(eyre::Report::msg)?",
        ),
        (
            "use std::io;\n",
            " -> io::Result<()>",
            ".await.map_err(std::io::Error::other)?",
        ),
        (
            "",
            " -> Result<(), String>",
            ".await.map_err(|error|format!(\"{error:#}\"))?",
        ),
        ("enum AppError {}\n", " -> Result<(), AppError>", expect),
        (
            "enum AppError { #[from] Other(#[from] anyhow::Error) }\n",
            " -> Result<(), AppError>",
            ".await?",
        ),
        (
            "impl From<anyhow::Error> for AppError {}\n",
            " -> Result<(), AppError>",
            ".await?",
        ),
    ] {
        assert_eq!(unwrap(before, result), expected, "{before}{result}");
    }
}

#[test]
fn a_server_in_a_variable_or_in_a_task() {
    let before = "async fn main() {\n    let listener = TcpListener::bind(\"[::]:0\").await.unwrap();\n    \
                  let app = Router::new();\n";
    for (text, expected) in [
        (
            "    let server = axum::serve(listener, app);\n    server.await.unwrap();\n}\n",
            "    let server =\n        presence_channels::serve(listener, app, &endpoint)\
             .with_graceful_shutdown(shutdown());\n    server.await.unwrap();\n}\n",
        ),
        (
            "    let server = axum::serve(listener, app);\n    \
             server.with_graceful_shutdown(signal()).await.unwrap();\n}\n",
            "    let server = presence_channels::serve(listener, app, &endpoint);\n    \
             server.with_graceful_shutdown(signal()).await.unwrap();\n}\n",
        ),
        (
            "    let server = tokio::spawn(axum::serve(listener, app).into_future());\n    \
             server.await.unwrap();\n}\n",
            "    let server = tokio::spawn(\n        \
             presence_channels::serve(listener, app, &endpoint)\n            \
             .with_graceful_shutdown(shutdown())\n            .into_future(),\n    );\n    \
             server.await.unwrap();\n}\n",
        ),
        (
            "    if let Err(error) = axum::serve(listener, app).await {\n        \
             panic!(\"{error}\");\n    }\n}\n",
            "    if let Err(error) = presence_channels::serve(listener, app, &endpoint)\n        \
             .with_graceful_shutdown(shutdown())\n        .await\n    {\n        \
             panic!(\"{error}\");\n    }\n}\n",
        ),
        (
            "    tokio::select! {\n        ended = axum::serve(listener, app) => ended.unwrap(),\n        \
             _ = signal() => {}\n    }\n}\n",
            "    tokio::select! {\n        ended = presence_channels::serve(listener, app, &endpoint) \
             => ended.unwrap(),\n        _ = signal() => {}\n    }\n    endpoint.stop().await;\n}\n",
        ),
    ] {
        let start = "    let endpoint = application::start(presence_channels::Config::default())\n        \
                     .await\n        .expect(\"the application starts\");\n    \
                     let app = app.merge(endpoint.router());\n";
        assert_wired(
            &format!("{before}{text}"),
            &format!("{before}{start}{expected}"),
        );
    }
}

#[test]
fn of_several_servers_the_one_with_the_most_routes() {
    let text = "\
async fn main() {
    tokio::join!(metrics(), run());
}

async fn metrics() {
    let listener = TcpListener::bind(\"[::]:1\").await.unwrap();
    let app = metrics_app();
    axum::serve(listener, app).await.unwrap();
}

async fn run() {
    let listener = TcpListener::bind(\"[::]:2\").await.unwrap();
    let app = main_app();
    axum::serve(listener, app).await.unwrap();
}

fn metrics_app() -> Router {
    Router::new().route(\"/metrics\", get(metrics))
}

fn main_app() -> Router {
    Router::new().route(\"/\", get(index)).route(\"/a\", get(a))
}
";
    let wired = wired(text);
    let (metrics, run) = wired.split_once("async fn run()").unwrap();
    assert!(!metrics.contains("endpoint"), "{wired}");
    assert!(run.contains("presence_channels::serve(listener, app, &endpoint)"));
}

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

#[test]
fn a_unix_socket_in_a_task_of_a_module() {
    assert_wired(
        "\
mod unix {
    pub async fn run() {
        let listener = UnixListener::bind(path).unwrap();
        tokio::spawn(async move {
            let app = Router::new()
                .route(\"/\", get(index))
                .into_make_service_with_connect_info::<UdsConnectInfo>();
            axum::serve(listener, app).await.unwrap();
        });
    }
}
",
        "\
mod unix {
    pub async fn run() {
        let listener = UnixListener::bind(path).unwrap();
        tokio::spawn(async move {
            let endpoint = crate::application::start(presence_channels::Config::default())
                .await
                .expect(\"the application starts\");
            let app = Router::new()
                .route(\"/\", get(index))
                .merge(endpoint.router())
                .into_make_service_with_connect_info::<UdsConnectInfo>();
            // The endpoint stops beside the server: at the signal, or when the server has ended.
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
            axum::serve(listener, app)
                .with_graceful_shutdown(shutdown())
                .await
                .unwrap();
            drop(served);
            stopping.await.expect(\"the endpoint stops\");
        });
    }
}
",
    );
}

#[test]
fn a_service_around_the_router_is_served_as_it_is() {
    let text = "\
async fn main() {
    let listener = TcpListener::bind(\"[::]:0\").await.unwrap();
    let app = Router::new().route(\"/\", get(index)); // the routes
    let service = middleware.layer(app);
    axum::serve(listener, service.into_make_service()).await.unwrap();
}
";
    let wired = wired(text);
    let lines = "    let app = Router::new().route(\"/\", get(index)); // the routes\n    \
                 let app = app.merge(endpoint.router());\n    let service = middleware.layer(app);\n";
    assert!(wired.contains(lines), "{wired}");
    assert!(
        wired.contains("    axum::serve(listener, service.into_make_service())\n"),
        "{wired}"
    );
}

#[test]
fn a_loop_that_accepts_for_hyper() {
    let body = "tokio::spawn(async move {
            let service = service_fn(move |request| tower.clone().call(request));
            let _ = Builder::new(TokioExecutor::new())
                .serve_connection_with_upgrades(TokioIo::new(stream), service)
                .await;
        });
    }
";
    let start = "\
async fn main() -> anyhow::Result<()> {
    let app = Router::new().route(\"/\", get(index));
";
    let text = format!(
        "{start}    loop {{\n        let tower = app.clone();\n        \
         // The next connection.\n        let (stream, _) = listener.accept().await?;\n        {body}}}\n"
    );
    let expected = format!(
        "\
async fn main() -> anyhow::Result<()> {{
    let endpoint = application::start(presence_channels::Config::default()).await?;
    let app = Router::new().route(\"/\", get(index));
    let app = app.merge(endpoint.router());
    let mut stop = std::pin::pin!(shutdown());
    loop {{
        let tower = app.clone();
        let accepted = tokio::select! {{
            accepted = listener.accept() => accepted,
            () = &mut stop => break,
        }};
        // The next connection.
        let (stream, _) = accepted?;
        // Without it, a message may wait for the client's acknowledgement.
        let _ = stream.set_nodelay(true);
        {body}    endpoint.stop().await;
    Ok(())
}}
"
    );
    assert_wired(&text, &expected);
}

#[test]
fn other_shapes_are_left_to_the_user() {
    for (text, expected) in [
        ("fn main() {}\n", Wiring::Nothing),
        (
            "#[cfg(test)]\nmod tests { async fn f() { axum::serve(listener, Router::new()).await; } }\n",
            Wiring::Nothing,
        ),
        (
            "#[tokio::test]\nasync fn f() { axum::serve(listener, Router::new()).await; }\n",
            Wiring::Nothing,
        ),
        // The type of the service is unknown.
        (
            "async fn main() {\n    axum::serve(listener, build()).await;\n}\n",
            Wiring::ByHand { line: 2 },
        ),
        // The endpoint cannot start in a function that is not async.
        (
            "fn main() {\n    run(axum::serve(listener, Router::new()).into_future());\n}\n",
            Wiring::ByHand { line: 2 },
        ),
        // It would start several times.
        (
            "async fn main() {\n    for a in all {\n        axum::serve(a, Router::new()).await;\n    }\n}\n",
            Wiring::ByHand { line: 3 },
        ),
        (
            "async fn main() {\n    run(|| async { axum::serve(a, Router::new()).await.unwrap(); })\n}\n",
            Wiring::ByHand { line: 2 },
        ),
    ] {
        assert_eq!(wiring(text), expected, "{text}");
    }
}

#[test]
fn a_file_that_starts_the_application_says_so() {
    let mentions =
        |text: &str| starts_application(&Source::parse(Path::new("a.rs"), text).unwrap());
    assert!(mentions("fn main() { application::start(c); }\n"));
    assert!(mentions("fn main() { hello::application::start(c); }\n"));
    assert!(mentions("use hello::application::start;\n"));
    assert!(mentions("use hello::{application::{self, start}, web};\n"));
    assert!(!mentions("use hello::application;\n"));
    assert!(!mentions("mod application;\nfn main() { start(); }\n"));
}
