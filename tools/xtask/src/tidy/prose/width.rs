//! Lines of prose are at most 100 columns wide. rustfmt sees to code, and leaves comments alone.

use super::super::Tree;
use super::lines;

const WIDTH: usize = 100;

pub(super) fn check(tree: &Tree) -> Vec<String> {
    // A row of a table and an address cannot be broken.
    let too_wide = lines(tree)
        .filter(|line| line.whole.chars().count() > WIDTH)
        .filter(|line| !line.whole.contains('|') && !line.whole.contains("://"));
    too_wide
        .map(|line| {
            let width = line.whole.chars().count();
            format!("{}: {width} columns of at most {WIDTH}", line.place())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::super::tests::tree;
    use super::*;

    #[test]
    fn a_wide_line_of_prose_is_a_complaint() {
        let wide = "ä".repeat(WIDTH + 1);
        let files = [
            ("a.md", wide.clone()),
            ("b.md", "ä".repeat(WIDTH)),
            ("c.md", format!("| {wide} |")),
            ("d.rs", format!("let x = \"{wide}\";")),
        ];
        let files: Vec<_> = files.iter().map(|(path, text)| (*path, &**text)).collect();
        assert_eq!(check(&tree(&files)), ["a.md:1: 101 columns of at most 100"]);
    }
}
