//! Apps that were written without the generators, in the shapes that axum's examples have, in
//! `tests/apps/`. The generators write into a copy of each.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use support::ports::{free_port, is_listening};
use support::process::{Process, Signal};

use crate::sandbox::{Sandbox, checkout};
use crate::snapshot::texts;
use crate::{cargo, target};

/// The longest time that an app may take to listen, or to end.
const PATIENCE: Duration = Duration::from_secs(60);

/// The folders below `tests/apps/`, which are all fixtures.
const ALL: [&str; 13] = [
    "chat",
    "graceful-shutdown",
    "jwt",
    "low-level-rustls",
    "serve-with-hyper",
    "sessions",
    "several-binaries",
    "src-bin",
    "tls-graceful-shutdown",
    "tls-rustls",
    "todos",
    "unix-domain-socket",
    "workspace",
];

/// Returns a copy of a fixture. Commands run in the folder of its package.
fn copy(name: &str) -> Sandbox {
    let mut sandbox = Sandbox::new();
    let fixture = checkout().join("cargo-phx/tests/apps").join(name);
    for (path, text) in texts(&fixture) {
        sandbox.write(&path, &text);
    }
    let certificates = checkout().join("presence-core/tests/certificates");
    for (file, source) in [("cert.pem", "node.pem"), ("key.pem", "node.key")] {
        let text = fs::read_to_string(certificates.join(source)).expect("the certificate is there");
        sandbox.write(&format!("self_signed_certs/{file}"), &text);
    }
    if name == "workspace" {
        sandbox.root.push("server");
    }
    sandbox
}

/// Returns the folder of the app's workspace, which has the lock file.
pub(crate) fn root(sandbox: &Sandbox) -> PathBuf {
    let above = sandbox.root.parent().expect("it is in a folder");
    if above.join("Cargo.toml").exists() {
        return above.to_owned();
    }
    sandbox.root.clone()
}

/// Returns the names of the test functions below a folder.
fn test_functions(folder: &Path) -> Vec<String> {
    let mut names = Vec::new();
    for (path, text) in texts(folder) {
        if !path.ends_with(".rs") {
            continue;
        }
        let mut lines = text.lines().map(str::trim);
        while let Some(line) = lines.next() {
            if line != "#[test]" && !line.starts_with("#[tokio::test") {
                continue;
            }
            let function = lines.find(|line| line.contains("fn ")).expect("a function");
            let (_, name) = function.split_once("fn ").expect("it has a name");
            names.push(name.split('(').next().unwrap_or_default().to_owned());
        }
    }
    names
}

/// Runs the checks of an app's CI. Asserts that each of its tests has passed.
#[track_caller]
fn check(sandbox: &Sandbox) -> Vec<String> {
    cargo(sandbox, "fmt --check");
    cargo(
        sandbox,
        "clippy --quiet --workspace --all-targets -- -D warnings",
    );
    let printed = cargo(sandbox, "test --workspace --no-fail-fast");
    let functions = test_functions(&root(sandbox));
    for function in &functions {
        let passed = printed.lines().any(|line| {
            let name = line
                .strip_prefix("test ")
                .and_then(|line| line.strip_suffix(" ... ok"));
            name.is_some_and(|name| name.rsplit("::").next() == Some(function))
        });
        assert!(passed, "{function} has not passed:\n{printed}");
    }
    functions
}

/// Generates a presence, a socket and a channel into a copy of a fixture, off a terminal.
#[track_caller]
fn generate(name: &str) -> Sandbox {
    let sandbox = copy(name);
    for command in [
        "gen presence",
        "gen socket User",
        "gen channel Room shout:body:string",
    ] {
        sandbox.phx(command).succeeded();
    }
    sandbox
}

/// Asserts that the tests of a fixture and those that were generated pass, without a warning.
#[track_caller]
fn check_fixture(name: &str) {
    let own = test_functions(&root(&copy(name)));
    assert!(!own.is_empty(), "{name} has no tests");
    let passed = check(&generate(name));
    let generated = passed.iter().filter(|test| !own.contains(test)).count();
    assert!(generated >= 3, "{name}: {passed:?}");
}

#[test]
fn todos() {
    check_fixture("todos");
}

#[test]
fn tls_graceful_shutdown() {
    check_fixture("tls-graceful-shutdown");
}

#[test]
fn src_bin() {
    check_fixture("src-bin");
}

/// The other fixtures. Those above are checked by `cargo test`.
#[test]
#[ignore = "slow; `cargo xtask apps` runs it"]
fn the_other_fixtures() {
    for name in ALL {
        let elsewhere = ["todos", "tls-graceful-shutdown", "src-bin"].contains(&name);
        if !elsewhere {
            check_fixture(name);
        }
    }
}

#[test]
fn every_folder_is_a_fixture() {
    let folder = checkout().join("cargo-phx/tests/apps");
    let folders = fs::read_dir(folder).expect("the folder is readable");
    let mut names: Vec<_> = folders
        .map(|entry| entry.expect("it is readable").file_name().into_string())
        .collect::<Result<_, _>>()
        .expect("names are text");
    names.sort();
    assert_eq!(names, ALL);
}

/// cargo reads the project after each command. The commands' repetition changes nothing.
#[test]
fn cargo_accepts_each_project_after_each_command() {
    let commands = [
        "gen presence",
        "gen socket Admin",
        "gen channel Room",
        "gen channel Desk --socket Admin",
    ];
    for name in ALL {
        let sandbox = copy(name);
        for command in commands {
            let before = texts(&root(&sandbox));
            sandbox.phx(&format!("{command} --dry-run")).succeeded();
            assert_eq!(
                texts(&root(&sandbox)),
                before,
                "{name}: {command} --dry-run"
            );
            sandbox.phx(command).succeeded();
            assert_ne!(texts(&root(&sandbox)), before, "{name}: {command}");
            cargo(
                &sandbox,
                "metadata --quiet --no-deps --offline --format-version 1",
            );
        }
        let after = texts(&root(&sandbox));
        for command in commands {
            sandbox.phx(command).succeeded();
            assert_eq!(texts(&root(&sandbox)), after, "{name}: {command}, again");
        }
    }
}

/// The commands take back all that they have added, but for the dependencies.
#[test]
fn destroy_restores_each_fixture() {
    let without_manifests = |sandbox: &Sandbox| {
        let mut files = texts(&root(sandbox));
        files.retain(|(path, _)| !path.ends_with("Cargo.toml"));
        files
    };
    for name in ALL {
        let before = without_manifests(&copy(name));
        let sandbox = generate(name);
        for command in ["channel Room", "socket User", "presence"] {
            let ran = sandbox.phx(&format!("destroy {command} --yes"));
            assert_eq!(ran.code, 0, "{name}: {}{}", ran.stdout, ran.stderr);
            cargo(
                &sandbox,
                "metadata --quiet --no-deps --offline --format-version 1",
            );
        }
        assert_eq!(without_manifests(&sandbox), before, "{name}");
    }
}

/// A running copy of a fixture.
struct App {
    process: Process,
    url: String,
}

impl App {
    /// Builds the app and starts it on a free port.
    fn start(sandbox: &Sandbox, binary: &str, scheme: &str) -> App {
        cargo(sandbox, "build --quiet");
        let port = || free_port().expect("a port is free");
        let (own, other) = (port(), port());
        let mut command = Command::new(target().join("debug").join(binary));
        command
            .current_dir(&sandbox.root)
            .env("PORT", own.to_string())
            .env("HTTP_PORT", other.to_string())
            .stdout(Stdio::null());
        let mut process = Process::spawn(&mut command, binary).expect("the app runs");
        wait_until(|| {
            let ended = process.try_wait().expect("it is a child");
            assert_eq!(ended, None, "{binary} has ended");
            is_listening(own)
        });
        let url = format!("{scheme}://127.0.0.1:{own}");
        App { process, url }
    }

    /// Runs two clients of phoenix.js against the app.
    #[track_caller]
    fn joins(&self) {
        let folder = checkout().join("tools/e2e");
        let authority = checkout().join("presence-core/tests/certificates/authority.pem");
        let output = Command::new("node")
            .args(["--test", "apps/join.test.mjs"])
            .current_dir(folder)
            .env("APP_URL", &self.url)
            .env("NODE_EXTRA_CA_CERTS", authority)
            .output()
            .expect("node runs");
        let printed = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{}: {printed}", self.url);
    }

    /// Asserts that the app ends in order on a signal.
    #[track_caller]
    fn ends(mut self) {
        self.process.signal(Signal::TERM).expect("the app runs");
        let mut status = None;
        wait_until(|| {
            status = self.process.try_wait().expect("it is a child");
            status.is_some()
        });
        let code = status.and_then(|status| status.code());
        assert_eq!(code, Some(0), "{}", self.url);
    }
}

/// Asks again and again, until the answer is yes.
#[track_caller]
fn wait_until(mut is_so: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < end, "it took too long");
        thread::sleep(Duration::from_millis(20));
    }
}

/// phoenix.js joins the generated channel of each app that listens on TCP, and the app ends in
/// order.
#[test]
#[ignore = "slow, and needs Node; `cargo xtask apps` runs it"]
fn a_real_client_joins() {
    for (name, binary, scheme) in [
        ("chat", "chat", "http"),
        ("graceful-shutdown", "graceful-shutdown", "http"),
        ("jwt", "jwt", "http"),
        ("low-level-rustls", "low-level-rustls", "https"),
        ("serve-with-hyper", "serve-with-hyper", "http"),
        ("sessions", "sessions", "http"),
        ("several-binaries", "counter", "http"),
        ("src-bin", "server", "http"),
        ("tls-graceful-shutdown", "tls-graceful-shutdown", "https"),
        ("tls-rustls", "tls-rustls", "https"),
        ("todos", "todos", "http"),
        ("workspace", "shop-server", "http"),
    ] {
        let sandbox = generate(name);
        let app = App::start(&sandbox, binary, scheme);
        app.joins();
        app.ends();
    }
}
