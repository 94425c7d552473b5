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

/// Finds the project of a folder, with `typed` as the input of a question.
fn find_typing(folder: &Path, bin: Option<&str>, typed: &str) -> anyhow::Result<Project> {
    let mut input = typed.as_bytes();
    let mut output = Vec::new();
    Project::find(
        None,
        folder,
        bin,
        &mut Console::new(&mut input, &mut output),
    )
}

fn find(folder: &tempfile::TempDir) -> Project {
    find_typing(folder.path(), None, "").unwrap()
}

/// Returns the message and the hint of a folder in which no project is found.
#[track_caller]
fn refused(folder: &Path, bin: Option<&str>) -> (String, String) {
    let error = find_typing(folder, bin, "").unwrap_err();
    let hint = error.downcast_ref::<crate::hint::Hinted>().unwrap().hint();
    (error.to_string(), hint.to_owned())
}

#[test]
fn a_library_with_a_binary() {
    let folder = folder(&[
        ("Cargo.toml", PACKAGE),
        ("src/lib.rs", ""),
        ("src/main.rs", ""),
        ("src/deep/er/a.txt", ""),
    ]);
    let project = find_typing(&folder.path().join("src/deep/er"), None, "").unwrap();
    assert_eq!(project.root, folder.path().canonicalize().unwrap());
    assert_eq!(project.crate_name, "my_app");
    assert_eq!(project.crate_root(), Path::new("src/lib.rs"));
    assert_eq!(project.binary.as_deref(), Some(Path::new("src/main.rs")));
    assert_eq!(project.source_folder(), Path::new("src"));
    assert_eq!(project.edition, "2021");
    assert_eq!(project.workspace, None);
    assert!(!project.new_library);
}

#[test]
fn targets_at_other_paths() {
    let manifest = "bin = [{ name = \"c\", path = \"code/c.rs\" }]\n\
                    [package]\nname = \"a\"\n[lib]\nname = \"b\"\npath = \"code/b.rs\"\n";
    let folder = folder(&[
        ("Cargo.toml", manifest),
        ("code/b.rs", ""),
        ("code/c.rs", ""),
    ]);
    let project = find(&folder);
    assert_eq!(project.crate_name, "b");
    assert_eq!(project.crate_root(), Path::new("code/b.rs"));
    assert_eq!(project.binary.as_deref(), Some(Path::new("code/c.rs")));
    assert_eq!(project.edition, "2015");
}

#[test]
fn a_binary_outside_the_package_keeps_its_path() {
    let manifest = "[package]\nname = \"a\"\n[[bin]]\nname = \"a\"\npath = \"../code/a.rs\"\n";
    let folder = folder(&[("a/Cargo.toml", manifest), ("code/a.rs", "")]);
    let project = find_typing(&folder.path().join("a"), None, "").unwrap();
    assert_eq!(project.binary.as_deref(), Some(Path::new("../code/a.rs")));
}

#[test]
fn a_binary_in_a_folder_that_cargo_searches_gets_a_library() {
    let declared = format!("{PACKAGE}\n[[bin]]\nname = \"server\"\n");
    let with_path = format!("{declared}path = \"src/bin/server.rs\"\n");
    for manifest in [PACKAGE, &declared, &with_path] {
        let folder = folder(&[("Cargo.toml", manifest), ("src/bin/server.rs", "")]);
        let project = find(&folder);
        assert!(project.new_library, "{manifest}");
        assert_eq!(project.crate_root(), Path::new("src/lib.rs"));
        assert_eq!(project.crate_name, "my_app");
        assert_eq!(project.source_folder(), Path::new("src"));
        assert_eq!(
            project.binary.as_deref(),
            Some(Path::new("src/bin/server.rs"))
        );
    }
}

#[test]
fn a_binary_in_a_folder_of_its_own_gets_its_modules_there() {
    let folder = folder(&[("Cargo.toml", PACKAGE), ("src/bin/server/main.rs", "")]);
    let project = find(&folder);
    assert_eq!(project.library, None);
    assert_eq!(project.source_folder(), Path::new("src/bin/server"));
}

#[test]
fn a_library_that_the_package_excludes_is_not_overwritten() {
    let manifest = format!("{PACKAGE}autolib = false\n");
    let folder = folder(&[
        ("Cargo.toml", &manifest),
        ("src/bin/server.rs", ""),
        ("src/lib.rs", ""),
    ]);
    let (message, hint) = refused(folder.path(), None);
    assert!(message.contains("src/lib.rs"), "{message}");
    assert!(hint.contains("autolib"), "{hint}");
}

const SERVER: &str = "async fn main() { axum::serve(a, b).await; }\n";
const STARTED: &str = "async fn main() { let a = my_app::application::start(b); }\n";
const COMMENT: &str = "// Calls application::start and axum::serve.\nfn main() {}\n";

#[test]
fn of_several_binaries_the_one_that_serves_is_taken() {
    let default = format!("{PACKAGE}default-run = \"two\"\n");
    let wanted = |manifest: &str, one: &str, two: &str, bin: Option<&str>| {
        let folder = folder(&[
            ("Cargo.toml", manifest),
            ("src/lib.rs", ""),
            ("src/bin/one.rs", one),
            ("src/bin/two.rs", two),
        ]);
        let project = find_typing(folder.path(), bin, "")?;
        anyhow::Ok(project.binary.unwrap().file_stem().unwrap().to_owned())
    };
    assert_eq!(wanted(PACKAGE, SERVER, COMMENT, None).unwrap(), "one");
    assert_eq!(wanted(PACKAGE, COMMENT, SERVER, None).unwrap(), "two");
    assert_eq!(wanted(PACKAGE, SERVER, STARTED, None).unwrap(), "two");
    assert_eq!(wanted(&default, SERVER, COMMENT, None).unwrap(), "two");
    assert_eq!(wanted(&default, STARTED, COMMENT, None).unwrap(), "one");
    assert_eq!(wanted(&default, STARTED, "", Some("two")).unwrap(), "two");
    let error = wanted(PACKAGE, SERVER, SERVER, None).unwrap_err();
    assert!(error.to_string().ends_with("app? one, two"), "{error}");
}

#[test]
fn of_several_binaries_that_serve_the_user_chooses_one() {
    let folder = folder(&[
        ("Cargo.toml", PACKAGE),
        ("src/main.rs", SERVER),
        ("src/bin/admin.rs", SERVER),
    ]);
    let (_, hint) = refused(folder.path(), None);
    assert_eq!(hint, "say which with --bin NAME");
    let project = find_typing(folder.path(), None, "my-app\n").unwrap();
    assert_eq!(project.crate_root(), Path::new("src/main.rs"));
    let project = find_typing(folder.path(), Some("admin"), "").unwrap();
    assert_eq!(project.crate_root(), Path::new("src/lib.rs"));
    let (message, hint) = refused(folder.path(), Some("nothing"));
    assert_eq!(message, "the package has no binary `nothing`");
    assert_eq!(hint, "name one of these with --bin: admin, my-app");
}

#[test]
fn a_member_knows_the_manifest_of_its_workspace() {
    let folder = folder(&[
        (
            "Cargo.toml",
            "[workspace]\nmembers = [\"apps/*\"]\n[workspace.package]\nedition = \"2024\"\n",
        ),
        (
            "apps/web/Cargo.toml",
            "[package]\nname = \"web\"\nedition.workspace = true\n",
        ),
        ("apps/web/src/main.rs", ""),
    ]);
    let project = find_typing(&folder.path().join("apps/web"), None, "").unwrap();
    assert_eq!(project.edition, "2024");
    assert_eq!(
        project.workspace.as_deref(),
        Some(Path::new("../../Cargo.toml"))
    );
    let (message, hint) = refused(folder.path(), None);
    assert!(
        message.ends_with("is a workspace without a package"),
        "{message}"
    );
    assert!(
        hint.ends_with("--manifest-path: apps/web/Cargo.toml"),
        "{hint}"
    );
}

#[test]
fn a_manifest_that_cargo_refuses_shows_cargos_message() {
    let broken = folder(&[
        (
            "Cargo.toml",
            "[package]\nname = \"a\"\nedition = \"1999\"\n",
        ),
        ("src/main.rs", ""),
    ]);
    let (message, _) = refused(broken.path(), None);
    assert!(message.contains("nothing was written"), "{message}");
    assert!(
        message.contains("supported edition values are"),
        "{message}"
    );

    let empty = folder(&[("Cargo.toml", PACKAGE)]);
    let (message, _) = refused(empty.path(), None);
    assert!(message.contains("no targets specified"), "{message}");
    // The system's temporary folder is not in a cargo project.
    let nothing = folder(&[]);
    assert!(
        refused(nothing.path(), None)
            .0
            .starts_with("no Cargo.toml in")
    );
}
