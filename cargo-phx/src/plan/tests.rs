use std::fs;

use super::*;
use crate::commands::Options;
use crate::console::Console;

fn run(plan: &Plan, force: bool, typed: &str) -> (anyhow::Result<()>, String) {
    let mut output = Vec::new();
    let mut input = typed.as_bytes();
    let options = Options {
        force,
        ..Options::default()
    };
    let result = plan.apply(&options, &mut Console::new(&mut input, &mut output));
    (result, String::from_utf8(output).unwrap())
}

fn plan(root: &Path) -> Plan {
    let mut plan = Plan::new(root);
    plan.create(Path::new("a/new.rs"), "new\n".into()).unwrap();
    plan.inject(Path::new("old.rs"), "old\nmore\n".into())
        .unwrap();
    plan
}

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("old.rs"), "old\n").unwrap();
    folder
}

/// Returns all files below a folder, with their texts.
fn files(root: &Path) -> Vec<(String, String)> {
    let mut files: Vec<_> = walkdir::WalkDir::new(root)
        .into_iter()
        .map(Result::unwrap)
        .filter(|entry| entry.file_type().is_file())
        .map(|entry| {
            let path = entry.path().strip_prefix(root).unwrap();
            (
                path.display().to_string(),
                fs::read_to_string(entry.path()).unwrap(),
            )
        })
        .collect();
    files.sort();
    files
}

#[test]
fn applying_twice_changes_nothing_and_says_so() {
    let folder = folder();
    let (result, output) = run(&plan(folder.path()), false, "");
    result.unwrap();
    assert_eq!(output, "* creating a/new.rs\n* injecting old.rs\n");

    let (result, output) = run(&plan(folder.path()), false, "");
    result.unwrap();
    let expected = "* unchanged a/new.rs\n* unchanged old.rs\n\n\
                    Nothing to do: everything is there already.\n";
    assert_eq!(output, expected);
}

#[test]
fn a_file_is_deleted_with_the_folders_that_it_leaves_empty() {
    let folder = folder();
    let root = folder.path();
    fs::create_dir_all(root.join("a/b")).unwrap();
    fs::write(root.join("a/b/c.rs"), "c\n").unwrap();
    let mut plan = Plan::new(root);
    plan.delete(Path::new("a/b/c.rs")).unwrap();
    plan.delete(Path::new("a/missing.rs")).unwrap();
    assert_eq!(plan.read(Path::new("a/b/c.rs")).unwrap(), None);

    let (result, output) = run(&plan, false, "");
    result.unwrap();
    assert_eq!(output, "* deleting a/b/c.rs\n");
    assert!(!root.join("a").exists());
    assert_eq!(files(root), [("old.rs".to_owned(), "old\n".to_owned())]);
}

#[test]
fn a_plan_reads_what_it_is_going_to_write() {
    let folder = folder();
    let mut plan = plan(folder.path());
    assert_eq!(plan.read(Path::new("a/new.rs")).unwrap().unwrap(), "new\n");
    assert_eq!(plan.read(Path::new("nothing.rs")).unwrap(), None);
    plan.inject(Path::new("a/new.rs"), "newer\n".into())
        .unwrap();
    assert_eq!(plan.changes.len(), 2);
    assert_eq!(plan.changes[0].status(), Status::Creating);
    assert_eq!(plan.changes[0].after.as_deref(), Some("newer\n"));
}

/// A folder in which the plan's new file exists with another text.
fn conflict() -> tempfile::TempDir {
    let folder = folder();
    fs::create_dir(folder.path().join("a")).unwrap();
    fs::write(folder.path().join("a/new.rs"), "mine\n").unwrap();
    folder
}

#[test]
fn a_file_that_differs_is_asked_for() {
    for (typed, force, verb) in [
        ("y\n", false, "overwriting"),
        ("\n", false, "overwriting"),
        ("a\n", false, "overwriting"),
        ("n\n", false, "keeping"),
        ("d\nn\n", false, "keeping"),
        ("", true, "overwriting"),
    ] {
        let folder = conflict();
        let (result, output) = run(&plan(folder.path()), force, typed);
        result.unwrap();
        let asked = output.contains("a/new.rs exists and differs. Overwrite it? [Y]es");
        assert_eq!(asked, !force);
        assert!(output.contains(&format!("* {verb} a/new.rs\n")), "{output}");
        assert!(output.ends_with("* injecting old.rs\n"), "{output}");
        assert_eq!(output.contains("\n-mine\n+new\n"), typed == "d\nn\n");
        let text = if verb == "keeping" { "mine\n" } else { "new\n" };
        let expected = [
            ("a/new.rs".to_owned(), text.to_owned()),
            ("old.rs".to_owned(), "old\nmore\n".to_owned()),
        ];
        assert_eq!(files(folder.path()), expected, "{typed:?} {force}");
    }
}

#[test]
fn a_question_that_nobody_answers_or_a_quit_leaves_everything() {
    for (typed, message) in [
        ("", "a/new.rs exists and differs, and nothing was written"),
        ("q\n", "stopped before a/new.rs, and nothing was written"),
    ] {
        let folder = conflict();
        let before = files(folder.path());
        let (result, _) = run(&plan(folder.path()), false, typed);
        assert_eq!(result.unwrap_err().to_string(), message);
        assert_eq!(files(folder.path()), before);
    }
}

#[test]
fn the_answer_all_asks_no_more() {
    let folder = conflict();
    fs::write(folder.path().join("b.rs"), "mine too\n").unwrap();
    let mut plan = plan(folder.path());
    plan.create(Path::new("b.rs"), "new too\n".into()).unwrap();
    run(&plan, false, "all\n").0.unwrap();
    assert_eq!(
        fs::read_to_string(folder.path().join("b.rs")).unwrap(),
        "new too\n"
    );
}

#[test]
fn without_wiring_the_changes_of_present_files_are_printed() {
    let folder = folder();
    let mut output = Vec::new();
    let mut input: &[u8] = b"";
    let options = Options {
        no_wire: true,
        ..Options::default()
    };
    plan(folder.path())
        .apply(&options, &mut Console::new(&mut input, &mut output))
        .unwrap();
    let expected = "* creating a/new.rs\n\nAdd to old.rs, below line 1:\n\n    more\n";
    assert_eq!(String::from_utf8(output).unwrap(), expected);
    assert_eq!(
        fs::read_to_string(folder.path().join("old.rs")).unwrap(),
        "old\n"
    );
    assert!(folder.path().join("a/new.rs").is_file());
}

#[test]
fn a_notice_is_printed_once() {
    let folder = folder();
    let mut plan = plan(folder.path());
    plan.notice("Add this line.");
    plan.notice("Add this line.");
    let output = run(&plan, false, "").1;
    assert_eq!(output.matches("Add this line.").count(), 1);
}

#[test]
fn a_dry_run_writes_nothing() {
    let folder = folder();
    let before = files(folder.path());
    let mut output = Vec::new();
    let mut input: &[u8] = b"";
    plan(folder.path())
        .show(&mut Console::new(&mut input, &mut output))
        .unwrap();
    let expected = "* creating a/new.rs\n* injecting old.rs\n\n\
                    diff --git a/a/new.rs b/a/new.rs\nnew file mode 100644\n\
                    --- /dev/null\n+++ b/a/new.rs\n@@ -0,0 +1 @@\n+new\n\
                    diff --git a/old.rs b/old.rs\n--- a/old.rs\n+++ b/old.rs\n\
                    @@ -1 +1,2 @@\n old\n+more\n\n\
                    Nothing was written: this was a dry run.\n";
    assert_eq!(String::from_utf8(output).unwrap(), expected);
    assert_eq!(files(folder.path()), before);
}

/// Returns the error of a plan that cannot be applied, after checking that nothing was written.
#[track_caller]
fn refused(folder: &Path) -> String {
    let before = files(folder);
    let folders = || walkdir::WalkDir::new(folder).into_iter().count();
    let count = folders();
    let (result, output) = run(&plan(folder), false, "");
    let error = result.unwrap_err().to_string();
    assert_eq!(files(folder), before);
    assert_eq!(folders(), count, "a folder or temporary file is left");
    assert_eq!(output, "");
    error
}

#[test]
fn what_cannot_be_written_is_found_before_anything_is() {
    let parent_is_a_file = folder();
    fs::write(parent_is_a_file.path().join("a"), "").unwrap();
    let error = refused(parent_is_a_file.path());
    assert!(error.contains("is a file, not a folder"), "{error}");

    let target_is_a_folder = folder();
    fs::create_dir_all(target_is_a_folder.path().join("old.rs.d")).unwrap();
    fs::remove_file(target_is_a_folder.path().join("old.rs")).unwrap();
    let plan_made_before = plan(target_is_a_folder.path());
    fs::rename(
        target_is_a_folder.path().join("old.rs.d"),
        target_is_a_folder.path().join("old.rs"),
    )
    .unwrap();
    let error = run(&plan_made_before, false, "").0.unwrap_err().to_string();
    assert!(error.contains("it is a folder"), "{error}");
    assert!(!target_is_a_folder.path().join("a").exists());
}

#[cfg(unix)]
#[test]
fn read_only_files_and_folders_are_respected_even_by_root() {
    use std::os::unix::fs::PermissionsExt;
    let set =
        |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();

    let read_only_file = folder();
    set(&read_only_file.path().join("old.rs"), 0o444);
    let error = refused(read_only_file.path());
    assert!(error.ends_with("old.rs is read-only"), "{error}");

    let read_only_folder = folder();
    set(read_only_folder.path(), 0o555);
    let error = refused(read_only_folder.path());
    assert!(error.ends_with("is read-only"), "{error}");
    set(read_only_folder.path(), 0o755);
}

#[cfg(unix)]
#[test]
fn permissions_and_links_stay() {
    use std::os::unix::fs::PermissionsExt;
    let folder = folder();
    let real = folder.path().join("real.rs");
    let link = folder.path().join("old.rs");
    fs::rename(&link, &real).unwrap();
    fs::set_permissions(&real, fs::Permissions::from_mode(0o640)).unwrap();
    std::os::unix::fs::symlink(&real, &link).unwrap();

    run(&plan(folder.path()), false, "").0.unwrap();
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(fs::read_to_string(&real).unwrap(), "old\nmore\n");
    assert_eq!(
        fs::metadata(&real).unwrap().permissions().mode() & 0o777,
        0o640
    );
    let created = fs::metadata(folder.path().join("a/new.rs")).unwrap();
    assert_ne!(
        created.permissions().mode() & 0o044,
        0,
        "others may read a new file"
    );
}
