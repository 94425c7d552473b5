//! The binary that serves the app, of a package with several.

use std::path::{Path, PathBuf};

use proc_macro2::{TokenStream, TokenTree};

use crate::console::Console;
use crate::hint::hinted;

/// A binary of a package. The path is relative to the package's folder.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Binary {
    pub(super) name: String,
    pub(super) path: PathBuf,
}

/// Returns the crate root of the binary that serves the app: the one with the name `wanted`, the
/// only one, the one that starts the application, the package's `default-run`, or the only one that
/// serves. Otherwise the console asks.
///
/// Returns `None` if the package has no binary.
pub(super) fn choose(
    root: &Path,
    mut binaries: Vec<Binary>,
    default: Option<&str>,
    wanted: Option<&str>,
    console: &mut Console,
) -> anyhow::Result<Option<PathBuf>> {
    let named = |name: &str| binaries.iter().position(|binary| binary.name == name);
    let names = || -> Vec<String> {
        let names = binaries.iter().map(|binary| binary.name.clone());
        names.collect()
    };
    if let Some(name) = wanted {
        let Some(index) = named(name) else {
            return Err(hinted(
                format!("the package has no binary `{name}`"),
                match names().as_slice() {
                    [] => "leave out --bin: the package has a library alone".to_owned(),
                    names => format!("name one of these with --bin: {}", names.join(", ")),
                },
            ));
        };
        return Ok(Some(binaries.swap_remove(index).path));
    }

    let roles: Vec<Role> = binaries
        .iter()
        .map(|binary| Role::of(&root.join(&binary.path)))
        .collect();
    let index = match binaries.len() {
        0 => return Ok(None),
        1 => 0,
        _ => match only(&roles, Role::Starts)
            .or_else(|| default.and_then(named))
            .or_else(|| only(&roles, Role::Serves))
        {
            Some(index) => index,
            None => console.choose(
                "The package has several binaries. Which one serves the app?",
                &names(),
                "--bin NAME",
            )?,
        },
    };
    Ok(Some(binaries.swap_remove(index).path))
}

/// The part of a binary in the app, as its crate root shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    /// Starts the application, so a generator has wired it.
    Starts,
    /// Serves HTTP.
    Serves,
    /// Shows neither.
    Other,
}

impl Role {
    /// Reads the role from a crate root. A file that cannot be read or parsed is left to the
    /// generator, which reports it.
    fn of(path: &Path) -> Role {
        let text = std::fs::read_to_string(path).unwrap_or_default();
        let Ok(tokens) = text.trim_start_matches('\u{feff}').parse::<TokenStream>() else {
            return Role::Other;
        };
        let mut words = Vec::new();
        collect(tokens, &mut words);
        let has = |word: &str| words.iter().any(|found| found == word);
        let follows = |pair: &[String]| pair[0] == "application" && pair[1] == "start";
        if words.windows(2).any(follows) {
            Role::Starts
        } else if has("serve") || has("axum_server") || has("serve_connection_with_upgrades") {
            Role::Serves
        } else {
            Role::Other
        }
    }
}

/// Collects the words of code in their order, without comments and strings.
fn collect(tokens: TokenStream, words: &mut Vec<String>) {
    for token in tokens {
        match token {
            TokenTree::Group(group) => collect(group.stream(), words),
            TokenTree::Ident(word) => words.push(word.to_string()),
            TokenTree::Punct(_) | TokenTree::Literal(_) => {}
        }
    }
}

/// Returns the index of the only binary with this role.
fn only(roles: &[Role], wanted: Role) -> Option<usize> {
    let mut found = roles
        .iter()
        .enumerate()
        .filter(|(_, role)| **role == wanted);
    let (index, _) = found.next()?;
    found.next().is_none().then_some(index)
}
