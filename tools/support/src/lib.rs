//! Code that the project's own tests and tools share. It is not published.
//!
//! - [`ports`]: ports for servers under test.
//! - [`http`]: one GET request.
//! - [`process`]: child processes that end with their owner.
//! - [`usage`]: the CPU time and the memory of a process.
//! - [`quantiles`]: medians and percentiles of samples.
//! - `plot`: charts as SVG, with the feature `plot`.

pub mod http;
#[cfg(feature = "plot")]
pub mod plot;
pub mod ports;
pub mod process;
pub mod quantiles;
pub mod usage;
