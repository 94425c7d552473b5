//! The steps of `cargo xtask test`.

mod cargo;
mod demo;
mod deny;
mod e2e;
mod engines;
mod examples;
mod package;
mod readme;

use anyhow::Result;
use clap::ValueEnum;

use crate::commands::{cluster_test, conformance, features, fuzz, model, simulate};
use crate::tidy;

pub(crate) use readme::commands_covered;

/// A step of `cargo xtask test`. Steps run in the order of the variants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Step {
    /// `cargo fmt --check`
    Fmt,
    /// File sizes, names, paths, prose, and documents that drift from the tree
    Tidy,
    /// `cargo deny check`: advisories, licences, duplicates, sources
    Deny,
    /// `cargo clippy`, warnings denied
    Clippy,
    /// `cargo doc`, warnings denied
    Doc,
    /// `presence-core` without features, and with one engine alone; the server without `http2`
    Features,
    /// `cargo test`: unit, property, documentation and generator tests
    Cargo,
    /// The queue of outgoing frames in many orders of events: no wake-up is lost
    Model,
    /// Each fuzz target, for some seconds
    Fuzz,
    /// 20,000 seeds of the replicated set on a simulated network
    Simulate,
    /// The tests of the cluster engines that need a NATS or Redis server
    Engines,
    /// Three real nodes over zenoh under real clients: killed, stopped, restarted, sent garbage
    Cluster,
    /// The conformance kit against examples/conformance
    Conformance,
    /// npm's phoenix in Node against the examples
    Node,
    /// phoenix.js in Chromium against examples/hello
    Browser,
    /// The README's quick start, typed in an empty folder
    Readme,
    /// The packages to publish, from the packed files alone, and an app without the checkout
    Package,
    /// The commands in the examples' READMEs
    Examples,
    /// `cargo xtask demo`, from scaffolding to Ctrl-C
    Demo,
}

impl Step {
    /// Returns the name of the step, as after `--only`.
    pub(crate) fn name(self) -> String {
        self.to_possible_value()
            .map(|value| value.get_name().to_owned())
            .unwrap_or_default()
    }

    /// Returns a line that says what the step checks.
    pub(crate) fn about(self) -> String {
        let help = self
            .to_possible_value()
            .and_then(|value| value.get_help().map(ToString::to_string));
        help.unwrap_or_default()
    }

    pub(crate) fn run(self) -> Result<()> {
        match self {
            Self::Fmt => cargo::fmt(),
            Self::Tidy => tidy::run(),
            Self::Deny => deny::run(),
            Self::Clippy => cargo::clippy(),
            Self::Doc => cargo::doc(),
            Self::Features => features::in_test(),
            Self::Cargo => cargo::test(),
            Self::Model => model::run(),
            Self::Fuzz => fuzz::short(),
            Self::Simulate => simulate::in_test(),
            Self::Engines => engines::run(),
            Self::Cluster => cluster_test::in_test(),
            Self::Conformance => conformance::run(&conformance::Args::default()),
            Self::Node => e2e::node(),
            Self::Browser => e2e::browser(),
            Self::Readme => readme::run(),
            Self::Package => package::run(),
            Self::Examples => examples::run(),
            Self::Demo => demo::run(),
        }
    }
}
