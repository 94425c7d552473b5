use super::*;

fn tokio() -> Dependency {
    Dependency::new("tokio", "1").features(&["macros", "rt"])
}

fn added(manifest: &str) -> String {
    let dependencies = [Dependency::new("serde_json", "1"), tokio()];
    let text = add(manifest, None, &dependencies).unwrap();
    assert_eq!(
        add(&text, None, &dependencies).unwrap(),
        text,
        "a second time"
    );
    text
}

#[test]
fn new_ones_are_sorted_in_and_comments_stay() {
    let manifest = "[package]\nname = \"a\"\n\n[dependencies]\n# The server.\naxum = \"0.8\" # web\nzoo = \"1\"\n";
    let expected = "[package]\nname = \"a\"\n\n[dependencies]\n# The server.\naxum = \"0.8\" # web\n\
                    serde_json = \"1\"\ntokio = { version = \"1\", features = [\"macros\", \"rt\"] }\nzoo = \"1\"\n";
    assert_eq!(added(manifest), expected);
}

#[test]
fn an_unsorted_list_is_appended_to() {
    let manifest = "[dependencies]\nzoo = \"1\"\naxum = \"0.8\"\n\n[lints]\n";
    assert!(
        added(manifest).starts_with(
            "[dependencies]\nzoo = \"1\"\naxum = \"0.8\"\nserde_json = \"1\"\ntokio ="
        )
    );
}

#[test]
fn a_missing_table_is_made() {
    let text = added("[package]\nname = \"a\"\n");
    assert!(
        text.contains("\n[dependencies]\nserde_json = \"1\"\n"),
        "{text}"
    );
}

#[test]
fn features_are_merged() {
    for (before, after) in [
        (
            "tokio = \"1.40\"",
            "tokio = { version = \"1.40\", features = [\"macros\", \"rt\"] }",
        ),
        (
            "tokio = { version = \"1\", features = [\"full\"] }",
            "tokio = { version = \"1\", features = [\"full\"] }",
        ),
        (
            "tokio = { version = \"1\", features = [\"rt-multi-thread\"] }",
            "tokio = { version = \"1\", features = [\"rt-multi-thread\", \"macros\"] }",
        ),
        (
            "tokio = { workspace = true }",
            "tokio = { workspace = true, features = [\"macros\", \"rt\"] }",
        ),
        (
            "tokio.workspace = true",
            "tokio.workspace = true\ntokio.features = [\"macros\", \"rt\"]",
        ),
    ] {
        let text = added(&format!("[dependencies]\nserde_json = \"1\"\n{before}\n"));
        assert_eq!(
            text,
            format!("[dependencies]\nserde_json = \"1\"\n{after}\n")
        );
    }
    let table = "[dependencies]\nserde_json = \"1\"\n\n[dependencies.tokio]\nversion = \"1\"\n";
    assert!(
        added(table)
            .ends_with("[dependencies.tokio]\nversion = \"1\"\nfeatures = [\"macros\", \"rt\"]\n")
    );
}

#[test]
fn inherited_features_count() {
    let manifest = "[dependencies]\ntokio = { workspace = true }\n";
    let workspace =
        "[workspace.dependencies]\ntokio = { version = \"1\", features = [\"full\"] }\n";
    assert_eq!(
        add(manifest, Some(workspace), &[tokio()]).unwrap(),
        manifest
    );
    let workspace = "[workspace.dependencies]\ntokio = { version = \"1\", features = [\"rt\"] }\n";
    assert_eq!(
        add(manifest, Some(workspace), &[tokio()]).unwrap(),
        "[dependencies]\ntokio = { workspace = true, features = [\"macros\"] }\n"
    );
}

#[test]
fn an_existing_version_or_path_stays() {
    let manifest = "[dependencies]\nserde_json = { path = \"../json\" }\n";
    let text = add(manifest, None, &[Dependency::new("serde_json", "1")]).unwrap();
    assert_eq!(text, manifest);
}

#[test]
fn an_older_axum_is_refused() {
    let refused = |line: &str, workspace: Option<&str>| {
        check_axum(&format!("[dependencies]\n{line}\n"), workspace).is_err()
    };
    assert!(refused("axum = \"0.7\"", None));
    assert!(refused("axum = { version = \"=0.6.20\" }", None));
    assert!(refused(
        "axum.workspace = true",
        Some("[workspace.dependencies]\naxum = \"0.7.1\"\n")
    ));
    assert!(!refused("axum = \"0.8.1\"", None));
    assert!(!refused("axum = \"1\"", None));
    assert!(!refused("axum = { git = \"https://example.com\" }", None));
    assert!(!refused("", None));
}
