//! The modules of `presence-channels` stand in layers: none uses a module that uses it in turn,
//! directly or through others.
//!
//! A module here is one that `lib.rs` declares, with its folder. It uses another if its code names
//! it by `crate::`, or an item that `lib.rs` exports of it. Tests may use everything.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::Path;

use super::Tree;

const SOURCES: &str = "presence-channels/src";

/// These two use each other: a channel names its socket, and a socket routes to its channels.
const MUTUAL: [&str; 2] = ["channel", "socket"];

/// The modules that each module uses, with a file that does so.
type Uses = BTreeMap<String, BTreeMap<String, String>>;

pub(super) fn check(tree: &Tree) -> Vec<String> {
    let is_mutual = |a: &str, b: &str| MUTUAL.contains(&a) && MUTUAL.contains(&b);
    let uses = uses(tree);
    let mut complaints = Vec::new();
    for (module, used) in &uses {
        for (other, file) in used.iter().filter(|(other, _)| !is_mutual(module, other)) {
            if let Some(way) = way(&uses, other, module) {
                let way = way.join(" uses ");
                complaints.push(format!("{file}: a circle: {module} uses {way}"));
            }
        }
    }
    complaints
}

/// Returns the shortest way from one module to another, both ends included.
fn way<'a>(uses: &'a Uses, from: &'a str, to: &str) -> Option<Vec<&'a str>> {
    let mut ways = VecDeque::from([vec![from]]);
    let mut seen = BTreeSet::from([from]);
    while let Some(way) = ways.pop_front() {
        let last = *way.last()?;
        if last == to {
            return Some(way);
        }
        for next in uses.get(last).into_iter().flat_map(BTreeMap::keys) {
            if seen.insert(next) {
                ways.push_back([&way[..], &[&**next]].concat());
            }
        }
    }
    None
}

fn uses(tree: &Tree) -> Uses {
    let Some(root) = tree.text(&format!("{SOURCES}/lib.rs")) else {
        return Uses::new();
    };
    let root = code(root);
    let modules = Modules::read(&root);
    let mut uses = Uses::new();
    for (path, text) in &tree.files {
        let (Ok(inner), Some(text)) = (path.strip_prefix(SOURCES), text) else {
            continue;
        };
        let Some(module) = module_of(inner) else {
            continue;
        };
        let code = code(text);
        // A file beside `lib.rs` may say `super::` as well.
        let from_root: &[&str] = match inner.components().count() {
            1 => &["crate::", "super::"],
            _ => &["crate::"],
        };
        let named = from_root.iter().flat_map(|prefix| names(&code, prefix));
        for other in named.filter_map(|name| modules.home(name)) {
            if other != module {
                let used = uses.entry(module.to_owned()).or_default();
                used.entry(other.to_owned())
                    .or_insert_with(|| path.display().to_string());
            }
        }
    }
    uses
}

/// Returns the module that a file belongs to. Returns `None` for `lib.rs` and for tests.
fn module_of(inner: &Path) -> Option<&str> {
    let mut parts = inner.components().map(|part| part.as_os_str().to_str());
    if parts.any(|part| part.is_none_or(|part| part == "tests" || part == "tests.rs")) {
        return None;
    }
    let first = inner.components().next()?.as_os_str().to_str()?;
    let module = first.strip_suffix(".rs").unwrap_or(first);
    (module != "lib").then_some(module)
}

/// Returns the code of a file without its comments and the tests at its end.
fn code(text: &str) -> String {
    let lines = text
        .lines()
        .map(|line| line.split("//").next().unwrap_or_default());
    let code: Vec<_> = lines.collect();
    let code = code.join("\n");
    match code.find("#[cfg(test)]\nmod tests {") {
        Some(end) => code[..end].to_owned(),
        None => code,
    }
}

/// The modules of a library, and the items that it exports of them.
struct Modules<'a> {
    names: BTreeSet<&'a str>,
    exports: BTreeMap<&'a str, &'a str>,
}

impl<'a> Modules<'a> {
    fn read(root: &'a str) -> Self {
        let statements = || root.split(';').map(str::trim);
        let after = |statement: &'a str, word: &str| {
            let at = statement.rfind(word)?;
            let starts = at == 0 || statement[..at].ends_with([' ', '\n']);
            starts.then(|| statement[at + word.len()..].trim())
        };
        let names: BTreeSet<_> = statements()
            .filter_map(|statement| after(statement, "mod "))
            .collect();
        let mut exports = BTreeMap::new();
        for statement in statements() {
            let Some((module, items)) =
                after(statement, "pub use ").and_then(|used| used.split_once("::"))
            else {
                continue;
            };
            if names.contains(module) {
                let items = items.split(|c: char| !is_of_name(c));
                exports.extend(items.map(|item| (item, module)));
            }
        }
        Self { names, exports }
    }

    /// Returns the module of a name below `crate::`.
    fn home(&self, name: &str) -> Option<&'a str> {
        match self.names.get(name) {
            Some(module) => Some(module),
            None => self.exports.get(name).copied(),
        }
    }
}

fn is_of_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Returns the names that follow `prefix`, one or a list in braces.
fn names<'a>(code: &'a str, prefix: &'a str) -> impl Iterator<Item = &'a str> {
    let places = code.match_indices(prefix).filter(|(at, _)| {
        let before = code[..*at].chars().next_back();
        !before.is_some_and(|c| is_of_name(c) || c == ':')
    });
    places.flat_map(move |(at, _)| {
        let rest = &code[at + prefix.len()..];
        match rest.strip_prefix('{') {
            Some(list) => of_list(list),
            None => vec![first_name(rest)],
        }
    })
}

/// Returns the first names of the parts of a list, up to the brace that ends it.
fn of_list(list: &str) -> Vec<&str> {
    let mut names = vec![first_name(list)];
    let mut depth = 0;
    for (at, c) in list.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => names.push(first_name(&list[at + 1..])),
            _ => {}
        }
    }
    names
}

fn first_name(text: &str) -> &str {
    let text = text.trim_start();
    let end = text.find(|c| !is_of_name(c)).unwrap_or(text.len());
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::super::tests::tree;
    use super::*;

    const LIB: &str = "mod socket;\npub mod node;\n#[cfg(unix)]\nmod transport;\nmod channel;\n\
                       pub use node::{Config, endpoint::Endpoint};\npub use socket::Params;\n";

    fn found(files: &[(&str, &str)]) -> Vec<String> {
        let mut all = vec![("presence-channels/src/lib.rs", LIB)];
        all.extend(files);
        check(&tree(&all))
    }

    #[test]
    fn layers_are_no_circle() {
        let found = found(&[
            (
                "presence-channels/src/transport/pump.rs",
                "use crate::{\n    Params,\n    node::{Node, topic},\n};",
            ),
            ("presence-channels/src/socket.rs", "use crate::Endpoint;"),
            ("presence-channels/src/node/endpoint.rs", "use crate::node;"),
        ]);
        assert!(found.is_empty(), "{found:?}");
    }

    #[test]
    fn a_circle_is_a_complaint_about_each_of_its_steps() {
        let found = found(&[
            (
                "presence-channels/src/node/a.rs",
                "use crate::{x::y, transport::Pump};",
            ),
            ("presence-channels/src/transport.rs", "use super::Params;"),
            (
                "presence-channels/src/socket/b.rs",
                "fn f(_: &crate::Endpoint) {}",
            ),
        ]);
        assert_eq!(
            found,
            [
                "presence-channels/src/node/a.rs: a circle: node uses transport uses socket uses node",
                "presence-channels/src/socket/b.rs: a circle: socket uses node uses transport uses socket",
                "presence-channels/src/transport.rs: a circle: transport uses socket uses node uses transport",
            ]
        );
    }

    #[test]
    fn the_two_traits_and_tests_may() {
        let found = found(&[
            ("presence-channels/src/channel.rs", "use crate::socket::S;"),
            ("presence-channels/src/socket.rs", "use crate::channel::C;"),
            ("presence-channels/src/node.rs", "use crate::transport::T;"),
            (
                "presence-channels/src/transport/pump.rs",
                "// crate::node\n#[cfg(test)]\nmod tests {\n    use crate::node::N;\n}",
            ),
            (
                "presence-channels/src/transport/tests.rs",
                "use crate::node::N;",
            ),
        ]);
        assert!(found.is_empty(), "{found:?}");
    }
}
