//! The commands, one file each.

pub(crate) mod apps;
pub(crate) mod bench;
pub(crate) mod book;
pub(crate) mod check;
pub(crate) mod cluster_test;
pub(crate) mod conformance;
pub(crate) mod demo;
pub(crate) mod features;
pub(crate) mod fuzz;
pub(crate) mod model;
pub(crate) mod mutants;
pub(crate) mod phx;
pub(crate) mod simulate;
pub(crate) mod soak;
pub(crate) mod test;
