//! Paths, without a look at the disk.

use std::path::{Component, Path, PathBuf};

/// Returns a path without its `..`, as far as folders before them are known.
pub(crate) fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for component in path.components() {
        let pops = component == Component::ParentDir
            && matches!(normal.components().next_back(), Some(Component::Normal(_)));
        if pops {
            normal.pop();
        } else if component != Component::CurDir {
            normal.push(component);
        }
    }
    normal
}

/// Returns the path from the folder `root` to `path`. Both are absolute.
pub(crate) fn relative(path: &Path, root: &Path) -> PathBuf {
    let common = path
        .components()
        .zip(root.components())
        .take_while(|(one, other)| one == other)
        .count();
    let up = root.components().skip(common).map(|_| Component::ParentDir);
    up.chain(path.components().skip(common)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_that_are_left_again_are_left_out() {
        let normal = |path: &str| normal(Path::new(path));
        assert_eq!(normal("/a/b/../../c"), Path::new("/c"));
        assert_eq!(normal("a/./../../c"), Path::new("../c"));
    }

    #[test]
    fn a_relative_path_leads_back() {
        for (path, root, expected) in [
            ("/a/b/c", "/a/b", "c"),
            ("/a/Cargo.toml", "/a/b/c", "../../Cargo.toml"),
            ("/a/x/y", "/a/b", "../x/y"),
        ] {
            let found = relative(Path::new(path), Path::new(root));
            assert_eq!(found, Path::new(expected));
            assert_eq!(normal(&Path::new(root).join(found)), Path::new(path));
        }
    }
}
