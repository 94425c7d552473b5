use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use futures_util::future::BoxFuture;

/// An assertion of the test kit, or a step that waits for the server, such as a join. It runs when
/// it is awaited.
///
/// An assertion waits a second for what must come, and a refutation watches for 100 ms;
/// [`within`](Self::within) sets another time.
#[must_use = "an assertion does nothing before it is awaited: add `.await`"]
pub struct Assertion<'a, T> {
    time: Duration,
    /// `None` once the check runs.
    check: Option<Check<'a, T>>,
    running: Option<BoxFuture<'a, T>>,
}

type Check<'a, T> = Box<dyn FnOnce(Duration) -> BoxFuture<'a, T> + Send + 'a>;

impl<'a, T> Assertion<'a, T> {
    /// Creates an assertion that takes at most `time`.
    pub(super) fn new<F: Future<Output = T> + Send + 'a>(
        time: Duration,
        check: impl FnOnce(Duration) -> F + Send + 'a,
    ) -> Self {
        Self {
            time,
            check: Some(Box::new(|time| Box::pin(check(time)))),
            running: None,
        }
    }

    /// Sets the time that the assertion waits for what must come, or that the refutation watches.
    /// An assertion that waits for several things, such as [`leave`](super::TestChannel::leave),
    /// takes this time for all of them.
    ///
    /// # Examples
    /// ```
    /// # use presence_channels::testing::TestChannel;
    /// # use serde_json::json;
    /// # use std::time::Duration;
    /// # async fn test(channel: TestChannel) {
    /// let report = channel.push("make_report", json!({})).await;
    /// channel
    ///     .assert_reply(report, "ok", json!({}))
    ///     .within(Duration::from_secs(10))
    ///     .await;
    /// # }
    /// ```
    pub fn within(mut self, time: Duration) -> Self {
        self.time = time;
        self
    }
}

impl<T> Future for Assertion<'_, T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        if let Some(check) = self.check.take() {
            self.running = Some(check(self.time));
        }
        let running = self.running.as_mut();
        running.expect("the check runs").as_mut().poll(cx)
    }
}

impl<T> fmt::Debug for Assertion<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Assertion")
            .field("time", &self.time)
            .finish_non_exhaustive()
    }
}
