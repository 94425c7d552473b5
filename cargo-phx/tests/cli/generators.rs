//! The output and the files of each command, compared with golden files.

use crate::golden::{assert_golden, changed, listing};
use crate::sandbox::Sandbox;

/// An axum app of one file, as in axum's documentation.
const BINARY: &[(&str, &str)] = &[
    (
        "Cargo.toml",
        "[package]\nname = \"shop\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n\
         [dependencies]\naxum = \"0.8\"\ntokio = { version = \"1\", features = [\"full\"] }\n",
    ),
    (
        "src/main.rs",
        "\
use axum::Router;
use axum::routing::get;

#[tokio::main]
async fn main() {
    let app = Router::new().route(\"/\", get(|| async { \"Hello, World!\" }));

    let listener = tokio::net::TcpListener::bind(\"127.0.0.1:3000\").await.unwrap();
    axum::serve(listener, app).await.unwrap();
}
",
    ),
];

/// An axum app with a library, with an older edition and another format.
const LIBRARY: &[(&str, &str)] = &[
    (
        "Cargo.toml",
        "[package]\nname = \"blog-engine\"\nversion = \"0.1.0\"\nedition = \"2021\"\n\n[dependencies]\n\
         anyhow = \"1\"\naxum = \"0.8\"\ntokio = { version = \"1\", features = [\"net\", \"rt-multi-thread\", \"macros\"] }\n",
    ),
    ("rustfmt.toml", "max_width = 80\n"),
    (
        "src/lib.rs",
        "\
use axum::{routing::get, Router};

/// The routes of the blog.
pub fn router() -> Router {
    Router::new().route(\"/\", get(|| async { \"posts\" }))
}
",
    ),
    (
        "src/main.rs",
        "\
#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let listener = tokio::net::TcpListener::bind(\"127.0.0.1:3000\").await?;
    axum::serve(listener, blog_engine::router()).await?;
    Ok(())
}
",
    ),
];

/// Runs a command. Returns its output and the files that it changed.
#[track_caller]
fn transcript(sandbox: &Sandbox, command: &str) -> String {
    let before = sandbox.files();
    // The answer to a question, if there is one, is an empty line.
    let printed = sandbox.phx_typing(command, "\n").succeeded();
    let files = changed(&before, sandbox.files());
    format!("$ cargo phx {command}\n{printed}\n{}", listing(&files))
}

/// Runs the commands again. Asserts that they change nothing and say so.
#[track_caller]
fn assert_unchanged(sandbox: &Sandbox, commands: &[&str]) {
    let before = sandbox.files();
    for command in commands {
        let printed = sandbox.phx(command).succeeded();
        let (last, lines) = printed
            .lines()
            .rev()
            .collect::<Vec<_>>()
            .split_first()
            .map(|(last, rest)| (*last, rest.to_vec()))
            .unwrap();
        assert_eq!(
            last, "Nothing to do: everything is there already.",
            "{command}"
        );
        let files = lines.iter().filter(|line| !line.is_empty());
        for line in files {
            assert!(line.starts_with("* unchanged "), "{command}: {line}");
        }
        assert_eq!(sandbox.files(), before, "{command}");
    }
}

#[test]
fn new_makes_an_app() {
    let sandbox = Sandbox::new();
    assert_golden("new.txt", &transcript(&sandbox, "new hello"));
    assert_unchanged(&sandbox, &["new hello"]);
}

/// The files that differ from those of an app of one node, for each engine.
#[test]
fn new_makes_an_app_of_several_nodes() {
    let alone = Sandbox::app("hello").files();
    let mut golden = Vec::new();
    for engine in ["zenoh", "nats", "redis"] {
        let mut sandbox = Sandbox::new();
        let command = format!("new hello --cluster {engine}");
        let printed = sandbox.phx(&command).succeeded();
        let created = printed.lines().filter(|line| line.contains("cluster"));
        let created = created.collect::<Vec<_>>().join("\n");
        assert_unchanged(&sandbox, &[&command]);
        sandbox.root.push("hello");
        let mut files = changed(&alone, sandbox.files());
        files.retain(|(path, _)| path != "AGENTS.md");
        golden.push(format!(
            "$ cargo phx {command}\n{created}\n{}",
            listing(&files)
        ));
    }
    assert_golden("cluster.txt", &golden.join("\n"));
}

#[test]
fn the_guide() {
    let sandbox = Sandbox::hello();
    let commands = ["gen presence", "gen channel Room", "gen socket User"];
    let transcripts = commands.map(|command| transcript(&sandbox, command));
    assert_golden("guide.txt", &transcripts.join("\n"));
    assert_unchanged(&sandbox, &commands);
}

#[test]
fn the_order_of_presence_and_socket_does_not_matter() {
    let one = Sandbox::hello();
    for command in ["gen presence", "gen socket User", "gen channel Room"] {
        one.phx(command).succeeded();
    }
    let other = Sandbox::hello();
    for command in ["gen socket User", "gen presence", "gen channel Room"] {
        other.phx(command).succeeded();
    }
    assert_eq!(one.files(), other.files());
}

#[test]
fn a_channel_without_a_presence() {
    let sandbox = Sandbox::hello();
    sandbox.phx("gen socket User").succeeded();
    let text = transcript(&sandbox, "gen channel Room");
    assert_golden("channel_without_presence.txt", &text);
    assert_unchanged(&sandbox, &["gen channel Room", "gen socket User"]);
}

#[test]
fn a_channel_with_typed_events_and_a_topic() {
    let sandbox = Sandbox::hello();
    sandbox.phx("gen presence").succeeded();
    sandbox.phx("gen socket User").succeeded();
    let command = "gen channel Chat new_msg:body:string,reply_to:int?,type:json typing \
                   avatar:image:bytes move:x:float,trail:bytes --topic chat:room:* --no-presence";
    assert_golden("events.txt", &transcript(&sandbox, command));
    assert_unchanged(&sandbox, &[command]);
}

#[test]
fn nested_channels_of_one_name() {
    let sandbox = Sandbox::hello();
    sandbox.phx("gen socket User").succeeded();
    sandbox.phx("gen channel Room").succeeded();
    let command = "gen channel Admin.Room --topic admin:*";
    assert_golden("nested.txt", &transcript(&sandbox, command));
    assert_unchanged(
        &sandbox,
        &[
            command,
            "gen channel Admin::Room --topic admin:*",
            "gen channel Admin.Room",
        ],
    );
}

/// Without events no client can broadcast. The command in the next step, which the comment in the
/// code repeats, generates the channel again with an event, on the same topics.
#[test]
fn a_channel_without_events_lets_no_client_broadcast() {
    let sandbox = Sandbox::hello();
    sandbox.phx("gen presence").succeeded();
    for socket in ["User", "Admin"] {
        sandbox.phx(&format!("gen socket {socket}")).succeeded();
    }
    let path = "src/channels/notifications_channel.rs";
    let printed = sandbox
        .phx("gen channel Notifications --topic news:* --no-presence --socket Admin")
        .succeeded();
    let code = sandbox.read(path);
    assert!(!code.contains(".broadcast("), "{code}");
    let short = "cargo phx gen channel Notifications shout:body:string";
    assert!(code.contains(short), "{code}");

    let next = printed.lines().find(|line| line.contains(short));
    let next = next.expect("the next step").trim();
    let command = next.strip_prefix("$ cargo phx ").expect("a command");
    let command = command.replace('\'', "");
    sandbox.phx(&format!("{command} --force")).succeeded();
    let code = sandbox.read(path);
    assert!(code.contains("async fn on_shout("), "{code}");
    assert!(code.contains("topics `news:*`"), "{code}");
    assert!(!code.contains("track("), "{code}");
}

/// The user adapts the helper of the tests once. Later channels use it.
#[test]
fn tests_go_through_the_helper_that_the_user_has_adapted() {
    let sandbox = Sandbox::hello();
    sandbox.phx("gen socket User").succeeded();
    sandbox.phx("gen channel Room").succeeded();
    let application = sandbox.read("src/application.rs");
    let application = application.replace("start(config: Config)", "start(config: Config, db: Db)");
    sandbox.write("src/application.rs", &application);
    let support = sandbox.read("tests/support/mod.rs");
    let adapted = support.replace("Config::default()", "Config::default(), db()");
    sandbox.write("tests/support/mod.rs", &adapted);

    sandbox.phx("gen channel Desk").succeeded();
    assert_eq!(sandbox.read("tests/support/mod.rs"), adapted);
    let test = sandbox.read("tests/desk_channel_test.rs");
    assert!(test.contains("support::start().await"), "{test}");
    assert!(!test.contains("application::start"), "{test}");
}

/// The scripts that the generators wrote send a token. One whose lines the user has edited stays,
/// and the lines are printed.
#[test]
fn the_page_sends_a_token_after_gen_auth() {
    let lines = "const fetchToken = async () => {";
    let app = || {
        let sandbox = Sandbox::hello();
        sandbox.phx("gen socket User").succeeded();
        sandbox
    };
    let page = "assets/app.js";

    let sandbox = app();
    let own = sandbox
        .read(page)
        .replace("MOST_LINES = 300", "MOST_LINES = 30");
    sandbox.write(page, &own);
    let printed = sandbox.phx("gen auth").succeeded();
    assert!(!printed.contains(lines), "{printed}");
    let text = sandbox.read(page);
    assert!(text.contains("params: () => ({token})"), "{text}");
    assert!(text.contains("MOST_LINES = 30\n"), "{text}");
    assert!(!text.contains("user_id: name}\n"), "{text}");
    assert_unchanged(&sandbox, &["gen auth"]);

    let sandbox = app();
    let edited = sandbox
        .read(page)
        .replace("{user_id: name}", "{user_id: name, x: 1}");
    sandbox.write(page, &edited);
    let printed = sandbox.phx("gen auth").succeeded();
    assert!(printed.contains(lines), "{printed}");
    assert_eq!(sandbox.read(page), edited);

    let sandbox = app();
    std::fs::remove_file(sandbox.root.join(page)).expect("the page is there");
    let script = "assets/user_socket.js";
    sandbox.phx("gen socket User").succeeded();
    let before = sandbox.read(script);
    assert!(before.contains("params: {user_id:"), "{before}");
    sandbox.phx("gen auth").succeeded();
    let text = sandbox.read(script);
    assert!(text.contains("params: () => ({token})"), "{text}");
    assert_unchanged(&sandbox, &["gen auth", "gen socket User"]);
}

#[test]
fn logging_in() {
    let sandbox = Sandbox::hello();
    sandbox.phx("gen channel Room --yes").succeeded();
    let before = sandbox.read("tests/support/mod.rs");
    assert_golden("auth.txt", &transcript(&sandbox, "gen auth"));
    assert_ne!(sandbox.read("tests/support/mod.rs"), before);
    // A channel and a socket that are generated later verify tokens, too.
    let commands = ["gen auth", "gen socket User", "gen channel Room"];
    assert_unchanged(&sandbox, &commands);

    let sandbox = Sandbox::with(BINARY);
    let transcript = transcript(&sandbox, "gen auth");
    let (printed, _) = transcript.split_once("\n==== ").expect("files");
    assert_golden("auth_binary.txt", printed);
    assert_unchanged(&sandbox, &["gen auth"]);
    let main = sandbox.read("src/main.rs");
    assert!(main.contains(".merge(auth::router(&endpoint))"), "{main}");
}

/// A socket of the user and a module of the user are left alone.
#[test]
fn logging_in_to_code_of_the_user() {
    let sandbox = Sandbox::hello();
    sandbox.phx("gen channel Room --yes").succeeded();
    let path = "src/channels/user_socket.rs";
    let socket = sandbox.read(path).replace("is_empty()", "len() < 3");
    sandbox.write(path, &socket);
    let printed = sandbox.phx("gen auth").succeeded();
    assert!(
        printed.contains("UserSocket in src/channels/user_socket.rs has code of your own"),
        "{printed}"
    );
    assert_eq!(sandbox.read(path), socket);
    assert!(!sandbox.root.join("tests/auth_test.rs").exists());

    let sandbox = Sandbox::hello();
    sandbox.write("src/auth.rs", "pub fn log_in() {}\n");
    let error = sandbox.phx("gen auth").failed();
    assert!(
        error.contains("the project has a module `auth` of its own"),
        "{error}"
    );
}

/// As `mix phx.gen.socket` does.
#[test]
fn a_socket_has_a_script_where_the_project_has_assets() {
    let sandbox = Sandbox::with(BINARY);
    sandbox.write("static/js/app.js", "console.log(1)\n");
    let printed = sandbox.phx("gen socket User").succeeded();
    assert!(
        printed.contains("* creating static/js/user_socket.js"),
        "{printed}"
    );
    assert_golden("user_socket.js", &sandbox.read("static/js/user_socket.js"));
    assert_unchanged(&sandbox, &["gen socket User"]);
    // The page connects already.
    let printed = sandbox.phx("gen socket Admin").succeeded();
    assert!(!printed.contains(".js\n"), "{printed}");
    assert!(
        printed.contains("new Socket(\"/admin_socket\""),
        "{printed}"
    );
}

#[test]
fn secrets_are_random_and_long() {
    let sandbox = Sandbox::new();
    let secret = |command| sandbox.phx(command).succeeded().trim_end().to_owned();
    assert_eq!(secret("gen secret").len(), 64);
    assert_eq!(secret("gen secret 32").len(), 32);
    assert_ne!(secret("gen secret"), secret("gen secret"));
    for short in ["31", "0", "1025"] {
        let error = sandbox.phx(&format!("gen secret {short}")).failed();
        assert!(
            error.contains("a secret has 32 to 1024 characters"),
            "{error}"
        );
    }
}

#[test]
fn further_ones_beside_the_first() {
    let sandbox = Sandbox::hello();
    let commands = [
        "gen presence",
        "gen presence CustomerSupport",
        "gen socket User",
        "gen socket Admin",
        "gen channel Room",
        "gen channel Desk --socket Admin",
    ];
    for command in &commands[..4] {
        sandbox.phx(command).succeeded();
    }
    let transcripts: Vec<_> = commands[4..]
        .iter()
        .map(|command| transcript(&sandbox, command))
        .collect();
    let state = format!(
        "==== src/application.rs\n{}",
        sandbox.read("src/application.rs")
    );
    assert_golden(
        "several.txt",
        &format!("{state}\n{}", transcripts.join("\n")),
    );
    assert_unchanged(&sandbox, &commands);
}

#[test]
fn an_axum_app_of_one_file() {
    let sandbox = Sandbox::with(BINARY);
    let commands = ["gen channel Room", "gen presence"];
    let transcripts = commands.map(|command| transcript(&sandbox, command));
    assert_golden("binary.txt", &transcripts.join("\n"));
    assert_unchanged(&sandbox, &["gen presence", "gen socket User"]);
}

#[test]
fn an_axum_app_with_a_library_and_a_format_of_its_own() {
    let sandbox = Sandbox::with(LIBRARY);
    let commands = ["gen presence", "gen channel Room"];
    let transcripts = commands.map(|command| transcript(&sandbox, command));
    assert_golden("library.txt", &transcripts.join("\n"));
    assert_unchanged(&sandbox, &commands);
}

#[test]
fn a_dry_run_shows_the_plan() {
    let sandbox = Sandbox::hello();
    sandbox.phx("gen presence").succeeded();
    let before = sandbox.files();
    let printed = sandbox.phx("gen channel Room --dry-run").succeeded();
    assert_golden(
        "dry_run.txt",
        &format!("$ cargo phx gen channel Room --dry-run\n{printed}"),
    );
    assert_eq!(sandbox.files(), before);

    let nothing = Sandbox::new();
    nothing.phx("new hello --dry-run").succeeded();
    assert!(nothing.files().is_empty());
}

#[test]
fn help_names_the_command_as_it_is_typed() {
    let sandbox = Sandbox::new();
    for arguments in ["--help", "gen --help", "gen channel --help"] {
        let printed = sandbox.phx(arguments).succeeded();
        assert!(printed.contains("Usage: cargo phx"), "{printed}");
    }
}

/// An app with a state of its own, which its channels need too.
#[test]
fn the_state_of_an_app_reaches_its_channels() {
    let sandbox = Sandbox::with(&[
        BINARY[0],
        (
            "src/main.rs",
            "\
use axum::Router;
use axum::extract::State;
use axum::routing::get;
use sqlx::SqlitePool;

#[derive(Clone)]
struct AppState {
    db: SqlitePool,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let db = SqlitePool::connect(\"sqlite::memory:\").await?;
    let state = AppState { db };

    // The routes of the shop.
    let app = Router::new().route(\"/\", get(index)).with_state(state);

    let listener = tokio::net::TcpListener::bind(\"127.0.0.1:3000\").await?;
    axum::serve(listener, app).await?;
    Ok(())
}

async fn index(State(state): State<AppState>) -> String {
    format!(\"{} connections\", state.db.size())
}
",
        ),
    ]);
    let commands = ["gen presence", "gen channel Room --yes"];
    let transcripts = commands.map(|command| transcript(&sandbox, command));
    assert_golden("state.txt", &transcripts.join("\n"));
    assert_unchanged(&sandbox, &commands);

    // Once the user has made the state for tests, they run.
    let helper = "src/channels/test_support.rs";
    let made = sandbox.read(helper).replace(
        "todo!(\"make `app` for a test, as `main` does\")",
        "crate::AppState::for_test()",
    );
    sandbox.write(helper, &made);
    let printed = sandbox.phx("gen channel Desk").succeeded();
    assert!(!printed.contains("ignored"), "{printed}");
    let test = sandbox.read("src/channels/desk_channel/tests.rs");
    assert!(!test.contains("#[ignore"), "{test}");
}
