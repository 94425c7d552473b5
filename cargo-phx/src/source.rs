//! Rust source as text with a syntax tree beside it. The tree finds the places; the text is edited.
//!
//! A user's file is never printed from its tree, so the bytes around an edit stay as they were.

use std::ops::Range;
use std::path::{Path, PathBuf};

use syn::spanned::Spanned;

use crate::hint::hinted;

pub(crate) mod application;
pub(crate) mod chain;
pub(crate) mod crates;
pub(crate) mod handlers;
pub(crate) mod imports;
pub(crate) mod made;
pub(crate) mod modules;
pub(crate) mod order;
pub(crate) mod paths;
pub(crate) mod remove;
pub(crate) mod routes;
pub(crate) mod serve;
pub(crate) mod state;
pub(crate) mod tokens;
pub(crate) mod user;
pub(crate) mod uses;

/// The outcome of an edit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The code already has what the edit would add.
    Unchanged,
    /// The whole text with the edit.
    Edited(String),
    /// The code does not have the shape that the edit looks for.
    Unknown,
}

/// A parsed file.
pub(crate) struct Source<'a> {
    /// The path of the file in the project, which finds the files of its modules.
    path: PathBuf,
    text: &'a str,
    pub(crate) file: syn::File,
    /// The offset in `text` where the parser begins: after a byte order mark and a `#!` line.
    base: usize,
}

impl<'a> Source<'a> {
    /// Parses `text`. The error names `path`.
    pub(crate) fn parse(path: &Path, text: &'a str) -> anyhow::Result<Source<'a>> {
        let without_mark = text.trim_start_matches('\u{feff}');
        let mut base = text.len() - without_mark.len();
        if without_mark.starts_with("#!") && !without_mark[2..].trim_start().starts_with('[') {
            base += without_mark.find('\n').unwrap_or(without_mark.len());
        }
        let file = syn::parse_file(&text[base..]).map_err(|error| {
            let line = text[..base].matches('\n').count() + error.span().start().line;
            hinted(
                format!(
                    "{}, line {line}: the file is not valid Rust: {error}",
                    path.display()
                ),
                "make it compile, then run the command again",
            )
        })?;
        Ok(Source {
            path: path.to_owned(),
            text,
            file,
            base,
        })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn text(&self) -> &'a str {
        self.text
    }

    /// Returns the byte range of a part of the tree.
    pub(crate) fn range(&self, node: &impl Spanned) -> Range<usize> {
        let range = node.span().byte_range();
        range.start + self.base..range.end + self.base
    }

    /// Returns the offset at which a span begins.
    pub(crate) fn offset(&self, span: proc_macro2::Span) -> usize {
        span.byte_range().start + self.base
    }

    /// Returns the line of an offset, counted from 1.
    pub(crate) fn line(&self, offset: usize) -> usize {
        self.text[..offset].matches('\n').count() + 1
    }

    /// Returns the text of a part of the tree.
    pub(crate) fn slice(&self, node: &impl Spanned) -> &'a str {
        &self.text[self.range(node)]
    }

    /// Returns the offset where the line of `offset` starts.
    pub(crate) fn line_start(&self, offset: usize) -> usize {
        self.text[..offset].rfind('\n').map_or(0, |found| found + 1)
    }

    /// Returns the offset where the line of `offset` ends, before its line break.
    pub(crate) fn line_end(&self, offset: usize) -> usize {
        let rest = &self.text[offset..];
        let end = rest
            .find('\n')
            .map_or(self.text.len(), |found| offset + found);
        if self.text[..end].ends_with('\r') && end > offset {
            end - 1
        } else {
            end
        }
    }

    /// Returns the white space at the start of the line of `offset`.
    pub(crate) fn indent(&self, offset: usize) -> &'a str {
        let line = &self.text[self.line_start(offset)..];
        &line[..line.len() - line.trim_start_matches([' ', '\t']).len()]
    }

    /// Returns the offset for new lines above the item at `offset`: above the comment that belongs
    /// to the item, but below a comment that opens the file.
    pub(crate) fn above(&self, offset: usize) -> usize {
        let item = self.line_start(offset);
        let mut start = item;
        while start > 0 {
            let previous = self.line_start(start - 1);
            if !self.text[previous..start].trim_start().starts_with("//") {
                return start;
            }
            start = previous;
        }
        item
    }

    /// Returns the end of the file's inner attributes and `//!` lines.
    ///
    /// Returns `None` if the file has neither.
    pub(crate) fn preamble_end(&self) -> Option<usize> {
        let last = self.file.attrs.last()?;
        Some(self.line_end(self.range(last).end))
    }
}

/// Edits of one text, in any order. They must not overlap.
#[derive(Debug, Default)]
pub(crate) struct Edits(Vec<(Range<usize>, String)>);

impl Edits {
    pub(crate) fn insert(&mut self, offset: usize, text: impl Into<String>) {
        self.0.push((offset..offset, text.into()));
    }

    pub(crate) fn replace(&mut self, range: Range<usize>, text: impl Into<String>) {
        self.0.push((range, text.into()));
    }

    /// Returns the edited text, or `None` if two edits overlap.
    pub(crate) fn apply_disjoint(mut self, text: &str) -> Option<String> {
        self.0.sort_by_key(|(range, _)| (range.start, range.end));
        let disjoint = self
            .0
            .windows(2)
            .all(|pair| pair[0].0.end <= pair[1].0.start);
        disjoint.then(|| self.apply(text))
    }

    /// Returns the edited text. Inserted line breaks are those of the text: `\n` or `\r\n`.
    pub(crate) fn apply(mut self, text: &str) -> String {
        let windows = text.contains("\r\n");
        self.0.sort_by_key(|(range, _)| range.start);
        let mut result = String::with_capacity(text.len() + 256);
        let mut done = 0;
        for (range, new) in self.0 {
            result.push_str(&text[done..range.start]);
            if windows {
                result.push_str(&new.replace('\n', "\r\n"));
            } else {
                result.push_str(&new);
            }
            done = range.end;
        }
        result.push_str(&text[done..]);
        result
    }
}

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
