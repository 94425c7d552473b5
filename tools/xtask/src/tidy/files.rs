//! Checks of each file by itself.

use std::path::Path;

use super::Tree;

/// The most lines of a file. A longer file has more than one concept, or needs a reason below.
const MOST_LINES: usize = 500;

/// The files that may be longer, with the reason. A file that is short again must be removed here.
const LONG_FILES: &[(&str, &str)] = &[(
    "tools/conformance/run.mjs",
    "the kit's runner, one program that is copied whole",
)];

/// The extensions of files that are written by hand.
const SOURCES: [&str; 5] = ["rs", "mjs", "js", "tera", "html"];

/// Module names that say nothing about the module's contents.
const EMPTY_NAMES: [&str; 6] = ["util", "utils", "common", "helper", "helpers", "misc"];

pub(super) fn check(tree: &Tree) -> Vec<String> {
    let mut complaints = Vec::new();
    for (path, text) in &tree.files {
        let shown = path.display();
        if let Some(name) = empty_name(path) {
            complaints.push(format!(
                "{shown}: name it after what it holds, not {name:?}"
            ));
        }
        let Some(text) = text else {
            complaints.push(format!(
                "{shown}: is not a text; the tree has no binary files"
            ));
            continue;
        };
        complaints.extend(too_long(path, text));
        for private in &tree.private_paths {
            if let Some((number, _)) = (1..)
                .zip(text.lines())
                .find(|(_, line)| line.contains(private))
            {
                complaints.push(format!(
                    "{shown}:{number}: names a path of this machine ({private})"
                ));
            }
        }
        if path.ends_with("package-lock.json") && text.contains("\"resolved\"") {
            complaints.push(format!(
                "{shown}: names download addresses; \
                 npm's omit-lockfile-registry-resolved leaves them out"
            ));
        }
    }
    complaints
}

fn too_long(path: &Path, text: &str) -> Option<String> {
    let is_source = path
        .extension()
        .is_some_and(|extension| SOURCES.iter().any(|source| extension == *source));
    let lines = text.lines().count();
    let allowed = LONG_FILES.iter().any(|(long, _)| path == Path::new(long));
    let shown = path.display();
    match (is_source && lines > MOST_LINES, allowed) {
        (true, false) => Some(format!(
            "{shown}: {lines} lines; one concept a file, at most {MOST_LINES} lines"
        )),
        (false, true) => Some(format!(
            "{shown}: {lines} lines; it needs no exception any more (tools/xtask/src/tidy/files.rs)"
        )),
        _ => None,
    }
}

/// Returns the name of a Rust or JavaScript module, or of a folder, if the name says nothing.
fn empty_name(path: &Path) -> Option<&str> {
    let is_module = path
        .extension()
        .is_some_and(|extension| extension == "rs" || extension == "mjs");
    let folders = path.parent().into_iter().flat_map(|parent| parent.iter());
    let stem = path.file_stem().filter(|_| is_module);
    folders
        .chain(stem)
        .filter_map(|name| name.to_str())
        .find(|name| EMPTY_NAMES.contains(name))
}

#[cfg(test)]
mod tests {
    use super::super::tests::tree;
    use super::*;

    /// Returns the complaints about a file, in a tree with the long file of the exception.
    fn complaints(path: &str, text: &str) -> Vec<String> {
        let long = "x\n".repeat(MOST_LINES + 1);
        check(&tree(&[("tools/conformance/run.mjs", &long), (path, text)]))
    }

    #[test]
    fn a_long_source_is_a_complaint_and_a_long_text_is_not() {
        let long = "x\n".repeat(MOST_LINES + 1);
        assert_eq!(
            complaints("a/b.rs", &long),
            ["a/b.rs: 501 lines; one concept a file, at most 500 lines"]
        );
        assert!(complaints("a/b.rs", &"x\n".repeat(MOST_LINES)).is_empty());
        assert!(complaints("a/b.txt", &long).is_empty());
    }

    #[test]
    fn a_file_that_is_no_text_is_a_complaint() {
        let mut tree = tree(&[]);
        tree.files.push(("docs/page.png".into(), None));
        let complaint = "docs/page.png: is not a text; the tree has no binary files";
        assert_eq!(check(&tree), [complaint]);
    }

    #[test]
    fn an_exception_that_is_not_needed_is_a_complaint() {
        let complaints = check(&tree(&[("tools/conformance/run.mjs", "short")]));
        assert!(
            complaints[0].contains("no exception any more"),
            "{complaints:?}"
        );
    }

    #[test]
    fn a_path_of_this_machine_is_a_complaint_with_its_line() {
        assert_eq!(
            complaints("a.md", "x\nsee /machine/a"),
            ["a.md:2: names a path of this machine (/machine/)"]
        );
    }

    #[test]
    fn names_that_say_nothing_are_complaints() {
        for path in ["src/util.rs", "src/common/mod.rs", "e2e/helpers.mjs"] {
            assert_eq!(complaints(path, "").len(), 1, "{path}");
        }
        assert!(complaints("src/utility_bill.rs", "").is_empty());
    }

    #[test]
    fn a_lock_file_names_no_host() {
        assert_eq!(
            complaints(
                "tools/e2e/package-lock.json",
                "{\"resolved\": \"https://host/x.tgz\"}"
            )
            .len(),
            1
        );
        assert!(
            complaints("tools/e2e/package-lock.json", "{\"integrity\": \"sha512\"}").is_empty()
        );
    }
}
