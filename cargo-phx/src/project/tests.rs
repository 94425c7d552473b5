use std::fs;

use super::*;

fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    folder
}

const PACKAGE: &str = "[package]\nname = \"my-app\"\nedition = \"2021\"\n";

#[test]
fn a_library_with_a_binary() {
    let folder = folder(&[
        ("Cargo.toml", PACKAGE),
        ("src/lib.rs", ""),
        ("src/main.rs", ""),
        ("src/deep/er/a.txt", ""),
    ]);
    let project = Project::find(None, &folder.path().join("src/deep/er")).unwrap();
    assert_eq!(project.root, folder.path());
    assert_eq!(project.crate_name, "my_app");
    assert_eq!(project.crate_root(), Path::new("src/lib.rs"));
    assert_eq!(project.binary.as_deref(), Some(Path::new("src/main.rs")));
    assert_eq!(project.source_folder(), Path::new("src"));
    assert_eq!(project.edition, "2021");
}

#[test]
fn targets_at_other_paths() {
    let manifest = "[package]\nname = \"a\"\n[lib]\nname = \"b\"\npath = \"code/b.rs\"\n\
                    [[bin]]\nname = \"c\"\npath = \"code/c.rs\"\n";
    let folder = folder(&[
        ("Cargo.toml", manifest),
        ("code/b.rs", ""),
        ("code/c.rs", ""),
    ]);
    let project = Project::find(Some(Path::new("Cargo.toml")), folder.path()).unwrap();
    assert_eq!(project.crate_name, "b");
    assert_eq!(project.crate_root(), Path::new("code/b.rs"));
    assert_eq!(project.binary.as_deref(), Some(Path::new("code/c.rs")));
    assert_eq!(project.edition, "2015");
}

#[test]
fn a_member_inherits_from_its_workspace() {
    let folder = folder(&[
        (
            "Cargo.toml",
            "[workspace]\nmembers = [\"app\"]\n[workspace.package]\nedition = \"2024\"\n",
        ),
        (
            "app/Cargo.toml",
            "[package]\nname = \"app\"\nedition.workspace = true\n",
        ),
        ("app/src/main.rs", ""),
    ]);
    let project = Project::find(None, &folder.path().join("app")).unwrap();
    assert_eq!(project.edition, "2024");
    assert!(project.workspace.unwrap().contains("members"));
}

#[test]
fn what_is_no_project_says_what_to_do() {
    let hint = |folder: &Path| {
        let error = Project::find(None, folder).unwrap_err();
        let hint = error.downcast_ref::<crate::hint::Hinted>().unwrap().hint();
        (error.to_string(), hint.to_owned())
    };
    let workspace = folder(&[("Cargo.toml", "[workspace]\nmembers = [\"app\", \"web\"]\n")]);
    let (message, said) = hint(workspace.path());
    assert!(
        message.ends_with("is a workspace without a package"),
        "{message}"
    );
    assert!(said.ends_with("app, web"), "{said}");

    let empty = folder(&[("Cargo.toml", PACKAGE)]);
    assert!(
        hint(empty.path())
            .0
            .ends_with("has neither a library nor a binary")
    );
    // The system's temporary folder is not in a cargo project.
    let nothing = folder(&[]);
    assert!(hint(nothing.path()).0.starts_with("no Cargo.toml in"));
}
