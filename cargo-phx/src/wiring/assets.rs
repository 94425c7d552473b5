//! The page's scripts: a socket gets one where the project has assets.

use std::path::{Path, PathBuf};

use tera::Context;
use walkdir::{DirEntry, WalkDir};

use super::Wiring;

/// The folders in which a project may have its scripts, the best first.
pub(super) const FOLDERS: &[&str] = &["assets/js", "assets", "static/js", "static"];

impl Wiring {
    /// Creates the script that connects the page to a socket. Returns its path.
    ///
    /// Returns `None` if the project has no folder for it, or if another script connects already.
    pub(crate) fn add_script(
        &mut self,
        socket: &str,
        module: &str,
        mount: &str,
        auth: bool,
    ) -> anyhow::Result<Option<PathBuf>> {
        let root = self.project.root.clone();
        let folder = FOLDERS.iter().find(|folder| root.join(folder).is_dir());
        let Some(folder) = folder else {
            return Ok(None);
        };
        let path = Path::new(folder).join(format!("{module}.js"));
        if connects(&root, &path) {
            return Ok(None);
        }
        let mut context = Context::new();
        context.insert("socket", socket);
        context.insert("module", module);
        context.insert("mount", mount);
        context.insert("auth", &auth);
        self.create(&path, "phx.gen.socket/socket.js.tera", &context)?;
        Ok(Some(path))
    }
}

/// Returns whether a script or page beside `own` makes a socket.
fn connects(root: &Path, own: &Path) -> bool {
    let is_searched = |entry: &DirEntry| entry.file_name() != "node_modules";
    let is_script = |path: &Path| {
        let kinds = ["html", "js", "jsx", "mjs", "ts", "tsx"];
        let extension = path.extension().and_then(|extension| extension.to_str());
        extension.is_some_and(|extension| kinds.contains(&extension))
    };
    ["assets", "static"].iter().any(|folder| {
        WalkDir::new(root.join(folder))
            .into_iter()
            .filter_entry(is_searched)
            .filter_map(Result::ok)
            .map(DirEntry::into_path)
            .filter(|path| is_script(path) && *path != root.join(own))
            .any(|path| {
                std::fs::read_to_string(path).is_ok_and(|text| text.contains("new Socket("))
            })
    })
}
