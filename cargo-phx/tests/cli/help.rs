//! The help of each command, and the commands that only print.

use crate::golden::assert_golden;
use crate::sandbox::Sandbox;

#[test]
fn the_help_of_every_command() {
    let sandbox = Sandbox::new();
    let mut text = String::new();
    for command in [
        "",
        "new ",
        "gen ",
        "gen presence ",
        "gen channel ",
        "gen socket ",
        "gen auth ",
        "gen secret ",
        "destroy ",
        "destroy presence ",
        "destroy channel ",
        "destroy socket ",
        "routes ",
        "override ",
        "completions ",
    ] {
        let printed = sandbox.phx(&format!("{command}--help")).succeeded();
        text.push_str(&format!("$ cargo phx {command}--help\n{printed}\n"));
    }
    assert_golden("help.txt", &text);
}

#[test]
fn the_routes_of_an_app() {
    let sandbox = Sandbox::hello();
    for command in [
        "gen socket User",
        "gen socket Admin",
        "gen channel Room --socket User",
        "gen channel Admin.Desk new_msg:body:string typing --socket Admin",
    ] {
        sandbox.phx(command).succeeded();
    }
    let printed = sandbox.phx("routes").succeeded();
    let path = "src/channels/room_channel.rs";
    let arm =
        "event if event.starts_with(\"draw:\") => unhandled(event),\n            _ => unhandled";
    sandbox.write(path, &sandbox.read(path).replace("_ => unhandled", arm));
    let unread = sandbox.phx("routes").succeeded();
    let none = Sandbox::hello().phx("routes").succeeded();
    let text = [printed, unread, none].map(|printed| format!("$ cargo phx routes\n{printed}"));
    assert_golden("routes.txt", &text.join("\n"));
}

#[test]
fn channels_of_the_same_name_have_their_own_events() {
    let sandbox = Sandbox::hello();
    for command in [
        "gen socket User",
        "gen channel Room shout:body:string",
        "gen channel Admin.Room typing --topic admin:*",
    ] {
        sandbox.phx(command).succeeded();
    }
    let printed = sandbox.phx("routes").succeeded();
    let events = |topics: &str| {
        let line = printed.lines().find(|line| line.contains(topics));
        line.and_then(|line| line.split_whitespace().nth(2))
    };
    assert_eq!(events("room:*"), Some("shout"), "{printed}");
    assert_eq!(events("admin:*"), Some("typing"), "{printed}");
}

#[test]
fn a_template_is_copied_and_wins() {
    let sandbox = Sandbox::hello();
    let listed = sandbox.phx("override").succeeded();
    let template = "phx.gen.presence/presence.rs.tera";
    assert!(listed.lines().any(|line| line == template), "{listed}");
    sandbox.phx(&format!("override {template}")).succeeded();
    let copy = format!("priv/templates/{template}");
    sandbox.write(&copy, &format!("// Ours.\n{}", sandbox.read(&copy)));
    sandbox.phx("gen presence").succeeded();
    assert!(
        sandbox
            .read("src/channels/presence.rs")
            .starts_with("// Ours.\n")
    );
    let error = sandbox.phx("override nothing").failed();
    assert!(error.contains("there is no template `nothing`"), "{error}");
    for name in listed.lines() {
        assert!(error.contains(name), "{name}: {error}");
    }

    let short = "phx.gen.channel/channel.rs";
    sandbox.phx(&format!("override {short}")).succeeded();
    sandbox.read(&format!("priv/templates/{short}.tera"));
}

#[test]
fn completions_are_printed_for_each_shell() {
    let sandbox = Sandbox::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = sandbox.phx(&format!("completions {shell}")).succeeded();
        assert!(script.contains("destroy"), "{shell}: {script}");
    }
    // `cargo phx` too, not only `cargo-phx`.
    for (shell, line) in [
        ("bash", "complete -F _cargo_with_phx"),
        ("zsh", "#compdef cargo-phx"),
        (
            "fish",
            "complete -c cargo -n '__fish_seen_subcommand_from phx'",
        ),
    ] {
        let script = sandbox.phx(&format!("completions {shell}")).succeeded();
        assert!(script.contains(line), "{shell}: {script}");
    }
}

/// bash itself completes `cargo phx` with the script, and leaves `cargo build` to cargo's own.
#[test]
#[cfg(unix)]
fn bash_completes_cargo_phx() {
    let sandbox = Sandbox::new();
    let script = sandbox.phx("completions bash").succeeded();
    let complete = r#"
_cargo() { COMPREPLY=("cargo's own: $2"); }
complete_line() {
    COMP_WORDS=($1)
    COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
    COMPREPLY=()
    _cargo_with_phx cargo "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
    echo "$1: ${COMPREPLY[*]}"
}
complete_line "cargo phx gen ch"
complete_line "cargo phx gen channel --so"
complete_line "cargo phx des"
complete_line "cargo bu"
complete_line "cargo ph"
"#;
    let output = std::process::Command::new("bash")
        .args(["--norc", "-c", &format!("{script}\n{complete}")])
        .output()
        .expect("bash runs");
    let printed = String::from_utf8_lossy(&output.stdout);
    let expected = "\
cargo phx gen ch: channel
cargo phx gen channel --so: --socket
cargo phx des: destroy
cargo bu: cargo's own: bu
cargo ph: cargo's own: ph
";
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(printed, expected, "{errors}");
}
