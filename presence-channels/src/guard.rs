//! The one place that catches panics of an app's code: callbacks, serializers, checks of origins.
//!
//! A panic or an endless wait in a callback ends its own channel, or refuses its own client.

use std::{
    any::Any,
    future::poll_fn,
    panic::AssertUnwindSafe,
    pin::pin,
    sync::atomic::{AtomicU32, Ordering},
    task::Poll,
    time::Duration,
};

use futures_util::FutureExt;

pub(crate) enum CallbackOutcome<T> {
    Done(T),
    Panicked(String),
    TimedOut,
}

/// Runs `callback` for at most `limit`.
///
/// The callback is also called in here, because a callback that is no `async fn` already works, and
/// may panic, when it is called. After the limit its future is dropped in here, too.
pub(crate) async fn guard<F: Future>(
    limit: Duration,
    callback: impl FnOnce() -> F,
) -> CallbackOutcome<F::Output> {
    guard_progress(limit, &AtomicU32::new(0), callback).await
}

/// As [`guard`], for a callback that may make progress: `limit` begins anew with each change of
/// `progress`.
pub(crate) async fn guard_progress<F: Future>(
    limit: Duration,
    progress: &AtomicU32,
    callback: impl FnOnce() -> F,
) -> CallbackOutcome<F::Output> {
    let running = async {
        let mut callback = pin!(callback());
        // Most callbacks never wait, and those get no timer.
        if let Poll::Ready(value) = poll_fn(|cx| Poll::Ready(callback.as_mut().poll(cx))).await {
            return Some(value);
        }
        loop {
            let before = progress.load(Ordering::Relaxed);
            if let Ok(value) = tokio::time::timeout(limit, callback.as_mut()).await {
                return Some(value);
            }
            if progress.load(Ordering::Relaxed) == before {
                return None;
            }
        }
    };
    match AssertUnwindSafe(running).catch_unwind().await {
        Ok(Some(value)) => CallbackOutcome::Done(value),
        Ok(None) => CallbackOutcome::TimedOut,
        Err(panic) => CallbackOutcome::Panicked(message_of(&*panic)),
    }
}

/// Calls a function that cannot wait. Returns the text of its panic as the error.
pub(crate) fn call_guarded<T>(call: impl FnOnce() -> T) -> Result<T, String> {
    std::panic::catch_unwind(AssertUnwindSafe(call)).map_err(|panic| message_of(&*panic))
}

/// Drops a value whose `Drop` may panic.
pub(crate) fn drop_guarded<T>(value: T) {
    if let Err(panic) = call_guarded(move || drop(value)) {
        tracing::error!(panic, "a channel panicked when it was dropped");
    }
}

fn message_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(|text| &**text));
    text.unwrap_or("a panic without a message").to_owned()
}
