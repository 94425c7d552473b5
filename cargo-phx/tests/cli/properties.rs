//! Laws of the generators, for projects that are put together at random: a command that runs twice
//! changes what it changes once, and cargo accepts every project that it has accepted before.

use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use crate::sandbox::Sandbox;
use crate::targets::{MAIN, targets};

/// A project: the text of its manifest and its source files.
#[derive(Debug, Clone)]
struct Project {
    manifest: String,
    files: Vec<&'static str>,
    workspace: Option<String>,
    line_break: &'static str,
}

/// The entries that a manifest may have for one package, in the styles that cargo knows.
fn entries() -> impl Strategy<Value = Vec<&'static str>> {
    (
        select(vec![
            "axum = \"0.8\"",
            "axum.version = \"0.8\"\naxum.features = [\"ws\"]",
            "web = { package = \"axum\", version = \"0.8\" }",
        ]),
        subsequence(
            vec![
                "anyhow = \"1\" # errors",
                "json = { package = \"serde_json\", version = \"1\" }",
                "# The runtime.\ntokio = { version = \"1\", features = [\n    \"net\",\n] }",
                "zoo = { path = \"zoo\" }",
            ],
            0..=4,
        )
        .prop_shuffle(),
    )
        .prop_map(|(axum, mut others)| {
            others.push(axum);
            others
        })
}

fn project() -> impl Strategy<Value = Project> {
    let below = subsequence(
        vec![
            "[dev-dependencies]\nserde_json = \"1\"\n",
            "[target.'cfg(unix)'.dependencies]\ntokio = \"1\"\n",
            "[features]\ndefault = []\n",
            "[lints.rust]\nunused = \"warn\"\n",
        ],
        0..=4,
    );
    let files = select(vec![
        vec!["src/main.rs"],
        vec!["src/main.rs", "src/lib.rs"],
        vec!["src/bin/server.rs"],
        vec!["src/bin/server/main.rs"],
    ]);
    let workspace = select(vec![
        None,
        Some(""),
        Some("[workspace.dependencies]\nanyhow = \"1\"\n"),
    ]);
    let line_break = select(vec!["\n", "\r\n"]);
    (entries(), below, files, workspace, line_break).prop_map(
        |(entries, below, files, workspace, line_break)| {
            // A package has one name in all tables.
            let renamed = entries.iter().any(|entry| entry.starts_with("json"));
            let below: Vec<_> = below
                .into_iter()
                .filter(|table| !(renamed && table.contains("serde_json")))
                .collect();
            Project {
                manifest: format!(
                    "[package]\nname = \"shop\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n\
                     [dependencies]\n{}\n\n{}",
                    entries.join("\n"),
                    below.join("\n"),
                ),
                files,
                workspace: workspace.map(|table| {
                    format!("[workspace]\nmembers = [\"app\"]\nresolver = \"3\"\n\n{table}")
                }),
                line_break,
            }
        },
    )
}

/// Writes the project, and returns the sandbox in its folder.
fn write(project: &Project) -> Sandbox {
    let mut sandbox = Sandbox::new();
    let text = |text: &str| text.replace('\n', project.line_break);
    if let Some(workspace) = &project.workspace {
        sandbox.write("Cargo.toml", &text(workspace));
    }
    sandbox.write("app/Cargo.toml", &text(&project.manifest));
    for path in &project.files {
        let code = if path.ends_with("lib.rs") { "" } else { MAIN };
        sandbox.write(&format!("app/{path}"), &text(code));
    }
    let zoo = "[package]\nname = \"zoo\"\nversion = \"0.1.0\"\nedition = \"2024\"\n";
    sandbox.write("app/zoo/Cargo.toml", zoo);
    sandbox.write("app/zoo/src/lib.rs", "");
    sandbox.root.push("app");
    sandbox
}

/// Returns the lines that are not in `after`, each as often as it is missing.
fn missing(before: &str, after: &str) -> Vec<String> {
    let mut left: Vec<&str> = after.lines().collect();
    let mut missing = Vec::new();
    for line in before.lines() {
        match left.iter().position(|found| *found == line) {
            Some(index) => drop(left.remove(index)),
            None => missing.push(line.to_owned()),
        }
    }
    missing
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn a_command_that_runs_twice_changes_what_it_changes_once(project in project()) {
        let sandbox = write(&project);
        let before = targets(&sandbox);
        for command in ["gen presence", "gen channel Room --yes"] {
            let printed = sandbox.phx(command).succeeded();
            prop_assert!(printed.starts_with("* creating "), "{}", printed);
            let files = sandbox.files();
            let after = targets(&sandbox);
            prop_assert!(after.iter().all(|target| before.contains(target)
                || target == "lib shop" || target.starts_with("test ")), "{after:?}");

            let again = sandbox.phx(command).succeeded();
            prop_assert!(again.contains("* unchanged "), "{}", again);
            prop_assert_eq!(sandbox.files(), files);
        }
        let manifest = sandbox.read("Cargo.toml");
        prop_assert_eq!(
            manifest.matches("\r\n").count() > 0,
            project.line_break == "\r\n"
        );
        // Only entries of the packages that generated code needs have changed.
        for line in missing(&project.manifest, &manifest.replace("\r\n", "\n")) {
            let needed = ["tokio", "serde_json", "] }"];
            prop_assert!(needed.iter().any(|name| line.starts_with(name)), "{}", line);
        }
    }
}
