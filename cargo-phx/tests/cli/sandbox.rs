//! A folder to run `cargo phx` in.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A temporary folder outside the checkout, with or without a project.
pub(crate) struct Sandbox {
    /// The guard that removes the folder with the sandbox.
    _folder: tempfile::TempDir,
    /// The folder in which commands run.
    pub(crate) root: PathBuf,
}

/// The output and the exit code of a command.
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Sandbox {
    pub(crate) fn new() -> Sandbox {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let root = folder.path().canonicalize().expect("it is there");
        Sandbox {
            _folder: folder,
            root,
        }
    }

    /// Makes a project of these files.
    pub(crate) fn with(files: &[(&str, &str)]) -> Sandbox {
        let sandbox = Sandbox::new();
        for (path, text) in files {
            sandbox.write(path, text);
        }
        sandbox
    }

    /// Makes an app with `cargo phx new hello`. Commands run inside it.
    pub(crate) fn hello() -> Sandbox {
        Sandbox::app("hello")
    }

    /// Makes an app of another name with `cargo phx new`. Commands run inside it.
    pub(crate) fn app(name: &str) -> Sandbox {
        let mut sandbox = Sandbox::new();
        sandbox.phx(&format!("new {name}")).succeeded();
        sandbox.root.push(name);
        sandbox
    }

    pub(crate) fn write(&self, path: &str, text: &str) {
        let path = self.root.join(path);
        fs::create_dir_all(path.parent().expect("it has a folder")).expect("folders are made");
        fs::write(path, text).expect("the file is written");
    }

    /// Runs `cargo-phx phx <arguments>` as cargo does, with an empty input.
    pub(crate) fn phx(&self, arguments: &str) -> Ran {
        self.phx_typing(arguments, "")
    }

    /// Runs `cargo-phx phx <arguments>` as cargo does, with `typed` as its input.
    pub(crate) fn phx_typing(&self, arguments: &str, typed: &str) -> Ran {
        let mut child = Command::new(env!("CARGO_BIN_EXE_cargo-phx"))
            .arg("phx")
            .args(arguments.split(' '))
            .current_dir(&self.root)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("cargo-phx runs");
        let mut stdin = child.stdin.take().expect("it is piped");
        // The command may end without reading its input.
        let _ = stdin.write_all(typed.as_bytes());
        drop(stdin);
        let output = child.wait_with_output().expect("cargo-phx ends");
        Ran {
            code: output.status.code().expect("it was not killed"),
            stdout: String::from_utf8(output.stdout).expect("it prints UTF-8"),
            stderr: String::from_utf8(output.stderr).expect("it prints UTF-8"),
        }
    }
}

impl Ran {
    #[track_caller]
    pub(crate) fn succeeded(self) -> String {
        assert_eq!(self.code, 0, "{}{}", self.stdout, self.stderr);
        assert_eq!(self.stderr, "");
        self.stdout
    }
}

/// Returns the folder of the workspace.
pub(crate) fn checkout() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("cargo-phx is in the workspace")
}
