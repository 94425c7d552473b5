//! The bytes of a file that an edit does not mean to change: its line endings, its byte order mark,
//! and its end without a line break.

use similar::{DiffOp, TextDiff};

/// Returns `edited`, which has `\n` at the end of each line, with the bytes that `original` has
/// around the changed lines. A new line ends as the line above it does.
pub(crate) fn keep(original: &str, edited: &str) -> String {
    let plain = original.trim_start_matches('\u{feff}');
    let mark = &original[..original.len() - plain.len()];
    let old: Vec<(&str, &str)> = plain.split_inclusive('\n').map(split).collect();
    let new: Vec<(&str, &str)> = edited.split_inclusive('\n').map(split).collect();
    let texts = |lines: &[(&str, &str)]| -> Vec<String> {
        lines.iter().map(|(text, _)| (*text).to_owned()).collect()
    };
    let (old_texts, new_texts) = (texts(&old), texts(&new));
    let common = match old.iter().find(|(_, ending)| !ending.is_empty()) {
        Some((_, ending)) => *ending,
        None => "\n",
    };

    let mut lines: Vec<(&str, &str)> = Vec::new();
    for op in TextDiff::from_slices(
        &old_texts.iter().map(String::as_str).collect::<Vec<_>>(),
        &new_texts.iter().map(String::as_str).collect::<Vec<_>>(),
    )
    .ops()
    {
        if let DiffOp::Equal { .. } = op {
            lines.extend(&old[op.old_range()]);
            continue;
        }
        let above = match lines.last() {
            Some((_, ending)) if !ending.is_empty() => ending,
            _ => common,
        };
        lines.extend(new[op.new_range()].iter().map(|(text, _)| (*text, above)));
    }

    let mut result = mark.to_owned();
    let last = lines.len().saturating_sub(1);
    let open = old.last().is_some_and(|(_, ending)| ending.is_empty());
    for (index, (text, ending)) in lines.into_iter().enumerate() {
        result.push_str(text);
        match (index == last, ending.is_empty()) {
            (true, _) if open => {}
            (_, true) => result.push_str(common),
            (_, false) => result.push_str(ending),
        }
    }
    result
}

/// Splits a line into its text and its ending.
fn split(line: &str) -> (&str, &str) {
    let text = line.trim_end_matches('\n');
    let text = text.strip_suffix('\r').unwrap_or(text);
    (text, &line[text.len()..])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_new_line_ends_as_its_neighbours_do() {
        assert_eq!(keep("a\r\nb\r\n", "a\nx\nb\n"), "a\r\nx\r\nb\r\n");
        assert_eq!(keep("a\nb\r\n", "a\nx\nb\ny\n"), "a\nx\nb\r\ny\r\n");
        assert_eq!(keep("\u{feff}a\n", "a\nb\n"), "\u{feff}a\nb\n");
        assert_eq!(keep("a\r\nb", "a\nb\nc\n"), "a\r\nb\r\nc");
        assert_eq!(keep("a\n\nb", "a\n\nb"), "a\n\nb");
        assert_eq!(keep("", "a\n"), "a\n");
        assert_eq!(keep("a", "x\na\n"), "x\na");
    }

    proptest! {
        #[test]
        fn without_an_edit_every_byte_stays(text in "\u{feff}?([abc=]{0,3}(\n|\r\n)){0,8}[abc]{0,2}") {
            let parsed = text.trim_start_matches('\u{feff}').replace("\r\n", "\n");
            prop_assert_eq!(keep(&text, &parsed), text);
        }

        #[test]
        fn the_lines_are_those_of_the_edit(
            text in "([abc]{0,2}(\n|\r\n)){0,8}",
            edited in "([abc]{0,2}\n){1,8}",
        ) {
            let kept = keep(&text, &edited);
            prop_assert_eq!(kept.lines().collect::<Vec<_>>(), edited.lines().collect::<Vec<_>>());
        }
    }
}
