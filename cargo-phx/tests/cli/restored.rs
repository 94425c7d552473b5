//! `destroy` after `gen` restores the file that serves, whichever kind of server it has.

use proptest::prelude::*;
use proptest::sample::select;

use crate::sandbox::Sandbox;

/// The way of `main` with an error: the return type, the end of a call, and the last value.
type Failure = (&'static str, &'static str, &'static str);

const FAILURES: [Failure; 2] = [
    ("", ".unwrap()", ""),
    (" -> anyhow::Result<()>", "?", "    Ok(())\n"),
];

/// The parts of an app that differ from one app to the next.
#[derive(Debug, Clone)]
struct App {
    server: &'static str,
    failure: Failure,
    /// The last call that makes the router.
    state: &'static str,
    /// The lines above the server.
    above: &'static str,
    /// The name of axum in the project.
    axum: &'static str,
    /// Four spaces, or another indent, with which the file is not in rustfmt's format.
    indent: &'static str,
    line_break: &'static str,
}

/// The servers. `FAIL` stands for the end of a call that may fail, `AXUM` for the name of axum.
const SERVERS: &[&str] = &[
    "    let listener = tokio::net::TcpListener::bind(\"[::1]:0\").awaitFAIL;
ABOVE    AXUM::serve(listener, app).awaitFAIL;
",
    "    let listener = tokio::net::TcpListener::bind(\"[::1]:0\").awaitFAIL;
ABOVE    AXUM::serve(listener, app)
        .with_graceful_shutdown(stop())
        .awaitFAIL;
",
    "    let the_listener_of_the_app = tokio::net::TcpListener::bind(\"[::1]:0\").awaitFAIL;
ABOVE    AXUM::serve(the_listener_of_the_app, app.into_make_service())
        .awaitFAIL;
",
    "    let listener = tokio::net::TcpListener::bind(\"[::1]:0\").awaitFAIL;
    let app = app.into_make_service();
ABOVE    AXUM::serve(listener, app).awaitFAIL;
",
    "    let listener = tokio::net::TcpListener::bind(\"[::1]:0\").awaitFAIL;
ABOVE    AXUM::serve(listener, timed(app)).awaitFAIL;
",
    "    let listener = tokio::net::UnixListener::bind(\"socket\")FAIL;
ABOVE    AXUM::serve(listener, app).awaitFAIL;
",
    "    let listener = tokio::net::TcpListener::bind(\"[::1]:0\").awaitFAIL;
ABOVE    tokio::select! {
        served = AXUM::serve(listener, app) => servedFAIL,
        () = stop() => {}
    }
",
    "ABOVE    axum_server::bind(address())
        .serve(app.into_make_service())
        .awaitFAIL;
",
    "ABOVE    axum_server::bind(address())
        .acceptor(tls())
        .serve(app.into_make_service())
        .awaitFAIL;
",
    "    let handle = axum_server::Handle::new();
    tokio::spawn(end(handle.clone()));
ABOVE    axum_server::bind_rustls(address(), config())
        .handle(handle)
        .serve(app.into_make_service())
        .awaitFAIL;
",
    "    let listener = tokio::net::TcpListener::bind(\"[::1]:0\").awaitFAIL;
ABOVE    loop {
        let (stream, peer) = listener.accept().awaitFAIL;
        let tower = app.clone();
        tokio::spawn(async move {
            let service = service_fn(move |request| tower.clone().call(request));
            let served = Builder::new(TokioExecutor::new())
                .serve_connection_with_upgrades(TokioIo::new(stream), service)
                .await;
            if let Err(error) = served {
                eprintln!(\"{peer}: {error}\");
            }
        });
    }
",
    "    let first = tokio::net::TcpListener::bind(\"[::1]:0\").awaitFAIL;
    let second = tokio::net::TcpListener::bind(\"[::1]:0\").awaitFAIL;
ABOVE    loop {
        // Whichever comes first.
        let (stream, _) = tokio::select! {
            accepted = first.accept() => acceptedFAIL,
            accepted = second.accept() => acceptedFAIL,
        };

        let tower = app.clone();
        tokio::spawn(async move {
            let service = service_fn(move |request| tower.clone().call(request));
            http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .with_upgrades()
                .await
        });
    }
",
    "ABOVE    tokio::join!(run(app, 3000), run(Router::new(), 3001));
",
];

/// The part of a server that has one line or two, depending on what follows.
const ALONE: &str = "(the_listener_of_the_app, app.into_make_service())\n        .awaitFAIL";

/// The function that some servers need beside `main`.
const REST: &str = "
async fn run(app: Router, port: u16) {
    let listener = tokio::net::TcpListener::bind((\"::1\", port))
        .await
        .unwrap();
    AXUM::serve(listener, app).await.unwrap();
}
";

fn app() -> impl Strategy<Value = App> {
    (
        select(SERVERS),
        select(&FAILURES[..]),
        select(vec!["", ".with_state(Db::default())", ".with_state(db)"]),
        select(vec!["", "\n", "\n    // Runs for ever.\n"]),
        select(vec!["axum", "web"]),
        select(vec!["    ", "  "]),
        select(vec!["\n", "\r\n"]),
    )
        .prop_map(
            |(server, failure, state, above, axum, indent, line_break)| App {
                server,
                failure,
                state,
                above,
                axum,
                indent,
                line_break,
            },
        )
}

/// Writes the app into a sandbox.
fn write(app: &App) -> Sandbox {
    let (returned, fail, value) = app.failure;
    // A loop without an end is a value of any type.
    let value = if app.server.contains("loop {") {
        ""
    } else {
        value
    };
    let rest = if app.server.contains("run(") {
        REST
    } else {
        ""
    };
    // As rustfmt has it: a call whose only follower is `.await?` stays with it on a line. The file
    // is not in rustfmt's format with another indent, nor with a chain of over 60 characters.
    let is_formatted = app.indent == "    " && !app.state.contains("default");
    let server = match fail {
        "?" if is_formatted => app.server.replace(ALONE, &ALONE.replace("\n        ", "")),
        _ => app.server.to_owned(),
    };
    let main = format!(
        "//! An app.

use AXUM::Router;
use AXUM::routing::get;

#[derive(Clone, Default)]
struct Db;

#[tokio::main]
async fn main(){returned} {{
    let db = Db::default();
    let app = Router::new().route(\"/\", get(index)){};
{}{value}}}
{rest}
async fn index() -> &'static str {{
    \"Hello\"
}}
",
        app.state, server
    );
    let main = main
        .replace("ABOVE", app.above)
        .replace("FAIL", fail)
        .replace("AXUM", app.axum)
        .replace("    ", app.indent);
    let axum = match app.axum {
        "axum" => "axum = \"0.8\"".to_owned(),
        name => format!("{name} = {{ package = \"axum\", version = \"0.8\" }}"),
    };
    let manifest = format!(
        "[package]\nname = \"served\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n\
         [dependencies]\n{axum}\ntokio = {{ version = \"1\", features = [\"full\"] }}\n"
    );
    let sandbox = Sandbox::new();
    sandbox.write("Cargo.toml", &manifest);
    sandbox.write("src/main.rs", &main.replace('\n', app.line_break));
    sandbox
}

#[track_caller]
fn is_restored(app: &App) {
    let sandbox = write(app);
    let before = sandbox.read("src/main.rs");
    sandbox.phx("gen presence").succeeded();
    let wired = sandbox.read("src/main.rs");
    assert!(wired.contains("application::start("), "{wired}");
    sandbox.phx("destroy presence --yes").succeeded();
    assert_eq!(sandbox.read("src/main.rs"), before, "{wired}");
    let others = sandbox.files();
    let paths: Vec<_> = others.iter().map(|(path, _)| path.as_str()).collect();
    assert_eq!(paths, ["Cargo.toml", "src/main.rs"]);
}

#[test]
fn each_kind_of_server_is_restored() {
    for server in SERVERS {
        for failure in FAILURES {
            is_restored(&App {
                server,
                failure,
                state: "",
                above: "\n",
                axum: "axum",
                indent: "    ",
                line_break: "\n",
            });
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 16,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn whichever_server_an_app_has_destroy_restores_it(app in app()) {
        is_restored(&app);
    }
}
