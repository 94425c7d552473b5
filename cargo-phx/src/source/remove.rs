//! Taking back what the generators insert: module declarations, imports, routes, presences, mounts
//! and the server's wiring.
//!
//! Several texts can become the same text by an insertion. A removal therefore makes candidates. It
//! prefers a candidate that the insertion turns into the present text again.

use std::ops::Range;
use std::path::Path;

use proc_macro2::{TokenStream, TokenTree};
use syn::spanned::Spanned;

use super::{Edits, Outcome, Source};

pub(crate) mod application;
pub(crate) mod imports;
pub(crate) mod modules;
pub(crate) mod routes;
pub(crate) mod serve;

/// Returns the first candidate that `redo` turns into the present text, else the first candidate.
fn choose(source: &Source, candidates: Vec<String>, redo: impl Fn(&Source) -> Outcome) -> Outcome {
    let exact = candidates.iter().find(|candidate| {
        let redone = parse(candidate).map(|candidate| redo(&candidate));
        redone.is_some_and(|redone| redone == Outcome::Edited(source.text().to_owned()))
    });
    match exact.or(candidates.first()) {
        Some(text) => Outcome::Edited(text.clone()),
        None => Outcome::Unknown,
    }
}

fn parse(text: &str) -> Option<Source<'_>> {
    Source::parse(Path::new("removed.rs"), text).ok()
}

/// Runs the steps one after the other, each on the text that the steps before it left.
fn run(source: &Source, steps: &[&dyn Fn(&Source) -> Outcome]) -> Outcome {
    let mut text = source.text().to_owned();
    for step in steps {
        let Some(current) = parse(&text) else {
            return Outcome::Unknown;
        };
        match step(&current) {
            Outcome::Unchanged => {}
            Outcome::Edited(next) => text = next,
            Outcome::Unknown => return Outcome::Unknown,
        }
    }
    if text == source.text() {
        Outcome::Unchanged
    } else {
        Outcome::Edited(text)
    }
}

/// Returns the texts without the lines of `range`: with one blank line less where the lines stood
/// alone, and then the other ways to treat the blank lines around them.
fn without_lines(source: &Source, range: Range<usize>) -> Vec<String> {
    let lines = Lines::of(source, range);
    let mut ranges = vec![lines.alone(), lines.own.clone()];
    ranges.extend(lines.with_next());
    ranges.extend(lines.with_previous());
    let mut texts: Vec<String> = Vec::new();
    for range in ranges {
        let mut edits = Edits::default();
        edits.replace(range, "");
        let text = edits.apply(source.text());
        if !texts.contains(&text) {
            texts.push(text);
        }
    }
    texts
}

/// Plans to remove the lines of `range`, and a blank line if the lines stood alone.
fn remove_lines(source: &Source, range: Range<usize>, edits: &mut Edits) {
    edits.replace(Lines::of(source, range).alone(), "");
}

/// The lines of a piece of code, and the blank lines around them.
struct Lines {
    /// The range of the lines with their last line break. Of code that shares a line with other
    /// code, the range of the code.
    own: Range<usize>,
    /// The start of the blank line above, or `None` if the line above is not blank.
    blank_above: Option<usize>,
    /// The end of the blank line below, or `None` if the line below is not blank.
    blank_below: Option<usize>,
    at_start: bool,
    at_end: bool,
}

impl Lines {
    fn of(source: &Source, range: Range<usize>) -> Lines {
        let text = source.text();
        let start = source.line_start(range.start);
        let end = source.line_end(range.end);
        let after = text[range.end..end].trim_start();
        let shared = !text[start..range.start].trim().is_empty()
            || !(after.is_empty() || after.starts_with("//"));
        if shared {
            return Lines {
                own: range,
                blank_above: None,
                blank_below: None,
                at_start: false,
                at_end: false,
            };
        }
        let next_line = |from: usize| {
            text[from..]
                .find('\n')
                .map_or(text.len(), |at| from + at + 1)
        };
        let end = next_line(range.end);
        let above = source.line_start(start.saturating_sub(1));
        let blank_above = start > 0 && text[above..start].trim().is_empty();
        let below = next_line(end);
        let blank_below = below > end && text[end..below].trim().is_empty();
        Lines {
            own: start..end,
            blank_above: blank_above.then_some(above),
            blank_below: blank_below.then_some(below),
            at_start: text[..start].trim_matches(['\u{feff}', ' ']).is_empty(),
            at_end: end == text.len(),
        }
    }

    /// Returns the lines, with one blank line if blank lines or an end of the file enclose them.
    fn alone(&self) -> Range<usize> {
        match (self.blank_above, self.blank_below) {
            (Some(_), Some(below)) => self.own.start..below,
            (None, Some(below)) if self.at_start => self.own.start..below,
            (Some(above), None) if self.at_end => above..self.own.end,
            _ => self.own.clone(),
        }
    }

    fn with_next(&self) -> Option<Range<usize>> {
        self.blank_below.map(|below| self.own.start..below)
    }

    fn with_previous(&self) -> Option<Range<usize>> {
        self.blank_above.map(|above| above..self.own.end)
    }
}

/// Returns whether the code has the identifier `name`, also in the arguments of a macro.
fn mentions(code: &str, name: &str) -> bool {
    fn within(tokens: TokenStream, name: &str) -> bool {
        tokens.into_iter().any(|token| match token {
            TokenTree::Ident(ident) => ident == name,
            TokenTree::Group(group) => within(group.stream(), name),
            _ => false,
        })
    }
    let tokens = code.parse::<TokenStream>();
    tokens.is_ok_and(|tokens| within(tokens, name))
}

/// Returns the offset after `node`, and after a comma that follows it.
fn end_with_comma(source: &Source, node: &impl Spanned) -> usize {
    let end = source.range(node).end;
    let rest = &source.text()[end..];
    match rest.trim_start().strip_prefix(',') {
        Some(after) => source.text().len() - after.len(),
        None => end,
    }
}

#[cfg(test)]
mod testing;
