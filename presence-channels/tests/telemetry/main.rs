//! Logs and metrics, as the module `telemetry` documents them.

mod app;
mod logs;
#[cfg(feature = "metrics")]
mod metrics;
