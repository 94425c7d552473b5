//! Generated apps are built and run. Each stage passes rustfmt, clippy with `-D warnings`, and its
//! own tests.
//!
//! These tests are slow, because they compile axum. `cargo xtask apps` runs all of them, `cargo
//! test` those that are not ignored.

#[path = "generated_apps/cluster.rs"]
mod cluster;
#[path = "generated_apps/example.rs"]
mod example;
#[path = "generated_apps/fixtures.rs"]
mod fixtures;
#[path = "generated_apps/guide.rs"]
mod guide;
#[path = "generated_apps/login.rs"]
mod login;
#[path = "cli/sandbox.rs"]
mod sandbox;
#[path = "cli/snapshot.rs"]
mod snapshot;

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::Ipv4Addr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use sandbox::{Sandbox, checkout};
use support::http::{self, Response};
use support::process::{Process, Signal};

/// The longest wait for a response of an app.
const RESPONSE: Duration = Duration::from_secs(60);

/// Returns the workspace's target folder. The apps share their builds there, with each other and
/// with the workspace's other tests of apps.
fn target() -> &'static Path {
    let scratch = Path::new(env!("CARGO_TARGET_TMPDIR"));
    scratch.parent().expect("it is in the target folder")
}

/// Runs cargo in the sandbox, with a fresh copy of the workspace's lock file. Cargo removes unused
/// packages from that file, and would choose other versions for them later.
#[track_caller]
fn cargo(sandbox: &Sandbox, arguments: &str) -> String {
    let lock = fixtures::root(sandbox).join("Cargo.lock");
    fs::copy(checkout().join("Cargo.lock"), lock).expect("the lock file is copied");
    // The workspace's profile, so that its builds are reused.
    let debug = std::env::var_os("CARGO_PROFILE_DEV_DEBUG");
    let debug = debug.unwrap_or_else(|| "line-tables-only".into());
    let output = Command::new(env!("CARGO"))
        .args(arguments.split(' '))
        .current_dir(&sandbox.root)
        .env("CARGO_TARGET_DIR", target())
        .env("CARGO_PROFILE_DEV_DEBUG", debug)
        .env("CARGO_TERM_COLOR", "never")
        .output()
        .expect("cargo runs");
    let printed = [output.stdout, output.stderr].concat();
    let printed = String::from_utf8_lossy(&printed).into_owned();
    assert!(output.status.success(), "cargo {arguments}\n{printed}");
    printed
}

/// Runs the checks of an app's CI, and asserts the number of passed tests.
#[track_caller]
fn check(sandbox: &Sandbox, tests: usize) {
    cargo(sandbox, "fmt --check");
    cargo(sandbox, "clippy --quiet --all-targets -- -D warnings");
    let printed = cargo(sandbox, "test --no-fail-fast");
    let passed: usize = printed
        .lines()
        .filter_map(|line| {
            line.strip_prefix("test result: ok. ")?
                .split(' ')
                .next()?
                .parse::<usize>()
                .ok()
        })
        .sum();
    assert_eq!(passed, tests, "{printed}");
}

/// A new app, then each generator. Every stage is complete.
#[test]
fn the_guides_app() {
    let sandbox = Sandbox::hello();
    check(&sandbox, 0);
    for (command, tests) in [
        ("gen presence", 0),
        ("gen socket User", 0),
        ("gen channel Room shout:body:string --yes", 4),
    ] {
        sandbox.phx(command).succeeded();
        check(&sandbox, tests);
    }
    // Long names still fit.
    sandbox.phx("gen presence CustomerSupportDesk").succeeded();
    sandbox.phx("gen socket CustomerSupport").succeeded();
    sandbox
        .phx("gen channel CustomerSupportDesk --socket CustomerSupport --yes")
        .succeeded();
    check(&sandbox, 7);
}

/// The other order: the channel creates its socket, and the presence comes last.
#[test]
#[ignore = "slow; `cargo xtask apps` runs it"]
fn the_channel_first() {
    let sandbox = Sandbox::app("channel_first");
    sandbox.phx("gen channel Room --yes").succeeded();
    check(&sandbox, 2);
    sandbox.phx("gen presence").succeeded();
    check(&sandbox, 2);
    sandbox.phx("gen channel Room --force --yes").succeeded();
    check(&sandbox, 3);
}

/// A socket alone, then more sockets, channels and presences.
#[test]
#[ignore = "slow; `cargo xtask apps` runs it"]
fn an_app_with_several_of_each() {
    let sandbox = Sandbox::app("several");
    sandbox.phx("gen socket Admin").succeeded();
    check(&sandbox, 0);
    for command in [
        "gen presence",
        "gen presence Typing",
        "gen socket User",
        "gen channel Room --yes",
        "gen channel Desk --socket Admin --yes",
        "gen channel Admin.Room --topic admin:* --no-presence",
        "gen channel Chat new_msg:body:string,reply_to:int?,type:json avatar:image:bytes typing",
        "gen auth",
    ] {
        sandbox.phx(command).succeeded();
    }
    check(&sandbox, 19);
}

/// An axum app of one file, as in axum's documentation.
#[test]
fn a_binary_only_axum_app() {
    let sandbox = binary_only(
        "\
use std::net::SocketAddr;

use axum::{Router, routing::get, serve};

#[tokio::main]
async fn main() {
    let app = Router::new().route(\"/\", get(|| async { \"Hello, World!\" }));
    let listener = tokio::net::TcpListener::bind(\"127.0.0.1:0\").await.unwrap();
    serve(listener, app.into_make_service_with_connect_info::<SocketAddr>()).await.unwrap();
}
",
    );
    let main = main_of(&sandbox);
    assert!(main.contains("presence_channels::serve("), "{main}");
    sandbox.phx("gen channel Room --yes").succeeded();
    check(&sandbox, 3);
}

/// A server that the generators keep.
#[test]
fn a_server_of_a_service_around_the_router() {
    let sandbox = binary_only(
        "\
use axum::{Router, ServiceExt, extract::Request, routing::get};

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let app = Router::new().route(\"/\", get(|| async { \"Hello, World!\" }));
    let listener = tokio::net::TcpListener::bind(\"127.0.0.1:0\").await?;
    axum::serve(listener, ServiceExt::<Request>::into_make_service(app)).await
}
",
    );
    let main = main_of(&sandbox);
    assert!(main.contains("ListenerExt::tap_io("), "{main}");
    assert!(main.contains("bounded("), "{main}");
}

/// Generates a presence into an app of one file, and checks the app.
fn binary_only(main: &str) -> Sandbox {
    let sandbox = Sandbox::with(&[
        (
            "Cargo.toml",
            "[package]\nname = \"shop\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n[dependencies]\n\
             axum = \"0.8\"\ntokio = { version = \"1\", features = [\"net\", \"rt-multi-thread\", \"macros\"] }\n",
        ),
        ("src/main.rs", main),
    ]);
    cargo(&sandbox, "fmt");
    sandbox.phx("gen presence").succeeded();
    check(&sandbox, 0);
    sandbox
}

fn main_of(sandbox: &Sandbox) -> String {
    fs::read_to_string(sandbox.root.join("src/main.rs")).expect("the app has a main")
}

/// A library and a binary, with an older edition, another format, and a state in the router.
#[test]
fn an_axum_app_with_a_library() {
    let sandbox = Sandbox::with(&[
        (
            "Cargo.toml",
            "[package]\nname = \"blog-engine\"\nversion = \"0.1.0\"\nedition = \"2021\"\n\n[dependencies]\n\
             axum = \"0.8\"\ntokio = { version = \"1\", features = [\"full\"] }\n",
        ),
        ("rustfmt.toml", "max_width = 80\n"),
        (
            "src/lib.rs",
            "\
use axum::{extract::State, routing::get, Router};

/// The routes of the blog.
pub fn router(title: String) -> Router {
    Router::new()
        .route(\"/\", get(|State(title): State<String>| async { title }))
        .with_state(title)
}
",
        ),
        (
            "src/main.rs",
            "\
use std::error::Error;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let listener = tokio::net::TcpListener::bind(\"127.0.0.1:0\").await?;
    let title = \"posts\".to_owned();
    axum::serve(listener, blog_engine::router(title)).await?;
    Ok(())
}
",
        ),
    ]);
    sandbox.phx("gen channel Room --yes").succeeded();
    check(&sandbox, 2);
    sandbox.phx("gen presence").succeeded();
    check(&sandbox, 2);
}

/// A running app of the guide. Dropping it kills the process.
struct AppProcess {
    process: Process,
    port: u16,
}

impl AppProcess {
    fn start(binary: &Path, sandbox: &Sandbox) -> AppProcess {
        AppProcess::start_with(binary, sandbox, &[])
    }

    /// Starts the app with these environment variables.
    fn start_with(binary: &Path, sandbox: &Sandbox, variables: &[(&str, &str)]) -> AppProcess {
        let mut command = Command::new(binary);
        command
            .current_dir(&sandbox.root)
            .env("PORT", "0")
            .env_remove("HOST")
            .env_remove("RUST_LOG")
            .envs(variables.iter().copied())
            .stdout(Stdio::piped());
        let mut process = Process::spawn(&mut command, "the app").expect("the app runs");
        let stdout = BufReader::new(process.take_stdout().expect("it is piped"));
        let mut log = String::new();
        for line in stdout.lines() {
            let line = line.expect("it logs text");
            if let Some((_, port)) = line.split_once("Running at http://localhost:") {
                let port = port.trim().parse().expect("a port");
                return AppProcess { process, port };
            }
            log.push_str(&line);
        }
        panic!("the app ended: {log}");
    }

    fn get(&self, path: &str) -> Response {
        let app = (Ipv4Addr::LOCALHOST, self.port).into();
        http::get(app, path, RESPONSE).expect("the app answers")
    }
}

/// The app reports wrong settings, serves its page, reports a missing phoenix.js, and stops in
/// order on a signal.
#[test]
fn the_app_runs() {
    // Other tests build a `hello` in the same place.
    let sandbox = Sandbox::app("served");
    sandbox.phx("gen presence").succeeded();
    sandbox.phx("gen channel Room --yes").succeeded();
    cargo(&sandbox, "build --quiet");
    let binary = target().join("debug/served");

    let mut server = AppProcess::start(&binary, &sandbox);
    let missing = "phoenix.js is not installed: run npm install --prefix assets";
    let main = format!("<main role=\"main\">{missing}</main>");
    assert!(server.get("/").body.contains(&main));
    assert_eq!(server.get("/assets/phoenix.mjs").status, 404);
    sandbox.write(
        "assets/node_modules/phoenix/priv/static/phoenix.mjs",
        "// phoenix.js\n",
    );
    let page = server.get("/");
    assert!(
        page.status == 200 && page.body.contains("importmap"),
        "{page:?}"
    );
    assert_eq!(server.get("/assets/phoenix.mjs").body, "// phoenix.js\n");
    let script = server.get("/assets/app.js").body;
    assert!(script.contains("new Presence(channel)"), "{script}");
    let style = server.get("/assets/app.css").body;
    assert!(style.contains("prefers-color-scheme: dark"), "{style}");
    // Files that are not meant for browsers are not served.
    assert_eq!(server.get("/assets/package.json").status, 404);
    assert_eq!(server.get("/assets/../Cargo.toml").status, 404);

    for (name, value, message) in [
        (
            "PORT",
            server.port.to_string(),
            format!("PORT {}: set them to", server.port),
        ),
        (
            "PORT",
            "x".to_owned(),
            "PORT is `x`: it must be a number up to 65535".to_owned(),
        ),
        ("PORT", "65536".to_owned(), "PORT is `65536`".to_owned()),
        (
            "HOST",
            "nowhere.invalid".to_owned(),
            "cannot listen on HOST `nowhere.invalid`".to_owned(),
        ),
    ] {
        let output = Command::new(&binary)
            .env_remove("HOST")
            .env("PORT", "0")
            .env(name, &value)
            .env("RUST_BACKTRACE", "0")
            .output()
            .expect("the app runs");
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{name}={value}: {error}");
        assert!(error.contains(&message), "{name}={value}: {error}");
    }

    server.process.signal(Signal::TERM).expect("the app runs");
    let status = server.process.wait().expect("it ends");
    assert_eq!(status.code(), Some(0), "it ends in order");
}
