//! The one place that catches panics of an app's code: callbacks, serializers, checks of origins.
//!
//! A panic or an endless wait in a callback ends its own channel, or refuses its own client.

use std::{
    any::Any,
    future::poll_fn,
    panic::AssertUnwindSafe,
    pin::pin,
    sync::atomic::{AtomicBool, AtomicU32, Ordering},
    task::Poll,
    time::Duration,
};

use futures_util::FutureExt;
use tokio::time::timeout;

pub(crate) enum CallbackOutcome<T> {
    Done(T),
    Panicked(String),
    TimedOut,
}

/// The progress of a channel's callback, and what it waits for. Kept by the channel, so that its
/// socket can tell of it.
#[derive(Default)]
pub(crate) struct Progress {
    steps: AtomicU32,
    waits_for_client: AtomicBool,
}

impl Progress {
    /// Has the time of the callback begin anew.
    pub(crate) fn made(&self) {
        self.steps.fetch_add(1, Ordering::Relaxed);
    }

    /// Notes that the callback waits for the client to take what was pushed, in the poll under way.
    pub(crate) fn waits_for_client(&self) {
        self.waits_for_client.store(true, Ordering::Relaxed);
    }

    /// Returns whether the callback waited for the client when it was polled last.
    pub(crate) fn waited_for_client(&self) -> bool {
        self.waits_for_client.load(Ordering::Relaxed)
    }

    fn begin_poll(&self) {
        self.waits_for_client.store(false, Ordering::Relaxed);
    }

    fn steps(&self) -> u32 {
        self.steps.load(Ordering::Relaxed)
    }
}

/// Runs `callback` for at most `limit`.
///
/// The callback is also called in here, because a callback that is no `async fn` already works, and
/// may panic, when it is called. After the limit its future is dropped in here, too.
pub(crate) async fn guard<F: Future>(
    limit: Duration,
    callback: impl FnOnce() -> F,
) -> CallbackOutcome<F::Output> {
    guard_last(limit, &Progress::default(), callback).await
}

/// As [`guard`], for a callback that may make progress: `limit` begins anew with each step.
pub(crate) fn guard_progress<F: Future>(
    limit: Duration,
    progress: &Progress,
    callback: impl FnOnce() -> F,
) -> impl Future<Output = CallbackOutcome<F::Output>> {
    guarded(limit, progress, true, callback)
}

/// As [`guard`], for a channel's last callback, whose time does not begin anew.
pub(crate) fn guard_last<F: Future>(
    limit: Duration,
    progress: &Progress,
    callback: impl FnOnce() -> F,
) -> impl Future<Output = CallbackOutcome<F::Output>> {
    guarded(limit, progress, false, callback)
}

// Each value is in the future once, because the block uses what it captures in place: an `async fn`
// keeps an argument beside the local that it moves to. The work of each message has such a future.
fn guarded<F: Future>(
    limit: Duration,
    progress: &Progress,
    is_renewed: bool,
    callback: impl FnOnce() -> F,
) -> impl Future<Output = CallbackOutcome<F::Output>> {
    let running = async move {
        let mut callback = pin!(callback());
        let mut polled = poll_fn(|cx| {
            progress.begin_poll();
            callback.as_mut().poll(cx)
        });
        // Most callbacks never wait, and those get no timer.
        if let Poll::Ready(value) = poll_fn(|cx| Poll::Ready(polled.poll_unpin(cx))).await {
            return Some(value);
        }
        loop {
            let before = progress.steps();
            if let Ok(value) = Box::pin(timeout(limit, &mut polled)).await {
                return Some(value);
            }
            if !is_renewed || progress.steps() == before {
                return None;
            }
        }
    };
    AssertUnwindSafe(running)
        .catch_unwind()
        .map(|outcome| match outcome {
            Ok(Some(value)) => CallbackOutcome::Done(value),
            Ok(None) => CallbackOutcome::TimedOut,
            Err(panic) => CallbackOutcome::Panicked(message_of(&*panic)),
        })
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
