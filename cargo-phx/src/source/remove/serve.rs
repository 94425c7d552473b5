//! Taking back the wiring of the endpoint into a server.
//!
//! The wiring has several forms, and different servers can become the same code by it. So this
//! module makes candidates: texts without the endpoint. The caller wires each candidate again, and
//! takes the first one that becomes the present text.
//!
//! [`note`] finds what the wiring may have written. Most of it can only come from the wiring. The
//! rest is a [`Choice`], and each choice makes a candidate.

use std::ops::Range;
use std::path::Path;

use syn::Item;

use self::note::Notes;
use super::Lines;
use crate::source::serve::{Functions, Resolver, expanded};
use crate::source::{Edits, Outcome, Source, imports};

mod kept;
mod note;
mod shapes;

/// Returns the texts that the file may have had before the wiring, the likeliest first. Returns
/// nothing if the file does not start the application in the way of the wiring.
pub(crate) fn candidates(source: &Source, functions: &dyn Functions) -> Vec<String> {
    let file = expanded(&source.file);
    let crates = Resolver::of(&file, functions);
    let notes = Notes::of(source, &file, &crates, functions);
    if !notes.started {
        return Vec::new();
    }
    let joined = notes.fits_a_line;
    let mut texts: Vec<String> = Vec::new();
    for moved in [true, false] {
        for inline in [false, true] {
            // A function that is not as generated is the user's, and so is the end that calls it.
            // Both stay before only one of them does.
            for (ends, function) in [(true, true), (false, false), (true, false), (false, true)] {
                for joined in [joined, !joined] {
                    let choice = Choice {
                        moved,
                        inline,
                        joined,
                        ends,
                        function,
                    };
                    let text = without(source, &notes, &choice);
                    texts.extend(text.filter(|text| !texts.contains(text)));
                }
            }
        }
    }
    texts
}

/// Returns the lines that wire the endpoint in, counted from 1.
pub(crate) fn lines(source: &Source) -> Vec<usize> {
    let lines = source.text().lines().enumerate();
    let wires = |line: &str| {
        let is_comment = line.trim_start().starts_with("//");
        !is_comment
            && line
                .split(|letter: char| !letter.is_alphanumeric() && letter != '_')
                .any(|word| ["endpoint", "application", "stopping", "ended"].contains(&word))
    };
    lines
        .filter(|(_, line)| wires(line))
        .map(|(at, _)| at + 1)
        .collect()
}

/// The steps that the wiring may have taken.
struct Choice {
    /// It has moved the state of the router into a variable.
    moved: bool,
    /// It has moved the router into a variable.
    inline: bool,
    /// It has broken the chain of calls into lines.
    joined: bool,
    /// It has added the graceful end.
    ends: bool,
    /// It has added the function that waits for the signal.
    function: bool,
}

/// Returns the file before the steps.
///
/// Returns `None` if the file does not have what a step would have written.
fn without(source: &Source, notes: &Notes, choice: &Choice) -> Option<String> {
    let text = source.text();
    let mut edits = Edits::default();
    let mut gone: Vec<Range<usize>> = Vec::new();
    for range in &notes.statements {
        gone.push(own_lines(source, range.clone()));
    }
    if let Some((statement, value)) = notes.moved.as_ref().filter(|_| choice.moved) {
        gone.push(own_lines(source, statement.clone()));
        for range in &notes.uses_of_moved {
            edits.replace(range.clone(), &text[value.clone()]);
        }
    }
    if choice.inline {
        let (statement, router) = notes.router.as_ref()?;
        let router = &text[router.clone()];
        gone.push(own_lines(source, statement.clone()));
        edits.replace(notes.app.clone()?, format!("{router}{}", notes.service));
    } else if !notes.service.is_empty() {
        edits.insert(notes.app.as_ref()?.end, notes.service);
    }
    for (range, new) in &notes.edits {
        if !gone.iter().any(|gone| gone.contains(&range.start)) {
            edits.replace(range.clone(), new.clone());
        }
    }
    for range in gone {
        edits.replace(range, "");
    }
    if choice.ends {
        for range in &notes.ends {
            edits.replace(range.clone(), "");
        }
        for range in notes.joints.iter().filter(|_| choice.joined) {
            edits.replace(range.clone(), "");
        }
    }
    if choice.function {
        let range = function(source, notes, &source.file.items)?;
        let end = Lines::of(source, range.clone()).own.end;
        let start = text[..range.start].trim_end().len();
        // The lines come after another item.
        let end = source.line_end(range.end).min(end);
        edits.replace(start..end, "");
    }
    let text = edits.apply_disjoint(text)?;
    Some(with_address(source, notes, &text).unwrap_or(text))
}

/// Returns the text with the import of `SocketAddr` if a service needs it that the wiring has
/// taken.
fn with_address(source: &Source, notes: &Notes, text: &str) -> Option<String> {
    let takes = notes.services().any(|call| call.contains("<SocketAddr>"));
    let imported = imports::paths(source);
    let is_imported = imported.iter().any(|path| {
        let last = path.last().map(String::as_str);
        last == Some("SocketAddr") || path.starts_with(&["std".into(), "net".into(), "*".into()])
    });
    if !takes || is_imported {
        return None;
    }
    let source = Source::parse(Path::new("removed.rs"), text).ok()?;
    match imports::add(&source, "std::net::SocketAddr") {
        Outcome::Edited(text) => Some(text),
        _ => None,
    }
}

/// Returns the function that waits for the signal.
fn function(source: &Source, notes: &Notes, items: &[Item]) -> Option<Range<usize>> {
    items.iter().find_map(|item| match item {
        Item::Fn(function) => {
            let name = function.sig.ident.to_string();
            notes.functions.contains(&name).then(|| source.range(item))
        }
        Item::Mod(module) => {
            let (_, items) = module.content.as_ref()?;
            function(source, notes, items)
        }
        _ => None,
    })
}

/// Returns the lines of a statement. Of a statement that shares its lines with other code, returns
/// the statement with the white space that the wiring has put beside it.
fn own_lines(source: &Source, range: Range<usize>) -> Range<usize> {
    let text = source.text();
    let own = Lines::of(source, range.clone()).own;
    if own != range {
        return own;
    }
    let before = text[..range.start].trim_end_matches([' ', '\t']);
    if before.ends_with('\n') {
        before.trim_end().len()..range.end
    } else {
        let space = usize::from(text[range.end..].starts_with(' '));
        range.start..range.end + space
    }
}

#[cfg(test)]
mod tests;
