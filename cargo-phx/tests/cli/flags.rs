//! The flags that all commands take.

use std::process::{Command, Stdio};

use crate::golden::{assert_golden, changed};
use crate::sandbox::Sandbox;
use crate::targets::{MAIN, manifest};

fn app() -> Sandbox {
    Sandbox::with(&[("Cargo.toml", &manifest("", "")), ("src/main.rs", MAIN)])
}

#[test]
fn without_wiring_only_new_files_are_written() {
    let sandbox = app();
    let before = sandbox.files();
    let printed = sandbox.phx("gen channel Room --no-wire --yes").succeeded();
    let files = changed(&before, sandbox.files());
    let names: Vec<_> = files.iter().map(|(path, _)| format!("{path}\n")).collect();
    assert_golden(
        "no_wire.txt",
        &format!(
            "$ cargo phx gen channel Room --no-wire --yes\n{printed}\n==== new files\n{}",
            names.concat()
        ),
    );
    assert_eq!(sandbox.read("Cargo.toml"), manifest("", ""));
    assert_eq!(sandbox.read("src/main.rs"), MAIN);
}

#[test]
fn quiet_prints_what_is_left_to_do_alone() {
    let sandbox = Sandbox::hello();
    assert_eq!(sandbox.phx("gen presence --quiet").succeeded(), "");
    assert_eq!(sandbox.phx("gen presence -q").succeeded(), "");
    let printed = sandbox.phx("gen channel Room -q -y --no-wire").succeeded();
    assert!(
        printed.contains("Add to src/application.rs, below line "),
        "{printed}"
    );
    assert!(!printed.contains("* creating"), "{printed}");
    assert!(!printed.contains("Try it with"), "{printed}");
}

#[test]
fn yes_answers_every_question() {
    let asked = Sandbox::hello();
    asked.phx_typing("gen channel Room", "y\n").succeeded();
    let assumed = Sandbox::hello();
    let printed = assumed.phx("gen channel Room --yes").succeeded();
    assert!(printed.starts_with("* creating "), "{printed}");
    assert_eq!(assumed.files(), asked.files());
}

#[test]
fn the_diff_of_a_file_that_differs() {
    let sandbox = Sandbox::hello();
    sandbox.phx("gen presence").succeeded();
    let path = "src/channels/presence.rs";
    let mine = sandbox
        .read(path)
        .replace("pub struct", "#[derive(Debug)]\npub struct");
    sandbox.write(path, &mine);
    let printed = sandbox.phx_typing("gen presence", "d\nn\n").succeeded();
    assert_golden(
        "conflict.txt",
        &format!("$ cargo phx gen presence\n{printed}"),
    );
    assert_eq!(sandbox.read(path), mine);
}

/// Runs git in the sandbox, with `input`.
fn git(sandbox: &Sandbox, arguments: &[&str], input: &str) {
    use std::io::Write;
    let mut child = Command::new("git")
        .args(arguments)
        .current_dir(&sandbox.root)
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("git is installed");
    let mut stdin = child.stdin.take().expect("it is piped");
    stdin.write_all(input.as_bytes()).expect("git reads");
    drop(stdin);
    let output = child.wait_with_output().expect("git ends");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}\n{input}");
}

#[test]
fn a_dry_run_is_a_patch_that_does_what_the_command_does() {
    let windows = (
        manifest("", "").replace('\n', "\r\n"),
        MAIN.replace('\n', "\r\n"),
    );
    let open_end = manifest("", "").trim_end().to_owned();
    for (cargo, main) in [
        (manifest("", ""), MAIN.to_owned()),
        windows,
        (open_end, MAIN.trim_end().to_owned()),
    ] {
        let files = [
            ("Cargo.toml", cargo.as_str()),
            ("src/main.rs", main.as_str()),
        ];
        let (patched, run) = (Sandbox::with(&files), Sandbox::with(&files));
        for command in ["gen presence", "gen channel Room --yes", "gen socket Admin"] {
            let patch = patched.phx(&format!("{command} --dry-run")).succeeded();
            git(&patched, &["apply", "--whitespace=nowarn"], &patch);
            run.phx(command).succeeded();
            assert_eq!(patched.files(), run.files(), "{command}");
        }
    }
}

#[cfg(unix)]
#[test]
fn a_disk_that_is_full_in_the_middle_leaves_everything_as_it_was() {
    let mut complete = false;
    // The limit on the size of a file stands for the end of the disk. Each run gets further.
    for blocks in 0..20 {
        let sandbox = app();
        let before = sandbox.files();
        let output = Command::new("bash")
            .args(["-c", "trap '' XFSZ; ulimit -f \"$0\"; exec \"$@\""])
            .arg(blocks.to_string())
            .args([
                env!("CARGO_BIN_EXE_cargo-phx"),
                "phx",
                "gen",
                "channel",
                "Room",
                "--yes",
            ])
            .current_dir(&sandbox.root)
            .output()
            .expect("bash runs");
        complete = output.status.success();
        if complete {
            assert!(blocks > 0, "no write failed");
            break;
        }
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(errors.contains("cannot write "), "{errors}");
        assert!(errors.contains("nothing was written"), "{errors}");
        assert_eq!(sandbox.files(), before, "{blocks} blocks");
        assert!(!sandbox.root.join("src/channels").exists());
    }
    assert!(
        complete,
        "the command needs less than 20 blocks for each file"
    );
}

#[cfg(unix)]
#[test]
fn ctrl_c_leaves_all_of_the_changes_or_none() {
    use std::os::unix::process::ExitStatusExt;
    let after = app();
    after.phx("gen channel Room --yes").succeeded();
    let (after, before) = (after.files(), app().files());
    for _ in 0..12 {
        let sandbox = app();
        let mut child = Command::new(env!("CARGO_BIN_EXE_cargo-phx"))
            .args(["phx", "gen", "channel", "Room", "--yes"])
            .current_dir(&sandbox.root)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("cargo-phx runs");
        // The signal is sent as soon as the first temporary or new file is there.
        let entries = || walkdir(&sandbox.root);
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
        while entries() == before.len() && child.try_wait().expect("it is ours").is_none() {
            assert!(std::time::Instant::now() < deadline, "the command hangs");
        }
        let id = child.id().to_string();
        let _ = Command::new("kill").args(["-INT", &id]).status();
        let output = child.wait_with_output().expect("cargo-phx ends");
        let files = sandbox.files();
        if output.status.success() {
            assert_eq!(files, after);
        } else {
            let errors = String::from_utf8_lossy(&output.stderr);
            assert_eq!(
                output.status.code(),
                Some(130),
                "{errors} {:?}",
                output.status.signal()
            );
            // A signal after the last write stops the report alone.
            let written = errors.contains("interrupted after all changes were written");
            assert!(
                written || errors.contains("interrupted, and nothing was written"),
                "{errors}"
            );
            let expected = if written { &after } else { &before };
            assert_eq!(&files, expected);
        }
    }
}

/// Counts the files below a folder, hidden ones too.
#[cfg(unix)]
fn walkdir(root: &std::path::Path) -> usize {
    let mut count = 0;
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => folders.push(entry.path()),
                _ => count += 1,
            }
        }
    }
    count
}

#[test]
fn every_flag_is_in_the_help() {
    let printed = Sandbox::new().phx("gen channel --help").succeeded();
    for flag in [
        "--dry-run",
        "--force",
        "--yes",
        "--quiet",
        "--no-wire",
        "--bin",
        "--manifest-path",
    ] {
        assert!(printed.contains(flag), "{flag}\n{printed}");
    }
}

#[test]
fn a_new_project_takes_no_flag_that_names_a_present_one() {
    for flag in ["--bin server", "--manifest-path Cargo.toml"] {
        let sandbox = Sandbox::new();
        let error = sandbox.phx(&format!("new hello {flag}")).failed();
        assert!(error.contains("`cargo phx new` takes no --"), "{error}");
        assert!(sandbox.files().is_empty());
    }
}
