//! Formatting with rustfmt, if it is installed. Written code follows the project's edition and
//! `rustfmt.toml`.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Formats code for one project.
pub(crate) struct Format<'a> {
    /// The folder where rustfmt begins to look for its configuration, upwards.
    pub(crate) folder: &'a Path,
    pub(crate) edition: &'a str,
}

impl Format<'_> {
    /// Formats a file that the generator wrote. Returns `text` unchanged if rustfmt is missing or
    /// rejects it.
    pub(crate) fn created(&self, text: &str) -> String {
        self.run(text).unwrap_or_else(|| text.to_owned())
    }

    /// Formats a user's file after an edit, but only if the file was formatted before it: so
    /// nothing else in the file changes.
    pub(crate) fn edited(&self, before: &str, after: &str) -> String {
        match self.run(after) {
            // An edit in the format of rustfmt needs no look at the file before it.
            Some(formatted) if formatted == after => formatted,
            Some(formatted) if self.run(before).as_deref() == Some(before) => formatted,
            _ => after.to_owned(),
        }
    }

    fn run(&self, text: &str) -> Option<String> {
        let mut child = Command::new(program())
            .args(["--edition", self.edition, "--emit", "stdout", "--quiet"])
            .current_dir(self.folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let written = child.stdin.take()?.write_all(text.as_bytes());
        let output = child.wait_with_output().ok()?;
        written.ok()?;
        let mut formatted = String::from_utf8(output.stdout).ok()?;
        // To a pipe, rustfmt writes `\n` whatever the text has.
        if text.contains("\r\n") {
            formatted = formatted.replace("\r\n", "\n").replace('\n', "\r\n");
        }
        (output.status.success() && (text.is_empty() || !formatted.is_empty())).then_some(formatted)
    }
}

/// Returns the rustfmt beside the cargo that runs this program. One on the path may be rustup's,
/// which first looks for the toolchain, and takes as long for it as rustfmt for a file.
fn program() -> PathBuf {
    let name = format!("rustfmt{}", std::env::consts::EXE_SUFFIX);
    let cargo = std::env::var_os("CARGO").map(PathBuf::from);
    let beside = cargo.and_then(|cargo| Some(cargo.parent()?.join(&name)));
    beside
        .filter(|path| path.is_file())
        .unwrap_or_else(|| name.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn here() -> Format<'static> {
        Format {
            folder: Path::new(env!("CARGO_MANIFEST_DIR")),
            edition: "2024",
        }
    }

    #[test]
    fn a_created_file_is_formatted_and_a_broken_one_kept() {
        assert_eq!(here().created("fn  a( ){}\n"), "fn a() {}\n");
        assert_eq!(here().created("fn {\n"), "fn {\n");
    }

    #[test]
    fn a_users_file_keeps_its_own_format() {
        assert_eq!(
            here().edited("fn a() {}\n", "fn a() {}\nfn  b(){}\n"),
            "fn a() {}\nfn b() {}\n"
        );
        assert_eq!(
            here().edited("fn  a(){}\n", "fn  a(){}\nfn  b(){}\n"),
            "fn  a(){}\nfn  b(){}\n"
        );
    }

    #[test]
    fn a_file_with_the_line_endings_of_windows_is_formatted_and_keeps_them() {
        assert_eq!(
            here().edited("fn a() {}\r\n", "fn a() {}\r\nfn  b(){}\r\n"),
            "fn a() {}\r\nfn b() {}\r\n"
        );
        // With both, no edit may change a line of the user's.
        let mixed = "fn a() {}\r\nfn c() {}\n";
        let edited = format!("{mixed}fn  b(){{}}\n");
        assert_eq!(here().edited(mixed, &edited), edited);
    }

    #[test]
    fn the_projects_settings_hold() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("rustfmt.toml"), "hard_tabs = true\n").unwrap();
        let format = Format {
            folder: folder.path(),
            edition: "2021",
        };
        assert_eq!(format.created("fn a() { b(); }\n"), "fn a() {\n\tb();\n}\n");
    }
}
