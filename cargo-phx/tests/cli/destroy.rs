//! `cargo phx destroy` takes back what `cargo phx gen` has written.

use proptest::prelude::*;

use crate::golden::assert_golden;
use crate::sandbox::Sandbox;

/// Returns all files but the manifest, whose dependencies stay.
fn code(sandbox: &Sandbox) -> Vec<(String, String)> {
    let mut files = sandbox.files();
    files.retain(|(path, _)| path != "Cargo.toml");
    files
}

/// Returns the command that takes back `gen ..`.
fn inverse(command: &str) -> String {
    let words: Vec<&str> = command.split(' ').collect();
    let name = words.get(2).copied().unwrap_or("Presence");
    format!("destroy {} {name} --yes", words[1])
}

/// The shapes of projects. The first is an app of `cargo phx new`.
const SHAPES: &[&[(&str, &str)]] = &[
    &[],
    &[
        (
            "Cargo.toml",
            "[package]\nname = \"shop\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n\
             [dependencies]\naxum = \"0.8\"\ntokio = { version = \"1\", features = [\"full\"] }\n",
        ),
        (
            "src/main.rs",
            "use axum::Router;\n\n#[tokio::main]\nasync fn main() {\n    \
             let app = Router::new().route(\"/\", axum::routing::get(|| async { \"Hello\" }));\n    \
             let listener = tokio::net::TcpListener::bind(\"127.0.0.1:3000\").await.unwrap();\n\n    \
             // Runs for ever.\n    axum::serve(listener, app).await.unwrap();\n}\n",
        ),
    ],
    &[
        (
            "Cargo.toml",
            "[package]\nname = \"blog-engine\"\nversion = \"0.1.0\"\nedition = \"2021\"\n\n\
             [dependencies]\nanyhow = \"1\"\naxum = \"0.8\"\n\
             tokio = { version = \"1\", features = [\"full\"] }\n",
        ),
        ("rustfmt.toml", "max_width = 80\n"),
        (
            "src/lib.rs",
            "//! A blog.\n\nuse axum::{routing::get, Router};\n\n/// The routes of the blog.\n\
             pub fn router() -> Router {\n    Router::new().route(\"/\", get(|| async { \"posts\" }))\n}\n",
        ),
        (
            "src/main.rs",
            "#[tokio::main]\nasync fn main() -> anyhow::Result<()> {\n    \
             let listener = tokio::net::TcpListener::bind(\"127.0.0.1:3000\").await?;\n    \
             axum::serve(listener, blog_engine::router()).await?;\n    Ok(())\n}\n",
        ),
    ],
    // Not in rustfmt's format.
    &[
        (
            "Cargo.toml",
            "[package]\nname = \"own\"\nversion = \"0.1.0\"\nedition = \"2021\"\n\n\
             [dependencies]\naxum = \"0.8\"\ntokio = { version = \"1\", features = [\"full\"] }\n",
        ),
        (
            "src/main.rs",
            "// A licence.\nuse axum::{Router};\n\n#[tokio::main]\nasync fn main()\n{\n  \
             let app=Router::new(); \n  let l = tokio::net::TcpListener::bind(\"127.0.0.1:3000\").await.unwrap();\n  \
             axum::serve(l, app).await.unwrap(); // for ever\n}\n",
        ),
    ],
    // A binary in `src/bin`, whose modules go into a library.
    &[
        (
            "Cargo.toml",
            "[package]\nname = \"srv\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n\
             [dependencies]\naxum = \"0.8\"\ntokio = { version = \"1\", features = [\"full\"] }\n",
        ),
        (
            "src/bin/server.rs",
            "use axum::Router;\n\n#[tokio::main]\nasync fn main() {\n    let app = Router::new();\n    \
             let listener = tokio::net::TcpListener::bind(\"127.0.0.1:3000\").await.unwrap();\n    \
             axum::serve(listener, app).await.unwrap();\n}\n",
        ),
    ],
    // A state of the app's own.
    &[
        (
            "Cargo.toml",
            "[package]\nname = \"own-state\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n\
             [dependencies]\naxum = \"0.8\"\ntokio = { version = \"1\", features = [\"full\"] }\n",
        ),
        (
            "src/main.rs",
            "use axum::Router;\nuse axum::extract::State;\nuse axum::routing::get;\n\n\
             #[derive(Clone)]\nstruct AppState {\n    db: String,\n}\n\n\
             async fn index(State(state): State<AppState>) -> String {\n    state.db\n}\n\n\
             #[tokio::main]\nasync fn main() {\n    let state = AppState {\n        \
             db: String::from(\"memory\"),\n    };\n    \
             let app = Router::new().route(\"/\", get(index)).with_state(state);\n    \
             let listener = tokio::net::TcpListener::bind(\"127.0.0.1:3000\")\n        \
             .await\n        .unwrap();\n    axum::serve(listener, app).await.unwrap();\n}\n",
        ),
    ],
];

fn sandbox(shape: usize) -> Sandbox {
    match SHAPES[shape] {
        [] => Sandbox::hello(),
        files => Sandbox::with(files),
    }
}

/// The generators, in an order in which each finds what it needs.
const COMMANDS: &[&str] = &[
    "gen presence",
    "gen presence Typing",
    "gen socket User",
    "gen socket Admin",
    "gen channel Room --socket User",
    "gen channel Admin.Desk new_msg:body:string,to:int? typing photo:data:bytes --socket User",
    "gen channel Admin.Help.Desk --socket Admin --topic help:* --no-presence",
];

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 10,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    /// Whatever was generated, in whichever project: taking back the last step gives the files
    /// before it, byte for byte, up to the project as it was.
    #[test]
    fn destroy_after_gen_restores_the_files(
        shape in 0..SHAPES.len(),
        chosen in prop::sample::subsequence((0..COMMANDS.len()).collect::<Vec<_>>(), 1..=4),
    ) {
        let sandbox = sandbox(shape);
        // A channel's socket comes before the channel.
        let mut steps: Vec<usize> = chosen;
        for (channel, socket) in [(4, 2), (5, 2), (6, 3)] {
            if steps.contains(&channel) && !steps.contains(&socket) {
                steps.push(socket);
            }
        }
        steps.sort_unstable();
        let mut before = Vec::new();
        for step in &steps {
            before.push(code(&sandbox));
            sandbox.phx(COMMANDS[*step]).succeeded();
        }
        while let (Some(step), Some(files)) = (steps.pop(), before.pop()) {
            sandbox.phx(&inverse(COMMANDS[step])).succeeded();
            prop_assert_eq!(code(&sandbox), files, "{}", COMMANDS[step]);
        }
    }
}

/// Moves the sockets before their channels, or behind them.
fn in_order(steps: &[usize], sockets_first: bool) -> Vec<usize> {
    let mut ordered: Vec<usize> = steps.to_vec();
    // A stable sort keeps the order of the others.
    ordered.sort_by_key(|step| (*step >= 4) == sockets_first);
    ordered
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 6,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    /// The components may go in another order than they came, as long as nothing uses them.
    #[test]
    fn the_order_of_the_commands_does_not_matter(
        shape in 1..SHAPES.len(),
        came in Just((0..COMMANDS.len()).collect::<Vec<_>>()).prop_shuffle(),
        went in Just((0..COMMANDS.len()).collect::<Vec<_>>()).prop_shuffle(),
    ) {
        let sandbox = sandbox(shape);
        let before = code(&sandbox);
        for step in in_order(&came, true) {
            sandbox.phx(COMMANDS[step]).succeeded();
        }
        for step in in_order(&went, false) {
            sandbox.phx(&inverse(COMMANDS[step])).succeeded();
        }
        prop_assert_eq!(code(&sandbox), before, "{:?}, {:?}", came, went);
    }
}

/// Runs a command in the sandbox, and returns its transcript.
#[track_caller]
fn transcript(sandbox: &Sandbox, command: &str, typed: &str) -> String {
    let ran = sandbox.phx_typing(command, typed);
    format!("$ cargo phx {command}\n{}{}", ran.stdout, ran.stderr)
}

#[test]
fn what_destroy_prints() {
    let sandbox = sandbox(1);
    for command in ["gen socket User", "gen channel Room", "gen presence"] {
        sandbox.phx(command).succeeded();
    }
    let mut text = transcript(&sandbox, "destroy channel Room", "n\n");
    text.push_str(&transcript(&sandbox, "destroy socket User --yes", ""));
    text.push_str(&transcript(&sandbox, "destroy channel Room", "y\n"));
    text.push_str(&transcript(
        &sandbox,
        "destroy socket User --yes --quiet",
        "",
    ));
    text.push_str(&transcript(&sandbox, "destroy presence --dry-run", ""));
    text.push_str(&transcript(&sandbox, "destroy presence --yes", ""));
    text.push_str(&transcript(&sandbox, "destroy presence --yes", ""));
    assert_golden("destroy.txt", &text);
}

/// Each shape once, with all that can be generated.
#[test]
fn everything_is_taken_back_in_each_shape() {
    for shape in 0..SHAPES.len() {
        let sandbox = sandbox(shape);
        let before = code(&sandbox);
        let commands = ["gen presence", "gen socket User", "gen channel Room"];
        for command in commands {
            sandbox.phx(command).succeeded();
        }
        for command in commands.into_iter().rev() {
            sandbox.phx(&inverse(command)).succeeded();
        }
        assert_eq!(code(&sandbox), before, "shape {shape}");
    }
}

#[test]
fn a_question_that_nobody_answers_is_an_error() {
    let sandbox = Sandbox::hello();
    sandbox.phx("gen presence").succeeded();
    let before = sandbox.files();
    let error = sandbox.phx("destroy presence").failed();
    assert!(error.contains("add --yes"), "{error}");
    assert_eq!(sandbox.files(), before);
}

#[test]
fn what_other_code_uses_stays() {
    let sandbox = Sandbox::hello();
    for command in ["gen presence", "gen socket User", "gen channel Room"] {
        sandbox.phx(command).succeeded();
    }
    let before = sandbox.files();
    let line = |path: &str, word: &str| {
        let text = sandbox.read(path);
        let at = text.lines().position(|line| line.contains(word));
        format!("{path}:{}: ", at.expect("the line is there") + 1)
    };
    let error = sandbox.phx("destroy presence --yes").failed();
    let place = line("src/channels/room_channel.rs", "socket.state().presence");
    assert!(error.contains(&place), "{place}\n{error}");
    let error = sandbox.phx("destroy socket User --yes").failed();
    let place = line("src/channels/room_channel.rs", "type Socket = UserSocket");
    assert!(error.contains(&place), "{place}\n{error}");
    assert_eq!(sandbox.files(), before);

    let main = sandbox.read("src/main.rs");
    sandbox.write(
        "src/main.rs",
        &format!("{main}\nfn f() {{\n    hello::channels::room_channel::RoomChannel;\n}}\n"),
    );
    let error = sandbox.phx("destroy channel Room --yes").failed();
    assert!(
        error.contains(&line("src/main.rs", "RoomChannel")),
        "{error}"
    );
    let printed = sandbox.phx("destroy channel Room --force").succeeded();
    assert!(
        printed.contains("Change the code that uses RoomChannel:"),
        "{printed}"
    );
    assert!(!sandbox.root.join("src/channels/room_channel.rs").exists());
}

#[test]
fn a_file_that_was_edited_needs_a_yes_of_its_own() {
    let sandbox = Sandbox::hello();
    sandbox.phx("gen socket User").succeeded();
    sandbox.phx("gen channel Room").succeeded();
    let path = "src/channels/room_channel.rs";
    sandbox.write(path, &sandbox.read(path).replace("\"ping\"", "\"pong\""));
    let before = sandbox.files();
    let error = sandbox.phx("destroy channel Room --yes").failed();
    assert!(error.contains("edited since it was generated"), "{error}");
    assert!(error.contains(path) && error.contains("--force"), "{error}");
    let printed = sandbox
        .phx_typing("destroy channel Room", "n\n")
        .succeeded();
    assert!(
        printed.contains(&format!("Edited since it was generated: {path}.")),
        "{printed}"
    );
    assert_eq!(sandbox.files(), before);
    sandbox
        .phx_typing("destroy channel Room", "y\n")
        .succeeded();
    assert!(!sandbox.root.join(path).exists());
}

#[test]
fn a_channel_is_as_generated_though_a_presence_came_later() {
    let sandbox = Sandbox::hello();
    for command in ["gen socket User", "gen channel Room", "gen presence"] {
        sandbox.phx(command).succeeded();
    }
    sandbox.phx("destroy channel Room --yes").succeeded();
}

#[test]
fn files_of_the_user_in_the_module_s_folder_stay() {
    let sandbox = Sandbox::hello();
    sandbox.phx("gen socket User").succeeded();
    sandbox.phx("gen channel Room").succeeded();
    sandbox.write("src/channels/room_channel/helpers.rs", "pub fn help() {}\n");
    let printed = sandbox.phx("destroy channel Room --yes").succeeded();
    assert!(
        printed.contains("These files of yours belonged to the module, and stay:\n\n    src/channels/room_channel/helpers.rs"),
        "{printed}"
    );
}

/// The tests of a login use the socket. When the user has deleted them, the socket goes with the
/// function that connects to it, and counts as generated.
#[test]
fn a_socket_that_verifies_tokens_is_as_generated() {
    let sandbox = sandbox(1);
    for command in ["gen socket User", "gen channel Room", "gen auth"] {
        sandbox.phx(command).succeeded();
    }
    sandbox.phx("destroy channel Room --yes").succeeded();
    let error = sandbox.phx("destroy socket User --yes").failed();
    assert!(error.contains("src/auth/tests.rs:"), "{error}");

    std::fs::remove_file(sandbox.root.join("src/auth/tests.rs")).unwrap();
    sandbox.phx("destroy socket User --yes").succeeded();
    for path in ["channels/user_socket.rs", "channels/test_support.rs"] {
        assert!(!sandbox.root.join("src").join(path).exists(), "{path}");
    }
}
