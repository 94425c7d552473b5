//! Spans and events whose level is chosen at run time: `tracing` wants it known when it compiles.

/// A span at `$level`, an `Option<Level>`. `None` is a disabled span.
macro_rules! span_at {
    ($level:expr, $target:expr, $name:literal, $($fields:tt)*) => {
        match $level {
            None => tracing::Span::none(),
            Some(tracing::Level::ERROR) => tracing::error_span!(target: $target, $name, $($fields)*),
            Some(tracing::Level::WARN) => tracing::warn_span!(target: $target, $name, $($fields)*),
            Some(tracing::Level::INFO) => tracing::info_span!(target: $target, $name, $($fields)*),
            Some(tracing::Level::DEBUG) => tracing::debug_span!(target: $target, $name, $($fields)*),
            Some(tracing::Level::TRACE) => tracing::trace_span!(target: $target, $name, $($fields)*),
        }
    };
}

/// An event at `$level`, an `Option<Level>`. `None` logs nothing.
macro_rules! event_at {
    ($level:expr, $target:expr, $($fields:tt)*) => {
        match $level {
            None => {}
            Some(tracing::Level::ERROR) => tracing::error!(target: $target, $($fields)*),
            Some(tracing::Level::WARN) => tracing::warn!(target: $target, $($fields)*),
            Some(tracing::Level::INFO) => tracing::info!(target: $target, $($fields)*),
            Some(tracing::Level::DEBUG) => tracing::debug!(target: $target, $($fields)*),
            Some(tracing::Level::TRACE) => tracing::trace!(target: $target, $($fields)*),
        }
    };
}

pub(crate) use {event_at, span_at};
