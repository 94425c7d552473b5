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
    let place = TypePlace {
        crate_name: "shop".to_owned(),
        module: Some("crate".to_owned()),
        public: false,
    };
    wire(&source, "application", &Project(&functions), Some(&place))
}

/// Returns the user's duties in the wired text.
#[track_caller]
pub(super) fn duties(text: &str) -> Vec<Duty> {
    match wiring(text) {
        Wiring::Wired { duties, .. } => duties,
        _ => panic!("nothing was wired in:\n{text}"),
    }
}

/// Returns the wired text, in the format of rustfmt, without the function that waits for a signal.
/// A second run of this edit is not tested: its caller first looks for `application`.
#[track_caller]
pub(super) fn wired(text: &str) -> String {
    let Wiring::Wired { text: result, .. } = wiring(text) else {
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
    // `serve` needs no `.into_make_service_with_connect_info::<std::net::SocketAddr>()`.
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
fn a_router_in_a_field() {
    let text = "\
struct App {
    router: Router,
    listener: TcpListener,
}

impl App {
    async fn run(self) -> std::io::Result<()> {
        axum::serve(self.listener, self.router).await
    }
}
";
    let wired = wired(text);
    let lines = "        let app = self.router.merge(endpoint.router());\n        \
                 presence_channels::serve(self.listener, app, &endpoint)\n";
    assert!(wired.contains(lines), "{wired}");
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

/// The functions of a project that has renamed some crates.
struct Renamed;

impl Functions for Renamed {
    fn return_type(&self, _: &str) -> Option<String> {
        None
    }

    fn crate_name(&self, package: &str) -> String {
        let name = match package {
            "axum" => "web",
            "axum-server" => "tls",
            package => package,
        };
        name.replace('-', "_")
    }
}

fn wired_by(functions: &dyn Functions, text: &str) -> Option<String> {
    let source = Source::parse(Path::new("main.rs"), text).expect("it parses");
    match wire(&source, "application", functions, None) {
        Wiring::Wired { text, .. } => Some(text),
        _ => None,
    }
}

#[test]
fn a_server_is_found_by_the_path_of_its_function() {
    let main = |imports: &str, serve: &str| {
        format!(
            "{imports}\nasync fn main() {{\n    \
             let listener = TcpListener::bind(\"[::]:0\").await.unwrap();\n    \
             let app = Router::new();\n    {serve}(listener, app).await.unwrap();\n}}\n"
        )
    };
    let replaced = "presence_channels::serve(listener, app, &endpoint)";
    for (functions, imports, serve, expected) in [
        (&Renamed as &dyn Functions, "", "web::serve", replaced),
        (
            &Project(&[]),
            "use axum as w;\nuse w::Router;",
            "w::serve",
            replaced,
        ),
        (&Project(&[]), "use axum::serve;", "serve", replaced),
        (&Project(&[]), "use axum::*;", "serve", replaced),
        (&Renamed, "use web::serve;", "serve", replaced),
        // The import would be unused, and its new name is not known elsewhere.
        (
            &Project(&[]),
            "use axum as w;",
            "w::serve",
            "bounded(w::serve(axum::serve::ListenerExt::tap_io(listener, |stream| {",
        ),
        (
            &Project(&[]),
            "use axum::serve as run;",
            "run",
            "bounded(run(axum::serve::ListenerExt::tap_io(listener, |stream| {",
        ),
    ] {
        let text = main(imports, serve);
        let wired = wired_by(functions, &text).unwrap_or_else(|| panic!("{text}"));
        assert!(wired.contains(expected), "{wired}");
        assert!(wired.contains("application::start("), "{wired}");
    }
    for (imports, serve) in [
        ("", "serve"),
        ("use crate::web::serve;", "serve"),
        ("use warp::serve;", "serve"),
        ("", "warp::serve"),
        ("", "web::serve"),
    ] {
        assert_eq!(wired_by(&Project(&[]), &main(imports, serve)), None);
    }
}

#[test]
fn a_renamed_axum_server_is_named_in_the_wiring() {
    let text = "async fn main() {\n    let app = Router::new();\n    \
                tls::bind_rustls(address, config).serve(app.into_make_service()).await.unwrap();\n}\n";
    let wired = wired_by(&Renamed, text).expect("it is a server");
    assert!(wired.contains("tls.acceptor(tls::accept::NoDelayAcceptor::new())"));
    assert!(
        wired.contains("let handle = tls::Handle::new();"),
        "{wired}"
    );
    let imported = text.replace("tls::bind_rustls", "bind");
    let imported = format!("use axum_server::bind;\n\n{imported}");
    assert!(wired_by(&Project(&[]), &imported).is_some());
    assert_eq!(
        wired_by(&Project(&[]), &text.replace("bind_rustls", "bind")),
        None
    );
}
