//! Programs of other projects that the tests need, and the Debian packages that contain them.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::process;

/// Returns the path of the program `name`, or `None` if it is not installed.
pub(crate) fn on_search_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    // Servers are in folders that an ordinary user's search path may lack.
    std::env::split_paths(&path)
        .chain(["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from))
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
}

/// Returns whether this process may install Debian packages.
pub(crate) fn can_install() -> bool {
    rustix::process::geteuid().is_root() && Path::new("/etc/debian_version").exists()
}

/// Installs a package without its recommendations.
pub(crate) fn install(package: &str) -> Result<()> {
    println!("    installing Debian's {package}");
    let apt = || {
        let mut command = Command::new("apt-get");
        command.env("DEBIAN_FRONTEND", "noninteractive").arg("-qq");
        command
    };
    process::run(apt().arg("update"))?;
    process::run_captured(apt().args(["install", "-y", "--no-install-recommends", package]))
        .map(drop)
}

/// Returns the path of `program`. Installs the Debian package of the same name if it is missing and
/// this process may do so.
pub(crate) fn find_or_install(program: &str) -> Result<PathBuf> {
    if let Some(path) = on_search_path(program) {
        return Ok(path);
    }
    if !can_install() {
        bail!(
            "{program} is not installed\n\
             hint: install it (Debian: apt-get install {program})"
        );
    }
    install(program).with_context(|| format!("cannot install Debian's {program}"))?;
    on_search_path(program).with_context(|| {
        format!("Debian's {program} is installed, but contains no program of that name")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_found_and_others_are_not() {
        assert!(on_search_path("sh").is_some());
        assert_eq!(on_search_path("no-such-program"), None);
    }
}
