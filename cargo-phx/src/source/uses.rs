//! The uses of a generated type in other code: imports, paths, and fields of the state.
//!
//! Works on tokens, so that the arguments of macros count too.

use std::collections::BTreeSet;
use std::str::FromStr;

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use syn::{ItemUse, UseTree};

/// A generated type, or a module, as other code names it.
#[derive(Debug, Clone)]
pub(crate) struct Item {
    /// The module: `room_channel`.
    pub(crate) module: String,
    /// The modules above it, the nearest first: `admin`, `channels`.
    pub(crate) above: Vec<String>,
    /// The type: `RoomChannel`, or `None` to look for the module alone.
    pub(crate) name: Option<String>,
    /// The field of the state that holds a presence.
    pub(crate) field: Option<String>,
}

impl Item {
    /// Returns whether a path leads through the module, if `before` are the segments before a
    /// segment with the module's name, the nearest first.
    fn is_below<'s>(&self, before: impl Iterator<Item = &'s str>) -> bool {
        for (segment, expected) in before.zip(&self.above) {
            if ["super", "self", "crate"].contains(&segment) {
                return true;
            }
            if segment != expected {
                return false;
            }
        }
        true
    }

    fn is_in(&self, path: &[String]) -> bool {
        path.iter().enumerate().any(|(at, segment)| {
            *segment == self.module && self.is_below(path[..at].iter().rev().map(String::as_str))
        })
    }
}

/// Returns the lines of `text` that use `item`, counted from 1.
///
/// `imports` is the text whose imports hold: those of the file before an edit removed some.
pub(crate) fn find(text: &str, imports: &str, item: &Item) -> BTreeSet<usize> {
    let (Ok(tokens), Ok(present)) = (TokenStream::from_str(text), TokenStream::from_str(imports))
    else {
        return words(text, item);
    };
    let mut tokens_of = Vec::new();
    flatten(tokens, &mut tokens_of);
    let mut present_tokens = Vec::new();
    flatten(present, &mut present_tokens);
    let imported = uses(&present_tokens)
        .flat_map(|(_, paths)| paths)
        .collect::<Vec<_>>();
    Finder {
        tokens: &tokens_of,
        item,
        bare: item
            .name
            .as_ref()
            .is_some_and(|name| is_bare(&imported, name, item)),
    }
    .lines()
}

/// Returns the lines of a file that is not valid Rust and that have the name as a word.
fn words(text: &str, item: &Item) -> BTreeSet<usize> {
    let wanted = item.name.as_ref().unwrap_or(&item.module);
    let has = |line: &str| {
        line.split(|c: char| !c.is_alphanumeric() && c != '_')
            .any(|word| word == wanted)
    };
    let lines = text.lines().enumerate();
    lines
        .filter(|(_, line)| has(line))
        .map(|(at, _)| at + 1)
        .collect()
}

/// Returns whether the bare name means the generated type in a file with these imports.
fn is_bare(imported: &[Vec<String>], name: &str, item: &Item) -> bool {
    let named = imported
        .iter()
        .filter(|path| path.last().is_some_and(|last| last == name));
    let mut named = named.peekable();
    if named.peek().is_some() {
        return named.any(|path| item.is_in(path));
    }
    // `use super::*` in a module for tests.
    imported.iter().any(|path| {
        path.last().is_some_and(|last| last == "*")
            && (item.is_in(path) || path.first().is_some_and(|first| first == "super"))
    })
}

#[derive(Debug, Clone)]
enum Token {
    Ident(String, usize),
    Punct(char),
    Literal,
    Open(Delimiter),
    Close(Delimiter),
}

fn flatten(stream: TokenStream, tokens: &mut Vec<Token>) {
    for token in stream {
        match token {
            TokenTree::Ident(ident) => {
                let line = ident.span().start().line;
                tokens.push(Token::Ident(ident.to_string(), line));
            }
            TokenTree::Punct(punct) => tokens.push(Token::Punct(punct.as_char())),
            TokenTree::Literal(_) => tokens.push(Token::Literal),
            TokenTree::Group(group) => {
                tokens.push(Token::Open(group.delimiter()));
                flatten(group.stream(), tokens);
                tokens.push(Token::Close(group.delimiter()));
            }
        }
    }
}

/// Returns the imports of the tokens: the range of each, and the paths that it imports.
fn uses(tokens: &[Token]) -> impl Iterator<Item = (std::ops::Range<usize>, Vec<Vec<String>>)> {
    let starts = tokens
        .iter()
        .enumerate()
        .filter(|(_, token)| matches!(token, Token::Ident(ident, _) if ident == "use"));
    starts.filter_map(|(start, _)| {
        let length = tokens[start..]
            .iter()
            .position(|token| matches!(token, Token::Punct(';')))?;
        let range = start..start + length + 1;
        let text: String = tokens[range.clone()].iter().map(text).collect();
        let import: ItemUse = syn::parse_str(&text).ok()?;
        Some((range, paths(&import.tree)))
    })
}

fn text(token: &Token) -> String {
    match token {
        Token::Ident(ident, _) => format!(" {ident} "),
        Token::Punct(punct) => punct.to_string(),
        Token::Literal => " 0 ".to_owned(),
        Token::Open(Delimiter::Brace) => "{".to_owned(),
        Token::Close(Delimiter::Brace) => "}".to_owned(),
        Token::Open(_) => "(".to_owned(),
        Token::Close(_) => ")".to_owned(),
    }
}

fn paths(tree: &UseTree) -> Vec<Vec<String>> {
    match tree {
        UseTree::Path(path) => {
            let mut below = paths(&path.tree);
            for path_below in &mut below {
                path_below.insert(0, path.ident.to_string());
            }
            below
        }
        UseTree::Name(name) => vec![vec![name.ident.to_string()]],
        UseTree::Rename(rename) => vec![vec![rename.ident.to_string()]],
        UseTree::Group(group) => group.items.iter().flat_map(paths).collect(),
        _ => vec![vec!["*".to_owned()]],
    }
}

struct Finder<'a> {
    tokens: &'a [Token],
    item: &'a Item,
    /// Set if the bare name of the type means the item.
    bare: bool,
}

impl Finder<'_> {
    fn lines(&self) -> BTreeSet<usize> {
        let mut lines = BTreeSet::new();
        let mut in_imports = vec![false; self.tokens.len()];
        for (range, paths) in uses(self.tokens) {
            in_imports[range.clone()].fill(true);
            let ours = paths.iter().any(|path| self.item.is_in(path));
            if ours {
                lines.extend(self.tokens[range].iter().find_map(|token| match token {
                    Token::Ident(name, line)
                        if *name == self.item.module || Some(name) == self.item.name.as_ref() =>
                    {
                        Some(*line)
                    }
                    _ => None,
                }));
            }
        }
        for (at, token) in self.tokens.iter().enumerate() {
            if let Token::Ident(ident, line) = token
                && !in_imports[at]
                && (self.is_path(at, ident) || self.is_field(at, ident))
            {
                lines.insert(*line);
            }
        }
        lines
    }

    fn punct(&self, at: usize, punct: char) -> bool {
        matches!(self.tokens.get(at), Some(Token::Punct(found)) if *found == punct)
    }

    fn ident(&self, at: usize) -> Option<&str> {
        match self.tokens.get(at) {
            Some(Token::Ident(ident, _)) => Some(ident),
            _ => None,
        }
    }

    fn after_path(&self, at: usize) -> bool {
        at >= 2 && self.punct(at - 1, ':') && self.punct(at - 2, ':')
    }

    /// Returns the segments of the path before the token, the nearest first.
    fn segments_before(&self, at: usize) -> Vec<&str> {
        let mut segments = Vec::new();
        let mut at = at;
        while self.after_path(at)
            && at >= 3
            && let Some(segment) = self.ident(at - 3)
        {
            segments.push(segment);
            at -= 3;
        }
        segments
    }

    /// Returns whether the identifier is the module in a path, or the bare type.
    fn is_path(&self, at: usize, ident: &str) -> bool {
        if ident == self.item.module {
            let leads = self.punct(at + 1, ':') && self.punct(at + 2, ':');
            return leads && self.item.is_below(self.segments_before(at).into_iter());
        }
        self.bare && Some(ident) == self.item.name.as_deref() && !self.after_path(at)
    }

    /// Returns whether the identifier is the field of the state: `state.presence`, or in
    /// `AppState { presence }`. A field of `self` belongs to another type.
    fn is_field(&self, at: usize, ident: &str) -> bool {
        if Some(ident) != self.item.field.as_deref() || at == 0 {
            return false;
        }
        if self.punct(at - 1, '.') {
            let is_call = matches!(
                self.tokens.get(at + 1),
                Some(Token::Open(Delimiter::Parenthesis))
            );
            let of_self = at >= 2 && self.ident(at - 2) == Some("self");
            return !is_call && !of_self;
        }
        // The innermost brace around the identifier.
        let mut depth = 0;
        for before in (0..at).rev() {
            match &self.tokens[before] {
                Token::Close(_) => depth += 1,
                Token::Open(_) if depth > 0 => depth -= 1,
                Token::Open(Delimiter::Brace) => {
                    let is_name = !self.punct(at - 1, ':') && !self.after_path(at);
                    return is_name && before > 0 && self.ident(before - 1) == Some("AppState");
                }
                Token::Open(_) => return false,
                _ => {}
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(module: &str, name: &str, field: Option<&str>) -> Item {
        Item {
            module: module.to_owned(),
            above: vec!["channels".to_owned()],
            name: Some(name.to_owned()),
            field: field.map(str::to_owned),
        }
    }

    #[track_caller]
    fn assert_lines(text: &str, item: &Item, expected: &[usize]) {
        let found: Vec<usize> = find(text, text, item).into_iter().collect();
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn imports_and_paths_are_uses() {
        let room = item("room_channel", "RoomChannel", None);
        assert_lines(
            "use crate::channels::room_channel::RoomChannel;\n\nfn f() {\n    RoomChannel::new();\n}\n",
            &room,
            &[1, 4],
        );
        assert_lines(
            "use crate::channels::{\n    a,\n    room_channel as r,\n};\n",
            &room,
            &[3],
        );
        assert_lines(
            "fn f() { crate::channels::room_channel::RoomChannel; }\n",
            &room,
            &[1],
        );
        assert_lines(
            "fn f() {\n    g!(a, [channels::room_channel::X]);\n}\n",
            &room,
            &[2],
        );
        assert_lines("use super::*;\nstruct A(RoomChannel);\n", &room, &[2]);
        assert_lines(
            "// RoomChannel\nstruct A(RoomChannel);\nfn room_channel() {}\n",
            &room,
            &[],
        );
        assert_lines("mod room_channel;\n", &room, &[]);
        let other =
            "use crate::channels::admin::room_channel::RoomChannel;\nstruct A(RoomChannel);\n";
        assert_lines(other, &room, &[]);
        let mut nested = room;
        nested.above.insert(0, "admin".to_owned());
        assert_lines(other, &nested, &[1, 2]);
        let other = "fn f() {\n    channels::room_channel::RoomChannel;\n    super::admin::room_channel::A;\n}\n";
        assert_lines(other, &nested, &[3]);
    }

    #[test]
    fn names_of_the_library_are_no_uses() {
        let presence = item("presence", "Presence", Some("presence"));
        for text in [
            "use presence_channels::Presence;\nimpl Presence for A {}\n",
            "impl presence_channels::Presence for A {}\n",
            "use presence_core::presence::Presence;\nimpl Presence for A {}\n",
            "fn f() { let presence = 1; presence; self.presence; a.presence(); }\n",
            "use crate::other::Presence;\nstruct A(Presence);\n",
        ] {
            assert_lines(text, &presence, &[]);
        }
    }

    #[test]
    fn a_field_of_the_state_is_a_use() {
        let presence = item("presence", "Presence", Some("presence"));
        assert_lines(
            "fn f() {\n    socket.state().presence.list();\n}\n",
            &presence,
            &[2],
        );
        assert_lines(
            "fn f() {\n    AppState { db, presence };\n    Other { presence };\n}\n",
            &presence,
            &[2],
        );
        assert_lines(
            "fn f() {\n    assert!(state.presence.is_ok());\n}\n",
            &presence,
            &[2],
        );
    }

    #[test]
    fn a_file_that_is_not_rust_is_searched_for_words() {
        let room = item("room_channel", "RoomChannel", None);
        assert_lines("fn {\n  RoomChannel (\n", &room, &[2]);
    }
}
