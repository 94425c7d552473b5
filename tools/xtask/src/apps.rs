//! The example apps that the conformance kit and the end-to-end tests talk to.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};
use support::ports::free_port;

use crate::server::Server;
use crate::{npm, workspace};

/// The executables of the two apps.
pub(crate) struct Apps {
    pub(crate) hello: PathBuf,
    conformance: PathBuf,
}

impl Apps {
    /// Builds both apps at once. Separate builds would need the dependencies with different
    /// features, and build them twice.
    pub(crate) fn build() -> Result<Self> {
        println!("    building examples/hello and examples/conformance");
        let mut built = workspace::build(&["hello", "conformance"])
            .context("cannot build the example apps")?
            .into_iter();
        let mut next = || {
            built
                .next()
                .context("cargo built fewer than two executables")
        };
        Ok(Self {
            hello: next()?,
            conformance: next()?,
        })
    }

    /// Starts the guide's app on a free port, with phoenix.js installed.
    pub(crate) fn start_hello(&self) -> Result<Server> {
        self.install_phoenix()?;
        Server::start("hello", &mut Command::new(&self.hello), free_port()?)
    }

    /// Installs phoenix.js into the folder from which `examples/hello` serves it.
    pub(crate) fn install_phoenix(&self) -> Result<()> {
        npm::install_phoenix(&workspace::root().join("examples/hello/assets"))
    }

    /// Starts the conformance kit's app on a free port.
    pub(crate) fn start_conformance(&self) -> Result<Server> {
        Server::start(
            "conformance",
            &mut Command::new(&self.conformance),
            free_port()?,
        )
    }
}
