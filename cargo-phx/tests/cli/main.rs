//! Runs the command line as a user does, and checks its output, its files and its errors.

mod destroy;
mod flags;
mod generators;
mod golden;
mod help;
mod manifests;
mod properties;
mod refusals;
mod restored;
mod sandbox;
mod snapshot;
mod targets;
mod topics;
