//! Runs the command line as a user does, and checks its output, its files and its errors.

mod flags;
mod destroy;
mod generators;
mod golden;
mod manifests;
mod properties;
mod refusals;
mod sandbox;
mod snapshot;
mod targets;
mod topics;
