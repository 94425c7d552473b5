//! What is logged and measured, as the module `telemetry` documents it.

mod app;
mod logs;
#[cfg(feature = "metrics")]
mod metrics;
