//! The page's scripts after `gen auth`: they connect with a token in place of a name.

use std::path::{Path, PathBuf};

use similar::TextDiff;
use tera::Context;

use super::Wiring;
use super::assets::FOLDERS;
use super::sockets::SocketFile;

/// A text in a script, and the text in its place once the socket verifies tokens. Both have the
/// line before and the line after.
type Hunk = (String, String);

impl Wiring {
    /// Lets the generated scripts that connect to `socket` do so with a token. Returns those that
    /// do.
    ///
    /// A script in which the user has edited the lines that connect is left alone.
    pub(crate) fn send_tokens(
        &mut self,
        socket: &SocketFile,
        mount: &str,
    ) -> anyhow::Result<Vec<PathBuf>> {
        let module = socket.module.rsplit("::").next().unwrap_or_default();
        let own = |folder| Path::new(folder).join(format!("{module}.js"));
        let page = (
            Path::new("assets").join("app.js"),
            "phx.new/assets/app.js.tera",
        );
        let scripts = FOLDERS
            .iter()
            .map(|folder| (own(folder), "phx.gen.socket/socket.js.tera"));

        let mut context = Context::new();
        context.insert("socket", &socket.name);
        context.insert("module", module);
        context.insert("mount", mount);
        let mut sending = Vec::new();
        for (path, template) in std::iter::once(page).chain(scripts) {
            let Some(text) = self.plan.read(&path)? else {
                continue;
            };
            let mut rendered = Vec::new();
            for auth in [false, true] {
                context.insert("auth", &auth);
                rendered.push(self.templates.render(template, &context)?);
            }
            let connects = format!("new Socket(\"{mount}\"");
            if rendered[0].contains(&connects)
                && let Some(text) = replaced(&text, &hunks(&rendered[0], &rendered[1]))
            {
                self.plan.inject(&path, text)?;
                sending.push(path);
            }
        }
        Ok(sending)
    }
}

fn hunks(before: &str, after: &str) -> Vec<Hunk> {
    let diff = TextDiff::from_lines(before, after);
    let [old, new] = [before, after].map(|text| text.split_inclusive('\n').collect::<Vec<_>>());
    let groups = diff.grouped_ops(1);
    let hunks = groups.iter().filter_map(|group| {
        let (first, last) = (group.first()?, group.last()?);
        let old = old[first.old_range().start..last.old_range().end].concat();
        let new = new[first.new_range().start..last.new_range().end].concat();
        Some((old, new))
    });
    hunks.collect()
}

/// Returns the text with each hunk's first text replaced by its second. Hunks that are replaced
/// already stay.
///
/// Returns `None` if the text of a hunk is not there, or more than once.
fn replaced(text: &str, hunks: &[Hunk]) -> Option<String> {
    let mut text = text.to_owned();
    for (before, after) in hunks {
        if text.matches(after.as_str()).count() == 1 {
            continue;
        }
        if text.matches(before.as_str()).count() != 1 {
            return None;
        }
        text = text.replace(before.as_str(), after);
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEFORE: &str = "one\ntwo\nthree\nfour\nfive\nsix\n";
    const AFTER: &str = "one\n2\nthree\nfour\nfive\n5.5\nsix\n";

    #[test]
    fn lines_are_replaced_once_beside_the_users_own() {
        let hunks = hunks(BEFORE, AFTER);
        assert_eq!(hunks.len(), 2);
        assert_eq!(replaced(BEFORE, &hunks).as_deref(), Some(AFTER));
        assert_eq!(replaced(AFTER, &hunks).as_deref(), Some(AFTER));
        let own = |text: &str| format!("zero\n{}", text.replace("four\n", "four\nours\n"));
        assert_eq!(replaced(&own(BEFORE), &hunks), Some(own(AFTER)));
    }

    #[test]
    fn edited_lines_are_left_alone() {
        let hunks = hunks(BEFORE, AFTER);
        for edited in [
            BEFORE.replace("two", "two, ours"),
            BEFORE.replace("five\nsix\n", "five\nours\nsix\n"),
            BEFORE.repeat(2),
        ] {
            assert_eq!(replaced(&edited, &hunks), None, "{edited}");
        }
    }
}
