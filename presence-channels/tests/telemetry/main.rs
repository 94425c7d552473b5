//! Logs and metrics, as the module `telemetry` documents them.

mod app;
#[cfg(feature = "metrics")]
mod calls;
#[cfg(feature = "metrics")]
mod limits;
mod logs;
#[cfg(feature = "metrics")]
mod metrics;
#[cfg(feature = "metrics")]
mod recorded;
