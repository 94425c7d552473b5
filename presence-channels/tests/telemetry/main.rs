//! Logs and metrics, as the module `telemetry` documents them.

mod addresses;
mod app;
#[cfg(feature = "metrics")]
mod calls;
mod clients;
#[cfg(feature = "metrics")]
mod each_limit;
mod failures;
#[cfg(feature = "metrics")]
mod limits;
mod logs;
#[cfg(feature = "metrics")]
mod metrics;
mod poller;
#[cfg(feature = "metrics")]
mod recorded;
mod refusals;
