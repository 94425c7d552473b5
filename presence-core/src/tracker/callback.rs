//! Calls of a user's code, whose panics and delays must not end the tracker.

use std::any::Any;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

/// Runs a callback to its end. Returns `None`, and logs it, if the callback panics or takes too
/// long.
pub(super) async fn run<T>(
    presence: &str,
    callback: &str,
    topic: &str,
    limit: Duration,
    call: impl Future<Output = T>,
) -> Option<T> {
    match tokio::time::timeout(limit, caught(call)).await {
        Ok(Ok(result)) => Some(result),
        Ok(Err(panic)) => {
            let reason = reason(&*panic);
            tracing::error!(presence, topic, reason, "{callback} panicked");
            None
        }
        Err(_) => {
            tracing::error!(presence, topic, ?limit, "{callback} took too long");
            None
        }
    }
}

/// The future is dropped after a panic, so its half-changed state is never used again. The user
/// keeps shared state (the presence itself) consistent, as in any task that can panic.
async fn caught<T>(call: impl Future<Output = T>) -> Result<T, Box<dyn Any + Send>> {
    let mut call = pin!(call);
    std::future::poll_fn(|context| {
        let polled = catch_unwind(AssertUnwindSafe(|| call.as_mut().poll(context)));
        match polled {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(result)) => Poll::Ready(Ok(result)),
            Err(panic) => Poll::Ready(Err(panic)),
        }
    })
    .await
}

pub(super) fn reason(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    let string = panic.downcast_ref::<String>().map(String::as_str);
    text.or(string).unwrap_or("a value that is no text")
}
