//! Bad input and unexpected files: each gives a clear message and an exit code, and leaves nothing
//! half-done.

use std::fs;
use std::path::Path;

use crate::sandbox::Sandbox;

/// Returns the error of a command, after checking that the command has changed nothing.
#[track_caller]
fn refused(sandbox: &Sandbox, command: &str, typed: &str) -> String {
    let before = sandbox.files();
    let error = sandbox.phx_typing(command, typed).failed();
    assert_eq!(sandbox.files(), before, "{command}");
    error
}

#[test]
fn bad_names() {
    let sandbox = Sandbox::hello();
    for (command, message, hint) in [
        (
            "gen channel room",
            "`room` cannot name a channel",
            "type `cargo phx gen channel Room`",
        ),
        (
            "gen channel 9x",
            "it starts with a digit",
            "a name starts with a capital letter",
        ),
        (
            "gen channel Mod.Room",
            "`mod` is a Rust keyword",
            "type `cargo phx gen channel MyMod.Room`",
        ),
        (
            "gen presence Type",
            "`type` is a Rust keyword",
            "type `cargo phx gen presence MyType`",
        ),
        (
            "gen socket Admin.User",
            "only a channel's name has a `.` or `::`",
            "type `cargo phx gen socket AdminUser`",
        ),
        (
            "gen socket UserSocket",
            "the generator adds `Socket` to it",
            "type `cargo phx gen socket User`",
        ),
        (
            "gen channel Room --socket user",
            "`user` cannot name a socket",
            "gen socket User`",
        ),
        (
            "gen channel ../Room",
            "cannot name a channel",
            "type `cargo phx gen channel Room`",
        ),
        (
            "gen channel Room new-msg:body:string",
            "`new-msg` cannot name an event",
            "type `new_msg:body:string`",
        ),
        (
            "gen channel Room a:b:text",
            "`text` is no type of a field",
            "such as `a:b:string`",
        ),
        (
            "gen channel Room phx_leave",
            "the protocol uses that event itself",
            "choose another name",
        ),
        (
            "gen channel Room --topic a*b",
            "`a*b` is no pattern of topics",
            "--topic 'chat:*'",
        ),
        ("new 9x", "`9x` cannot name an app", "cargo phx new hello"),
        ("new fn", "it is a Rust keyword", "cargo phx new hello"),
        (
            "new tokio",
            "the app depends on a package of that name",
            "cargo phx new hello",
        ),
        ("new ..", "cannot name an app", "cargo phx new hello"),
    ] {
        let error = refused(&sandbox, command, "");
        let (first, second) = error.trim_end().split_once('\n').expect("two lines");
        assert!(
            first.starts_with("error: ") && first.contains(message),
            "{command}: {error}"
        );
        assert!(
            second.starts_with("hint: ") && second.contains(hint),
            "{command}: {error}"
        );
    }
}

#[test]
fn arguments_that_cannot_be_read() {
    let ran = Sandbox::new().phx("gen nothing Room");
    assert_eq!(ran.code, 2);
    assert!(
        ran.stderr.contains("unrecognized subcommand"),
        "{}",
        ran.stderr
    );
}

#[test]
fn no_cargo_project() {
    let error = refused(&Sandbox::new(), "gen presence", "");
    assert!(error.starts_with("error: no Cargo.toml in "), "{error}");
    assert!(
        error.contains("hint: run this inside a cargo project"),
        "{error}"
    );

    let member = |name: &str| format!("[package]\nname = \"{name}\"\nversion = \"0.1.0\"\n");
    let sandbox = Sandbox::with(&[
        (
            "Cargo.toml",
            "[workspace]\nmembers = [\"web\", \"worker\"]\n",
        ),
        ("web/Cargo.toml", &member("web")),
        ("web/src/main.rs", ""),
        ("worker/Cargo.toml", &member("worker")),
        ("worker/src/lib.rs", ""),
    ]);
    let error = refused(&sandbox, "gen presence", "");
    assert!(
        error.contains("is a workspace without a package"),
        "{error}"
    );
    assert!(
        error.contains("with --manifest-path: web/Cargo.toml, worker/Cargo.toml"),
        "{error}"
    );

    let sandbox = Sandbox::with(&[("Cargo.toml", "[package\n")]);
    let error = refused(&sandbox, "gen presence", "");
    assert!(
        error.contains("/Cargo.toml, and nothing was written:"),
        "{error}"
    );
    // Cargo's own message names the line.
    assert!(error.contains("unclosed table"), "{error}");
    assert!(error.contains("1 | [package"), "{error}");
}

#[test]
fn a_member_named_by_its_manifest() {
    let mut sandbox = Sandbox::hello();
    sandbox.root.pop();
    let printed = sandbox
        .phx("gen presence --manifest-path hello/Cargo.toml")
        .succeeded();
    assert!(
        printed.starts_with("* creating src/channels/presence.rs\n"),
        "{printed}"
    );
    assert!(
        sandbox
            .root
            .join("hello/src/channels/presence.rs")
            .is_file()
    );
}

#[test]
fn code_that_does_not_parse() {
    let sandbox = Sandbox::hello();
    sandbox.write("src/application.rs", "pub fn start() {\n    let = 1;\n}\n");
    let error = refused(&sandbox, "gen presence", "");
    assert!(
        error.contains("src/application.rs, line 2: the file is not valid Rust"),
        "{error}"
    );
}

#[test]
fn an_older_axum() {
    let sandbox = Sandbox::with(&[
        (
            "Cargo.toml",
            "[package]\nname = \"old\"\n[dependencies]\naxum = \"0.7\"\n",
        ),
        ("src/main.rs", "fn main() {}\n"),
    ]);
    let error = refused(&sandbox, "gen presence", "");
    assert!(
        error.contains("this project depends on axum 0.7"),
        "{error}"
    );
}

#[test]
fn a_file_that_differs_is_asked_for() {
    let sandbox = Sandbox::hello();
    sandbox.phx("gen presence").succeeded();
    let generated = sandbox.read("src/channels/presence.rs");
    let mine = format!("{generated}// Mine.\n");
    sandbox.write("src/channels/presence.rs", &mine);

    let error = refused(&sandbox, "gen presence", "");
    assert!(
        error.contains("src/channels/presence.rs exists and differs, and nothing was written"),
        "{error}"
    );
    assert!(error.contains("hint: "), "{error}");
    assert!(error.contains("--force"), "{error}");
    // The answers of `--yes` overwrite nothing.
    assert_eq!(refused(&sandbox, "gen presence --yes", "y\n"), error);
    let error = refused(&sandbox, "gen presence", "q\n");
    assert!(
        error.contains("stopped before src/channels/presence.rs"),
        "{error}"
    );
    sandbox.phx_typing("gen presence", "n\n").succeeded();
    assert_eq!(sandbox.read("src/channels/presence.rs"), mine);

    let printed = sandbox.phx_typing("gen presence", "y\n").succeeded();
    assert!(
        printed.starts_with(
            "src/channels/presence.rs exists and differs. \
             Overwrite it? [Y]es [n]o [d]iff [a]ll [q]uit y\n\
             * overwriting src/channels/presence.rs\n"
        ),
        "{printed}"
    );
    assert_eq!(sandbox.read("src/channels/presence.rs"), generated);

    sandbox.write("src/channels/presence.rs", &mine);
    let printed = sandbox.phx("gen presence --force").succeeded();
    assert!(
        printed.starts_with("* overwriting src/channels/presence.rs\n"),
        "{printed}"
    );
    assert_eq!(sandbox.read("src/channels/presence.rs"), generated);
}

#[test]
fn an_app_is_not_made_over_another() {
    let mut sandbox = Sandbox::hello();
    sandbox.phx("gen presence").succeeded();
    sandbox.root.pop();
    let error = refused(&sandbox, "new hello", "");
    assert!(
        error.contains("src/application.rs exists and differs, and nothing was written"),
        "{error}"
    );
}

#[test]
fn a_socket_that_is_declined() {
    let sandbox = Sandbox::hello();
    let error = refused(&sandbox, "gen channel Room", "n\n");
    assert!(error.contains("error: a channel needs a socket"), "{error}");
    assert!(
        error.contains("hint: make one with `cargo phx gen socket User` first"),
        "{error}"
    );
}

#[test]
fn a_question_that_nobody_answers() {
    let sandbox = Sandbox::hello();
    let error = refused(&sandbox, "gen channel Room", "");
    assert!(
        error.contains("this question was not answered, and nothing was written: The project has"),
        "{error}"
    );
    assert!(error.contains("add --yes"), "{error}");
    sandbox.phx("gen channel Room --yes").succeeded();
}

#[test]
fn several_sockets_and_none_named() {
    let sandbox = Sandbox::hello();
    sandbox.phx("gen socket Admin").succeeded();
    sandbox.phx("gen socket Guest").succeeded();
    let error = refused(&sandbox, "gen channel Room", "");
    assert!(
        error.contains("the project has several sockets: AdminSocket, GuestSocket"),
        "{error}"
    );
    assert!(error.contains("--socket Admin"), "{error}");
}

#[test]
fn a_file_in_place_of_a_folder() {
    let sandbox = Sandbox::hello();
    sandbox.write("src/channels", "");
    let error = refused(&sandbox, "gen presence", "");
    assert!(error.contains("cannot write "), "{error}");
    assert!(
        error.contains("src/channels is a file, not a folder"),
        "{error}"
    );

    let sandbox = Sandbox::with(&[("hello", "")]);
    let error = refused(&sandbox, "new hello", "");
    assert!(error.contains("hello is a file, not a folder"), "{error}");
}

#[cfg(unix)]
#[test]
fn a_read_only_folder() {
    use std::os::unix::fs::PermissionsExt;
    let set = |path: &Path, mode| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("it is ours");
    };
    let sandbox = Sandbox::hello();
    let folder = sandbox.root.join("src");
    set(&folder, 0o555);
    let error = refused(&sandbox, "gen presence", "");
    set(&folder, 0o755);
    assert!(error.contains("src is read-only"), "{error}");
    assert!(error.contains("hint: nothing was written"), "{error}");

    // Like a file system that is mounted read-only: not even root can write here.
    if Path::new("/proc/self").exists() {
        let error = sandbox.phx("new /proc/hello").failed();
        assert!(
            error.contains("cannot write /proc/hello/Cargo.toml"),
            "{error}"
        );
    }
}

#[test]
fn the_projects_own_template() {
    let sandbox = Sandbox::hello();
    let template = "priv/templates/phx.gen.presence/presence.rs.tera";
    sandbox.write(template, "/// Ours.\npub struct {{ name }};\n");
    sandbox.phx("gen presence").succeeded();
    assert_eq!(
        sandbox.read("src/channels/presence.rs"),
        "/// Ours.\npub struct Presence;\n"
    );

    sandbox.write(template, "// Ours.\npub struct {{ nothing }};\n");
    let error = refused(&sandbox, "gen presence Other", "");
    assert!(
        error.contains(&format!("the template {template} does not render")),
        "{error}"
    );
    assert!(error.contains("presence.rs.tera:2:"), "{error}");
    assert!(error.contains("hint: correct the template"), "{error}");
}

#[test]
fn an_application_of_another_shape_is_left_to_the_user() {
    let sandbox = Sandbox::hello();
    let mine = "\
use presence_channels::{Config, Endpoint};

pub struct AppState(pub u8);

pub async fn start(config: Config) -> anyhow::Result<Endpoint> {
    crate::elsewhere::build(config).await
}
";
    sandbox.write("src/application.rs", mine);
    let printed = sandbox.phx("gen presence").succeeded();
    assert!(
        printed.starts_with("* creating src/channels/presence.rs\n* injecting src/channels.rs\n"),
        "{printed}"
    );
    for line in [
        "The place for the presence was not found in src/application.rs. Add these lines:",
        "    use crate::channels::presence::Presence;",
        "    pub presence: Tracker<Presence>,",
        "    let presence = Tracker::start(&pubsub, Presence);",
        "    .supervise(&state.presence)",
    ] {
        assert!(printed.contains(line), "{line}\n{printed}");
    }
    let printed = sandbox.phx("gen socket User").succeeded();
    assert!(
        printed.contains("    .socket::<UserSocket>(\"/socket\", state)"),
        "{printed}"
    );
    assert_eq!(sandbox.read("src/application.rs"), mine);
}

#[test]
fn a_socket_of_another_shape_is_left_to_the_user() {
    let sandbox = Sandbox::hello();
    sandbox.phx("gen socket User").succeeded();
    let text = sandbox.read("src/channels/user_socket.rs");
    let text = text.replace(
        "fn channels(_routes: &mut Routes<Self>)",
        "fn channels(_: &mut Routes<Self>)",
    );
    sandbox.write("src/channels/user_socket.rs", &text);
    let printed = sandbox.phx("gen channel Room").succeeded();
    assert!(
        printed.contains("The routes of UserSocket were not found in src/channels/user_socket.rs."),
        "{printed}"
    );
    assert!(
        printed.contains("    routes.channel::<RoomChannel>(\"room:*\");"),
        "{printed}"
    );
    assert_eq!(sandbox.read("src/channels/user_socket.rs"), text);
}

#[test]
fn a_server_of_another_shape_is_left_to_the_user() {
    let main = "#[tokio::main]\nasync fn main() {\n    my_server::run(routes()).await;\n}\n";
    let sandbox = Sandbox::with(&[
        (
            "Cargo.toml",
            "[package]\nname = \"shop\"\nedition = \"2024\"\n\n[dependencies]\naxum = \"0.8\"\n",
        ),
        ("src/main.rs", main),
    ]);
    let printed = sandbox.phx("gen presence").succeeded();
    for line in [
        "No server was found in src/main.rs. Add these lines where the app serves its router:",
        "    let endpoint = application::start(presence_channels::Config::default()).await?;",
        "    let app = app.merge(endpoint.router());",
        "    presence_channels::serve(listener, app, &endpoint)",
        "        .with_graceful_shutdown(shutdown())    // returns on ctrl-c and SIGTERM",
        "    endpoint.stop().await;",
    ] {
        assert!(printed.contains(line), "{line}\n{printed}");
    }
    assert_eq!(
        sandbox.read("src/main.rs"),
        format!("mod application;\nmod channels;\n\n{main}")
    );
}

/// A module with the name of a generated one, but of another purpose.
#[test]
fn a_module_of_the_users_own_with_the_same_name() {
    let own = "pub enum Channel {\n    Email,\n}\n";
    let main = |line: &str| format!("use axum::Router;\n\n{line}\n\nfn main() {{}}\n");
    for (line, file, place) in [
        ("mod channels;", "src/channels.rs", "src/main.rs, line 3: "),
        (
            "mod channels;",
            "src/channels/mod.rs",
            "src/main.rs, line 3: ",
        ),
        (
            "mod application;",
            "src/application.rs",
            "src/main.rs, line 3: ",
        ),
        (
            "mod application;",
            "src/application/mod.rs",
            "src/main.rs, line 3: ",
        ),
        ("mod channels {}", "src/other.rs", "src/main.rs, line 3: "),
        (
            "#[path = \"own.rs\"]\nmod channels;",
            "src/own.rs",
            "src/main.rs, line 4: ",
        ),
        ("use std::fs as channels;", "src/other.rs", "src/main.rs: "),
        ("", "src/channels.rs", "src/channels.rs: "),
    ] {
        let sandbox = Sandbox::with(&[
            ("Cargo.toml", &crate::targets::manifest("", "")),
            ("src/main.rs", &main(line)),
            (file, own),
        ]);
        let error = refused(&sandbox, "gen presence", "");
        assert!(
            error.starts_with(&format!("error: {place}the project has a module")),
            "{error}"
        );
        assert!(error.contains("hint: rename that module"), "{error}");
    }
}
