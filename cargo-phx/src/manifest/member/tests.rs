use super::*;

fn listed(workspace: &str, folder: &str) -> String {
    let shared = Some((Path::new("../Cargo.toml"), workspace));
    let mut manifests = Manifests::parse("[package]\n", shared, folder.into()).unwrap();
    manifests.list_member();
    manifests.workspace_text(workspace).unwrap()
}

#[test]
fn members_match_as_cargo_matches_them() {
    let member = |pattern: &str, folder: &str| matches(Path::new(pattern), Path::new(folder));
    assert!(member("examples/*", "examples/hello"));
    assert!(member("examples/hello", "examples/hello"));
    assert!(member("app-*", "app-hello"));
    assert!(!member("examples/*", "examples/deep/hello"));
    assert!(!member("examples/other", "examples/hello"));
}

#[test]
fn an_app_that_is_listed_or_excluded_is_settled() {
    let manifest = "[workspace]\nmembers = [\"apps/*\", \"./web\"]\nexclude = [\"target\"]\n";
    let document: DocumentMut = manifest.parse().unwrap();
    for (folder, settled) in [
        ("apps/hello", true),
        ("web", true),
        ("target/demo/hello", true),
        ("web/hello", false),
    ] {
        assert_eq!(
            is_settled(&document, Path::new(folder)),
            settled,
            "{folder}"
        );
    }
}

#[test]
fn a_member_is_listed_in_the_style_of_the_others() {
    for (before, after) in [
        ("[\"a\", \"z\"]", "[\"a\", \"hello\", \"z\"]"),
        ("[\"z\"]", "[\"hello\", \"z\"]"),
        ("[\"a\"]", "[\"a\", \"hello\"]"),
        ("[ \"z\", \"a\" ]", "[ \"z\", \"a\", \"hello\" ]"),
        ("[]", "[\"hello\"]"),
        (
            "[\n    # The first.\n    \"a\",\n    \"z\",\n]",
            "[\n    # The first.\n    \"a\",\n    \"hello\",\n    \"z\",\n]",
        ),
        ("[\n  \"z\"\n]", "[\n  \"hello\",\n  \"z\"\n]"),
        ("[\n  \"a\"\n]", "[\n  \"a\",\n  \"hello\"\n]"),
    ] {
        let manifest =
            |members: &str| format!("[workspace]\nmembers = {members}\nresolver = \"3\"\n");
        assert_eq!(listed(&manifest(before), "hello"), manifest(after));
    }
    assert_eq!(
        listed("[workspace]\r\n", "apps/hello"),
        "[workspace]\r\nmembers = [\"apps/hello\"]\r\n"
    );
}

const PACKAGE: &str = "[package]\nname = \"hello\"\nversion = \"0.1.0\"\nedition = \"2024\"\npublish = false\n\n\
                       [dependencies]\naxum = \"0.8\"\nlog = { version = \"1\", default-features = false, features = [\"std\"] }\n\
                       presence-channels = { path = \"../../lib\" }\ntokio = { version = \"1\", features = [\"net\", \"rt\"] }\n\
                       tower-http = { version = \"0.7\", features = [\"fs\"] }\n";

fn inherited(workspace: &str) -> (String, String) {
    let shared = Some((Path::new("../Cargo.toml"), workspace));
    let mut manifests = Manifests::parse(PACKAGE, shared, "hello".into()).unwrap();
    manifests.inherit();
    let text = manifests.workspace_text(workspace).unwrap();
    (manifests.package_text(PACKAGE), text)
}

#[test]
fn an_app_inherits_what_its_workspace_has() {
    let workspace = "[workspace.package]\nversion = \"3.0.0\"\nedition = \"2024\"\nlicense = \"MIT\"\n\n\
                     [workspace.lints.clippy]\nall = \"warn\"\n\n\
                     [workspace.dependencies]\naxum = \"0.8.1\"\ntokio = { version = \"1.40\", features = [\"net\"] }\n\
                     tower-http = \"0.6\"\n";
    let (package, shared) = inherited(workspace);
    assert_eq!(
        package,
        "[package]\nname = \"hello\"\nversion.workspace = true\nedition.workspace = true\n\
         publish = false\nlicense.workspace = true\n\n\
         [dependencies]\naxum.workspace = true\nlog = { workspace = true, features = [\"std\"] }\n\
         presence-channels.workspace = true\n\
         tokio = { workspace = true, features = [\"rt\"] }\n\
         tower-http = { version = \"0.7\", features = [\"fs\"] }\n\n\
         [lints]\nworkspace = true\n"
    );
    assert_eq!(
        shared,
        workspace
            .replace("tokio", "log = { version = \"1\", default-features = false }\npresence-channels = { path = \"../lib\" }\ntokio")
    );
}

#[test]
fn an_app_keeps_its_own_where_the_workspace_does_not_fit() {
    let workspace = "[workspace.package]\nedition = \"2021\"\n\n[workspace.lints.rust]\n\
                     missing_docs = \"deny\"\nunsafe_code = \"forbid\"\n";
    assert_eq!(
        inherited(workspace),
        (PACKAGE.to_owned(), workspace.to_owned())
    );
    let harmless = "[workspace.lints.rust]\nunsafe_code = { level = \"forbid\" }\n";
    assert_eq!(
        inherited(harmless).0,
        format!("{PACKAGE}\n[lints]\nworkspace = true\n")
    );
}
