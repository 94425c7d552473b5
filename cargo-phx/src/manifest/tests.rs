use super::*;

/// Adds dependencies to a package, and to its workspace in the folder above.
fn add(manifest: &str, workspace: Option<&str>, new: &[Dependency]) -> anyhow::Result<String> {
    Ok(add_both(manifest, workspace, new)?.0)
}

fn add_both(
    manifest: &str,
    workspace: Option<&str>,
    new: &[Dependency],
) -> anyhow::Result<(String, String)> {
    let path = Path::new("../Cargo.toml");
    let shared = workspace.map(|text| (path, text));
    let mut manifests = Manifests::parse(manifest, shared, "app".into())?;
    manifests.add(new)?;
    let shared = workspace.and_then(|text| manifests.workspace_text(text));
    Ok((manifests.package_text(manifest), shared.unwrap_or_default()))
}

fn check_axum(manifest: &str, workspace: Option<&str>) -> anyhow::Result<()> {
    let shared = workspace.map(|text| (Path::new("../Cargo.toml"), text));
    Manifests::parse(manifest, shared, "app".into())?.check_axum()
}

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

#[test]
fn a_dependency_is_found_by_its_package() {
    let manifest = "[dependencies]\njson = { package = \"serde_json\", version = \"1\" }\n";
    let json = [Dependency::new("serde_json", "1")];
    assert_eq!(add(manifest, None, &json).unwrap(), manifest);
    let manifests = Manifests::parse(manifest, None, PathBuf::new()).unwrap();
    assert_eq!(manifests.crate_name("serde_json").unwrap(), "json");
    assert_eq!(manifests.crate_name("json"), None);
    assert!(
        check_axum(
            "[dependencies]\nweb = { package = \"axum\", version = \"0.7\" }\n",
            None
        )
        .is_err()
    );
    assert!(
        check_axum(
            "[dependencies.web]\npackage = \"axum\"\nversion = \"0.7\"\n",
            None
        )
        .is_err()
    );
    assert!(
        check_axum(
            "[dependencies]\nweb.workspace = true\n",
            Some("[workspace.dependencies]\nweb = { package = \"axum\", version = \"0.6\" }\n")
        )
        .is_err()
    );
}

#[test]
fn a_name_that_another_package_has_is_refused() {
    let manifest = "[dependencies]\nserde_json = { package = \"other\", version = \"1\" }\n";
    let error = add(manifest, None, &[Dependency::new("serde_json", "1")]).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("`serde_json` for another package"),
        "{error}"
    );
}

#[test]
fn dotted_keys_keep_their_order() {
    let manifest = "[dependencies]\naxum.version = \"0.8\"\naxum.features = [\"ws\"]\n\
                    zoo.version = \"1\"\nzoo.default-features = false\n";
    let expected = "[dependencies]\naxum.version = \"0.8\"\naxum.features = [\"ws\"]\n\
                    serde_json = \"1\"\ntokio = { version = \"1\", features = [\"macros\", \"rt\"] }\n\
                    zoo.version = \"1\"\nzoo.default-features = false\n";
    assert_eq!(added(manifest), expected);
    assert_eq!(
        added("dependencies.axum = \"0.8\"\n\n[package]\nname = \"a\"\n"),
        "dependencies.axum = \"0.8\"\ndependencies.serde_json = \"1\"\n\
         dependencies.tokio = { version = \"1\", features = [\"macros\", \"rt\"] }\n\n\
         [package]\nname = \"a\"\n"
    );
}

#[test]
fn tables_of_single_dependencies_get_a_table_beside_them() {
    let text = added("[package]\nname = \"a\"\n\n[dependencies.axum]\nversion = \"0.8\"\n");
    let document: DocumentMut = text.parse().unwrap();
    assert_eq!(
        document["dependencies"]["axum"]["version"].as_str(),
        Some("0.8")
    );
    assert_eq!(document["dependencies"]["serde_json"].as_str(), Some("1"));
    assert!(
        text.contains("[dependencies.axum]\nversion = \"0.8\"\n"),
        "{text}"
    );
}

#[test]
fn a_dependency_of_one_platform_counts() {
    let manifest = "[dependencies]\nserde_json = \"1\"\n\n\
                    [target.'cfg(unix)'.dependencies]\ntokio = { version = \"1\", features = [\"rt\"] }\n";
    assert_eq!(
        added(manifest),
        manifest.replace("[\"rt\"]", "[\"rt\", \"macros\"]")
    );
}

#[test]
fn a_dependency_of_the_tests_becomes_one_of_the_package() {
    let tests = "[dependencies]\naxum = \"0.8\"\n\n[dev-dependencies]\n\
                 json = { version = \"1.0.5\", package = \"serde_json\" }\n\
                 tokio = { version = \"1.40\", features = [\"test-util\"] }\n";
    let expected = "[dependencies]\naxum = \"0.8\"\n\
                    json = { version = \"1.0.5\", package = \"serde_json\" }\n\
                    tokio = { version = \"1.40\", features = [\"macros\", \"rt\"] }\n\n\
                    [dev-dependencies]\ntokio = { version = \"1.40\", features = [\"test-util\"] }\n";
    assert_eq!(added(tests), expected);
}

#[test]
fn an_optional_dependency_is_left_to_the_user() {
    let manifest = "[dependencies]\nserde_json = { version = \"1\", optional = true }\n";
    let mut manifests = Manifests::parse(manifest, None, PathBuf::new()).unwrap();
    let notices = manifests
        .add(&[Dependency::new("serde_json", "1")])
        .unwrap();
    assert!(
        notices[0].contains("serde_json: remove `optional = true`"),
        "{notices:?}"
    );
    assert_eq!(manifests.package_text(manifest), manifest);
}

#[test]
fn comments_and_lists_of_lines_stay() {
    let manifest = "[dependencies]\nserde_json = \"1\"\ntokio = \"1\" # the runtime\n";
    assert_eq!(
        added(manifest),
        "[dependencies]\nserde_json = \"1\"\n\
         tokio = { version = \"1\", features = [\"macros\", \"rt\"] } # the runtime\n"
    );
    let manifest = "[dependencies.serde_json]\nversion = \"1\"\n\n[dependencies.tokio]\nversion = \"1\"\n\
                    features = [\n    \"net\",\n    \"rt\", # one thread\n]\n";
    let text = added(manifest);
    assert!(
        text.contains("    \"net\",\n    \"rt\", # one thread\n    \"macros\",\n]\n"),
        "{text}"
    );
}

#[test]
fn other_bytes_stay_as_they_are() {
    let manifest = "\u{feff}[package]\r\nname = \"a\"\r\n\r\n[dependencies]\r\n# The server.\r\naxum = \"0.8\"";
    assert_eq!(
        add(manifest, None, &[Dependency::new("serde_json", "1")]).unwrap(),
        format!("{manifest}\r\nserde_json = \"1\"")
    );
}

const SHARED: &str = "[workspace]\nmembers = [\"app\"]\n\n[workspace.dependencies]\n\
                      axum = \"0.8\"\njson = { package = \"serde_json\", version = \"1\" }\n";

#[test]
fn a_member_inherits_what_its_workspace_shares() {
    let library = Dependency {
        path: Some("../../presence/channels".into()),
        ..Dependency::new("presence-channels", "0.1")
    };
    let new = [Dependency::new("serde_json", "1"), tokio(), library];
    let manifest = "[dependencies]\naxum.workspace = true\n";
    let (package, workspace) = add_both(manifest, Some(SHARED), &new).unwrap();
    assert_eq!(
        package,
        "[dependencies]\naxum.workspace = true\njson.workspace = true\n\
         presence-channels.workspace = true\n\
         tokio = { workspace = true, features = [\"macros\", \"rt\"] }\n"
    );
    assert_eq!(
        workspace,
        format!(
            "{SHARED}presence-channels = {{ path = \"../presence/channels\" }}\ntokio = \"1\"\n"
        )
    );
    let again = add_both(&package, Some(&workspace), &new).unwrap();
    assert_eq!(again, (package, workspace));

    let inline = "[dependencies]\naxum = { workspace = true }\n";
    let (package, _) = add_both(inline, Some(SHARED), &new[..1]).unwrap();
    assert_eq!(package, format!("{inline}json = {{ workspace = true }}\n"));
}

#[test]
fn a_member_of_a_workspace_that_shares_nothing_has_its_own_versions() {
    let workspace = "[workspace]\nmembers = [\"app\"]\n";
    let manifest = "[dependencies]\n";
    let json = [Dependency::new("serde_json", "1")];
    let (package, unchanged) = add_both(manifest, Some(workspace), &json).unwrap();
    assert_eq!(package, "[dependencies]\nserde_json = \"1\"\n");
    assert_eq!(unchanged, workspace);
}

#[test]
fn a_package_that_is_the_root_of_its_workspace_has_one_manifest() {
    let manifest = "[dependencies]\n\n[workspace.dependencies]\naxum = \"0.8\"\n";
    let json = [Dependency::new("serde_json", "1")];
    assert_eq!(
        add(manifest, None, &json).unwrap(),
        "[dependencies]\nserde_json.workspace = true\n\n[workspace.dependencies]\n\
         axum = \"0.8\"\nserde_json = \"1\"\n"
    );
}
