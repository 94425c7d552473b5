//! The place that generated apps take the library from.
//!
//! A `cargo-phx` that was built in a checkout writes apps that depend on the checkout, by a path,
//! as `mix phx.new --dev` does. Any other `cargo-phx` writes apps that depend on the version that
//! it was published with.
//!
//! The folder above this package decides, when `cargo phx` runs: a checkout has a workspace there
//! with both this package and the library as members. A folder that only holds the library, such as
//! one of `cargo vendor`, is not a checkout.

use std::path::{Path, PathBuf};

use toml_edit::DocumentMut;

use crate::manifest::Dependency;

/// The name of the library's package, and of its folder in a checkout.
pub(crate) const LIBRARY: &str = "presence-channels";

/// The name of this package, and of its folder in a checkout.
const GENERATOR: &str = env!("CARGO_PKG_NAME");

/// The version of both packages: they are published together.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The sources that this program was built from.
#[derive(Debug, PartialEq, Eq)]
enum Built {
    /// A checkout in this folder.
    Checkout(PathBuf),
    /// A package, from a registry or a vendored one.
    Package,
    /// A checkout that was in this folder, and is moved or deleted.
    Lost(PathBuf),
}

/// Returns the dependency on `presence-channels` for a project in `folder`.
pub(crate) fn presence_channels(folder: &Path) -> Dependency {
    let dependency = Dependency::new(LIBRARY, VERSION);
    let path = match built() {
        Built::Checkout(checkout) => Some(path_from(folder, &checkout)),
        Built::Package | Built::Lost(_) => None,
    };
    Dependency { path, ..dependency }
}

/// Returns a notice for the user of an app that depends on a version because the checkout is lost.
pub(crate) fn notice() -> Option<String> {
    let Built::Lost(checkout) = built() else {
        return None;
    };
    Some(format!(
        "This cargo-phx was built in the checkout {}, which is moved or deleted.\n\
         The app therefore depends on {LIBRARY} {VERSION} from crates.io.\n\
         If that version is not published, install cargo-phx again where the checkout is now:\n\n    \
         $ cargo install --path cargo-phx --locked\n\n\
         Then generate again, or give {LIBRARY} the path of the checkout in Cargo.toml.",
        checkout.display()
    ))
}

fn built() -> Built {
    built_in(Path::new(env!("CARGO_MANIFEST_DIR")))
}

/// Returns the kind of sources in `package`, the folder that this package was built in.
fn built_in(package: &Path) -> Built {
    let Some(above) = package.parent() else {
        return Built::Package;
    };
    if is_checkout(above) {
        Built::Checkout(above.to_path_buf())
    } else if is_package(package) {
        Built::Package
    } else {
        Built::Lost(above.to_path_buf())
    }
}

/// Returns whether `folder` has a workspace with the generator and the library as members.
fn is_checkout(folder: &Path) -> bool {
    let Ok(manifest) = std::fs::read_to_string(folder.join("Cargo.toml")) else {
        return false;
    };
    let Ok(manifest) = manifest.parse::<DocumentMut>() else {
        return false;
    };
    let members = manifest
        .get("workspace")
        .and_then(|workspace| workspace.get("members")?.as_array());
    let has = |name: &str| {
        let mut members = members.into_iter().flatten();
        members.any(|member| member.as_str() == Some(name))
            && folder.join(name).join("Cargo.toml").is_file()
    };
    has(GENERATOR) && has(LIBRARY)
}

/// Returns whether `folder` is that of an unpacked package.
///
/// Cargo unpacks a package into a folder with the version in its name. The name is enough if the
/// folder is deleted, as cargo does with old ones. A vendored package has its checksums.
fn is_package(folder: &Path) -> bool {
    folder.ends_with(format!("{GENERATOR}-{VERSION}"))
        || folder.join("Cargo.toml.orig").exists()
        || folder.join(".cargo-checksum.json").exists()
}

/// Returns the path from `folder` to the library in the checkout. The path is relative within the
/// checkout, so that an example is valid in every copy, and absolute elsewhere.
fn path_from(folder: &Path, checkout: &Path) -> String {
    let library = checkout.join(LIBRARY);
    let path = match folder.strip_prefix(checkout) {
        Ok(inside) => {
            let up: PathBuf = inside.components().map(|_| "..").collect();
            up.join(LIBRARY)
        }
        Err(_) => library,
    };
    path.display().to_string().replace('\\', "/")
}

#[cfg(test)]
mod tests {
    use std::fs;

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

    /// A folder with these packages, and this manifest above them.
    fn sources(packages: &[&str], manifest: Option<&str>) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for package in packages {
            let package = folder.path().join(package);
            fs::create_dir(&package).unwrap();
            fs::write(package.join("Cargo.toml"), "[package]\n").unwrap();
        }
        if let Some(manifest) = manifest {
            fs::write(folder.path().join("Cargo.toml"), manifest).unwrap();
        }
        folder
    }

    const WORKSPACE: &str =
        "[workspace]\nmembers = [\"presence-core\", \"presence-channels\", \"cargo-phx\"]\n";

    #[test]
    fn a_workspace_with_both_members_is_a_checkout() {
        let checkout = sources(&["presence-channels", "cargo-phx"], Some(WORKSPACE));
        assert_eq!(
            built_in(&checkout.path().join("cargo-phx")),
            Built::Checkout(checkout.path().to_path_buf())
        );
    }

    #[test]
    fn a_workspace_without_the_library_is_not_a_checkout() {
        let folder = sources(
            &["presence-channels", "cargo-phx"],
            Some("[workspace]\nmembers = [\"cargo-phx\"]\n"),
        );
        assert!(!is_checkout(folder.path()));
        let folder = sources(&["cargo-phx"], Some(WORKSPACE));
        assert!(!is_checkout(folder.path()));
    }

    #[test]
    fn an_unpacked_package_is_not_a_checkout() {
        let package = format!("cargo-phx-{VERSION}");
        let folder = sources(&["presence-channels-0.1.0", &package], None);
        assert_eq!(built_in(&folder.path().join(&package)), Built::Package);
        // Cargo deletes unpacked packages that were not used for long.
        assert_eq!(
            built_in(&Path::new("/deleted").join(package)),
            Built::Package
        );
    }

    #[test]
    fn a_vendored_package_is_not_a_checkout() {
        let folder = sources(&["presence-channels", "cargo-phx"], None);
        let package = folder.path().join("cargo-phx");
        fs::write(package.join(".cargo-checksum.json"), "{}").unwrap();
        assert_eq!(built_in(&package), Built::Package);
    }

    #[test]
    fn a_checkout_that_is_gone_is_lost() {
        assert_eq!(
            built_in(Path::new("/gone/presence/cargo-phx")),
            Built::Lost("/gone/presence".into())
        );
    }
}
