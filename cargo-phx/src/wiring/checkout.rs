//! Where generated apps get the library from. Until it is published, an app made by a cargo-phx
//! that was built from a checkout depends on that checkout, as `mix phx.new --dev` does.

use std::path::{Path, PathBuf};

use crate::manifest::Dependency;

/// `presence-channels`, as the project in `folder` depends on it.
pub(crate) fn presence_channels(folder: &Path) -> Dependency {
    let dependency = Dependency::new("presence-channels", env!("CARGO_PKG_VERSION"));
    let path = checkout().map(|checkout| path_from(folder, &checkout));
    Dependency { path, ..dependency }
}

/// The checkout that this binary was built from, if it is still there.
fn checkout() -> Option<PathBuf> {
    let checkout = Path::new(env!("CARGO_MANIFEST_DIR")).parent()?;
    let manifest = checkout.join("presence-channels/Cargo.toml");
    manifest.is_file().then(|| checkout.to_path_buf())
}

/// Relative within the checkout, so that an example there works in every copy of it; absolute
/// elsewhere.
fn path_from(folder: &Path, checkout: &Path) -> String {
    let library = checkout.join("presence-channels");
    let path = match folder.strip_prefix(checkout) {
        Ok(inside) => {
            let up: PathBuf = inside.components().map(|_| "..").collect();
            up.join("presence-channels")
        }
        Err(_) => library,
    };
    path.display().to_string().replace('\\', "/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_is_relative_within_the_checkout() {
        let path = |folder: &str| path_from(Path::new(folder), Path::new("/src/presence"));
        assert_eq!(
            path("/src/presence/examples/hello"),
            "../../presence-channels"
        );
        assert_eq!(path("/home/me/hello"), "/src/presence/presence-channels");
    }
}
