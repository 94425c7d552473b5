//! Logs and metrics, as the module `telemetry` documents them.

mod app;
#[cfg(feature = "metrics")]
mod calls;
mod logs;
#[cfg(feature = "metrics")]
mod metrics;
