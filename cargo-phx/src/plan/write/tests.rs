use std::cell::Cell;

use super::*;
use crate::plan::Plan;

/// Returns all entries below a folder: files with their texts, and folders.
fn entries(root: &Path) -> Vec<(PathBuf, Option<String>)> {
    walkdir::WalkDir::new(root)
        .sort_by_file_name()
        .into_iter()
        .map(Result::unwrap)
        .map(|entry| {
            (
                entry.path().to_owned(),
                fs::read_to_string(entry.path()).ok(),
            )
        })
        .collect()
}

/// A folder with two files and a plan that creates, edits and deletes files.
fn planned() -> (tempfile::TempDir, Plan) {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    fs::write(root.join("edited.rs"), "old\n").unwrap();
    fs::create_dir(root.join("deep")).unwrap();
    fs::write(root.join("deep/deleted.rs"), "gone\n").unwrap();
    let mut plan = Plan::new(root);
    plan.inject(Path::new("edited.rs"), "new\n".into()).unwrap();
    plan.create(Path::new("a/b/created.rs"), "created\n".into())
        .unwrap();
    plan.delete(Path::new("deep/deleted.rs")).unwrap();
    plan.create(Path::new("last.rs"), "last\n".into()).unwrap();
    (folder, plan)
}

fn write(plan: &Plan, interrupted: &dyn Fn() -> bool) -> anyhow::Result<()> {
    let changes: Vec<_> = plan.changes.iter().collect();
    commit(&plan.root, &changes, interrupted)
}

#[test]
fn everything_is_written_and_nothing_else_is_left() {
    let (folder, plan) = planned();
    write(&plan, &|| false).unwrap();
    let root = folder.path();
    let left: Vec<_> = entries(root)
        .into_iter()
        .filter_map(|(path, text)| Some((path.strip_prefix(root).unwrap().to_owned(), text?)))
        .collect();
    assert_eq!(
        left,
        [
            ("a/b/created.rs".into(), "created\n".to_owned()),
            ("edited.rs".into(), "new\n".to_owned()),
            ("last.rs".into(), "last\n".to_owned()),
        ]
    );
    assert!(!root.join("deep").exists(), "an empty folder is left");
}

#[test]
fn an_interrupt_at_any_step_leaves_everything_as_it_was() {
    let mut steps = 0;
    loop {
        let (folder, plan) = planned();
        let before = entries(folder.path());
        let left: Cell<usize> = Cell::new(steps);
        let result = write(&plan, &|| {
            let now = left.get() == 0;
            left.set(left.get().wrapping_sub(1));
            now
        });
        if result.is_ok() {
            break;
        }
        assert!(result.unwrap_err().is::<Interrupted>());
        assert_eq!(entries(folder.path()), before, "after {steps} steps");
        steps += 1;
    }
    assert_eq!(steps, 8, "two steps for each of four files");
}

#[test]
fn a_move_that_fails_takes_the_earlier_ones_back() {
    let (folder, plan) = planned();
    let before = entries(folder.path());
    let steps = Cell::new(0);
    let last = folder.path().join("last.rs");
    let error = write(&plan, &|| {
        steps.set(steps.get() + 1);
        // Before the last file is moved, another program makes a folder in its place.
        if steps.get() == 8 {
            fs::create_dir(&last).unwrap();
        }
        false
    })
    .unwrap_err();
    fs::remove_dir(&last).unwrap();
    assert_eq!(entries(folder.path()), before);
    let message = format!("{error:#}");
    assert!(
        message.contains("last.rs, and nothing was written"),
        "{message}"
    );
}
