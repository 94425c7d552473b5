use crate::source::serve::BOUNDED;
use crate::source::serve::tests::{assert_wired, wired};

#[test]
fn a_unix_socket_in_a_task_of_a_module() {
    let function = BOUNDED.replace("NAME", "bounded");
    let function = function.replace("SIGNAL", "shutdown()");
    let bounded: String = function
        .lines()
        .map(|line| format!("    {line}\n"))
        .collect();
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
        &"\
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
            bounded(axum::serve(listener, app).with_graceful_shutdown(shutdown()))
                .await
                .unwrap();
            drop(served);
            stopping.await.expect(\"the endpoint stops\");
        });
    }

BOUNDED}
"
        .replace("BOUNDED", &bounded),
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
        wired.contains("            service.into_make_service(),\n"),
        "{wired}"
    );
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
fn an_import_that_becomes_unused_goes() {
    let text = |imports: &str, serve: &str| {
        format!(
            "{imports}\n\nasync fn main() {{\n    \
             let listener = TcpListener::bind(\"[::]:0\").await.unwrap();\n    \
             let app = Router::new();\n    {serve}.await.unwrap();\n}}\n"
        )
    };
    let with_address =
        "axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>())";
    for (imports, serve, left) in [
        (
            "use axum::{Router, routing::get, serve};",
            "serve(listener, app)",
            "use axum::{Router, routing::get};\n",
        ),
        (
            "use axum::Router;\nuse axum::serve;",
            "serve(listener, app)",
            "use axum::Router;\n",
        ),
        (
            "use axum::Router;\nuse std::net::SocketAddr;",
            with_address,
            "use axum::Router;\n",
        ),
        (
            "use axum::Router;\nuse std::{net::SocketAddr, path::PathBuf};",
            with_address,
            "use axum::Router;\nuse std::path::PathBuf;\n",
        ),
    ] {
        let wired = wired(&text(imports, serve));
        assert!(
            wired.starts_with(&format!("{left}\nasync fn main")),
            "{wired}"
        );
        let serves = "presence_channels::serve(listener, app, &endpoint)";
        assert!(wired.contains(serves), "{wired}");
    }
}

#[test]
fn a_service_in_a_variable() {
    let main = |made: &str| {
        format!(
            "async fn main() -> anyhow::Result<()> {{\n    \
             let listener = TcpListener::bind(\"[::]:0\").await?;\n{made}    \
             axum::serve(listener, app).await?;\n    Ok(())\n}}\n"
        )
    };
    let start =
        "    let endpoint = application::start(presence_channels::Config::default()).await?;\n";
    let end = "    presence_channels::serve(listener, app, &endpoint)\n        \
               .with_graceful_shutdown(shutdown())\n        .await?;\n    Ok(())\n}\n";
    for (made, expected) in [
        (
            "    let app = Router::new()\n        .route(\"/\", get(index))\n        \
             .into_make_service();\n",
            "    // `serve` needs no `.into_make_service()`.\n    let app = Router::new()\n        \
             .route(\"/\", get(index))\n        .merge(endpoint.router());\n",
        ),
        (
            "    let router = Router::new();\n    let app = \
             router.into_make_service_with_connect_info::<std::net::SocketAddr>();\n",
            "    // `serve` needs no \
             `.into_make_service_with_connect_info::<std::net::SocketAddr>()`.\n    \
             let app = router.merge(endpoint.router());\n",
        ),
    ] {
        let wired = wired(&main(made));
        let router = match made.contains("let router") {
            true => "    let router = Router::new();\n",
            false => "",
        };
        let lines = format!("{router}{start}{expected}{end}");
        assert!(wired.contains(&lines), "{wired}");
    }
    // Other code has the service too.
    let kept = wired(&main(
        "    let app = Router::new().into_make_service();\n    spawn(app.clone());\n",
    ));
    assert!(kept.contains("bounded(\n        axum::serve(\n"), "{kept}");
}
