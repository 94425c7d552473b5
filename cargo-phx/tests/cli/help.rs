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
}

#[test]
fn completions_are_printed_for_each_shell() {
    let sandbox = Sandbox::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = sandbox.phx(&format!("completions {shell}")).succeeded();
        assert!(script.contains("destroy"), "{shell}: {script}");
    }
    let script = sandbox.phx("completions bash").succeeded();
    assert!(script.contains("complete -F _cargo_with_phx"), "{script}");
}
