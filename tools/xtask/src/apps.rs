//! The example apps that the conformance kit and the end-to-end tests talk to.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use crate::server::{Server, free_port};
use crate::{npm, workspace};

/// Executables of the two apps.
pub(crate) struct Apps {
    pub(crate) hello: PathBuf,
    conformance: PathBuf,
}

impl Apps {
    /// Builds both in one go: alone, each would want its dependencies with other features, and so
    /// built again.
    pub(crate) fn build() -> Result<Self> {
        println!("    building examples/hello and examples/conformance");
        let mut built = workspace::build(&["hello", "conformance"])
            .context("cannot build the example apps")?
            .into_iter();
        let mut next = || {
            built
                .next()
                .context("cargo built fewer executables than asked for")
        };
        Ok(Self {
            hello: next()?,
            conformance: next()?,
        })
    }

    /// The guide's app on a free port, with phoenix.js in place.
    pub(crate) fn start_hello(&self) -> Result<Server> {
        self.install_phoenix()?;
        Server::start("hello", &mut Command::new(&self.hello), free_port()?)
    }

    /// Puts phoenix.js where `examples/hello` serves it from.
    pub(crate) fn install_phoenix(&self) -> Result<()> {
        npm::install_phoenix(&workspace::root().join("examples/hello/assets"))
    }

    /// The conformance kit's app on a free port.
    pub(crate) fn start_conformance(&self) -> Result<Server> {
        Server::start(
            "conformance",
            &mut Command::new(&self.conformance),
            free_port()?,
        )
    }
}
