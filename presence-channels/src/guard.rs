//! The one place that catches panics of an app's code: callbacks, serializers, checks of origins.
//!
//! A panic or an endless wait in a callback ends its own channel, or refuses its own client.

use std::{
    any::Any,
    future::poll_fn,
    panic::AssertUnwindSafe,
    pin::{Pin, pin},
    sync::atomic::{AtomicBool, AtomicU32, Ordering},
    task::Poll,
    time::Duration,
};

use futures_util::FutureExt;
use tokio::time::{Instant, timeout};

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
    /// The number of [`ClientWait`]s. A count, because a callback may have several at once, and is
    /// not polled for each when its time is over.
    client_waits: AtomicU32,
    waited_for_client: AtomicBool,
}

/// A callback waits for the client to take what was pushed, until this is dropped.
pub(crate) struct ClientWait<'a>(&'a Progress);

impl Drop for ClientWait<'_> {
    fn drop(&mut self) {
        self.0.client_waits.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Progress {
    /// Has the time of the callback begin anew.
    pub(crate) fn made(&self) {
        self.steps.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn wait_for_client(&self) -> ClientWait<'_> {
        self.client_waits.fetch_add(1, Ordering::Relaxed);
        ClientWait(self)
    }

    /// Returns whether the last callback that was over its time waited for the client then.
    pub(crate) fn waited_for_client(&self) -> bool {
        self.waited_for_client.load(Ordering::Relaxed)
    }

    /// Notes that the callback is over its time, while it is there still.
    fn over_time(&self) {
        let waits = self.client_waits.load(Ordering::Relaxed) > 0;
        self.waited_for_client.store(waits, Ordering::Relaxed);
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
        // Most callbacks never wait. Those get no timer, and read no clock.
        if let Poll::Ready(value) = poll_fn(|cx| Poll::Ready(callback.as_mut().poll(cx))).await {
            return Some(value);
        }
        Box::pin(in_time(limit, progress, is_renewed, callback)).await
    };
    caught(running).map(|outcome| match outcome {
        Ok(Some(value)) => CallbackOutcome::Done(value),
        Ok(None) => CallbackOutcome::TimedOut,
        Err(panic) => CallbackOutcome::Panicked(panic),
    })
}

/// Returns `None` if `limit` has passed, since the last step if the time `is_renewed`.
async fn in_time<F: Future>(
    limit: Duration,
    progress: &Progress,
    is_renewed: bool,
    mut callback: Pin<&mut F>,
) -> Option<F::Output> {
    let mut steps = progress.steps();
    let mut last = Instant::now();
    loop {
        let before = last;
        let polled = poll_fn(|cx| {
            let polled = callback.as_mut().poll(cx);
            // A callback makes its steps while it is polled.
            if is_renewed && progress.steps() != steps {
                steps = progress.steps();
                last = Instant::now();
            }
            polled
        });
        if let Ok(value) = timeout(limit.saturating_sub(before.elapsed()), polled).await {
            return Some(value);
        }
        if last == before {
            progress.over_time();
            return None;
        }
    }
}

/// Runs a future to its end, or until it panics. Returns the text of the panic as the error.
pub(crate) fn caught<F: Future>(future: F) -> impl Future<Output = Result<F::Output, String>> {
    AssertUnwindSafe(future)
        .catch_unwind()
        .map(|outcome| outcome.map_err(|panic| message_of(&*panic)))
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

#[cfg(all(test, not(shuttle)))]
mod tests {
    use std::future::pending;

    use futures_util::future::join_all;
    use tokio::time::sleep;

    use super::*;

    const LIMIT: Duration = Duration::from_secs(30);

    #[tokio::test(start_paused = true)]
    async fn the_time_begins_anew_with_the_last_step_and_not_when_it_is_over() {
        let progress = Progress::default();
        let begun = Instant::now();
        let run = guard_progress(LIMIT, &progress, async || {
            for pause in [1, 20, 20] {
                sleep(Duration::from_secs(pause)).await;
                progress.made();
            }
            pending::<()>().await;
        });
        assert!(matches!(run.await, CallbackOutcome::TimedOut));
        assert_eq!(begun.elapsed(), Duration::from_secs(41) + LIMIT);
        assert!(!progress.waited_for_client());

        let begun = Instant::now();
        let run = guard_last(LIMIT, &progress, async || {
            sleep(LIMIT / 2).await;
            progress.made();
            pending::<()>().await;
        });
        assert!(matches!(run.await, CallbackOutcome::TimedOut));
        assert_eq!(begun.elapsed(), LIMIT);
    }

    /// Of more than 30 futures, `join_all` polls only those that were woken.
    #[tokio::test(start_paused = true)]
    async fn a_callback_that_waits_for_its_client_in_many_ways_at_once_is_known_for_it() {
        let progress = Progress::default();
        let wait = async || {
            let _wait = progress.wait_for_client();
            pending::<()>().await;
        };
        let all = || join_all((0..40).map(|_| wait()));
        let run = guard_progress(LIMIT, &progress, all);
        assert!(matches!(run.await, CallbackOutcome::TimedOut));
        assert!(progress.waited_for_client());
        let run = guard_progress(LIMIT, &progress, pending::<()>);
        assert!(matches!(run.await, CallbackOutcome::TimedOut));
        assert!(!progress.waited_for_client());
    }
}
