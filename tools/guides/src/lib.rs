//! The Rust code of the README and of the pages in `docs/`, as documentation tests.
//!
//! A page with a block of Rust needs a line here. A test fails if a page is missing.

/// The README's code, compiled.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;

/// The code of the guide to channels, compiled.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/channels.md")]
struct Channels;

/// The code of the guide to presence in large rooms, compiled.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/presence.md")]
struct Presence;

/// The code of the guide to operating a cluster, compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/operating.md")]
struct Operating;

/// The code of the page on serving, compiled.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/serving.md")]
struct Serving;

/// The code of the guide to clusters, compiled.
#[cfg(all(doctest, feature = "zenoh", feature = "nats", feature = "redis"))]
#[doc = include_str!("../../../docs/cluster.md")]
struct Cluster;

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::path::Path;

    use walkdir::WalkDir;

    /// Returns whether a page has a block that rustdoc would test.
    fn has_rust(page: &str) -> bool {
        page.lines().any(|line| {
            let block = line.trim_start().strip_prefix("```");
            let language = block.and_then(|language| language.split([',', ' ']).next());
            language == Some("rust") && block != Some("rust,ignore")
        })
    }

    #[test]
    fn every_page_with_rust_is_compiled() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"))
            .ancestors()
            .nth(2)
            .expect("this crate stands in `tools/`");
        let mut pages = 0;
        for entry in WalkDir::new(root.join("docs")) {
            let path = entry.expect("the folder is readable").into_path();
            if path.extension() != Some(OsStr::new("md")) {
                continue;
            }
            let page = std::fs::read_to_string(&path).expect("the page is text");
            if !has_rust(&page) {
                continue;
            }
            pages += 1;
            let path = path.strip_prefix(root).expect("below the root");
            let path = path.to_string_lossy().replace('\\', "/");
            assert!(
                include_str!("lib.rs").contains(&format!("include_str!(\"../../../{path}\")")),
                "{path} has Rust code that is not compiled: include it in tools/guides/src/lib.rs"
            );
        }
        assert!(pages > 0, "no page of docs/ has Rust code");
    }

    /// loco is not compiled with the workspace. Its page shows the code of an app that is.
    #[test]
    fn the_page_on_loco_shows_code_of_its_app() {
        let page = include_str!("../../../docs/loco.md");
        let app = include_str!("../../loco-app/src/app.rs");
        let blocks = page.split("```rust,ignore\n").skip(1);
        let blocks: Vec<_> = blocks
            .filter_map(|block| block.split("```").next())
            .collect();
        assert_eq!(blocks.len(), 3);
        for block in blocks {
            assert!(
                app.contains(block),
                "tools/loco-app/src/app.rs lacks:\n{block}"
            );
        }
    }

    #[test]
    fn blocks_of_rust_are_found() {
        assert!(has_rust("# Title\n\n```rust,no_run\n"));
        assert!(has_rust("- a list\n  ```rust\n"));
        assert!(!has_rust("```toml\n```\nrust\n```rusty\n"));
    }
}
