//! A request's body whose client must send it in time.

use std::{
    future::Future,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use axum::{BoxError, body::Bytes};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::time::{Instant, Sleep, sleep};

use crate::telemetry::{Limit, LimitMeters};

/// The rate, in bytes per second, at which a body that is late must arrive at least.
const MIN_RATE: u64 = 500;

/// The body of a request. Reading it fails when the server has waited too long for it.
pub(super) struct RequestBody<B = Incoming> {
    body: B,
    timeout: Duration,
    received: u64,
    /// The time that the app has waited for the client.
    waited: Duration,
    /// Set while the app waits.
    wait: Option<Wait>,
    limits: Arc<LimitMeters>,
}

struct Wait {
    since: Instant,
    end: Pin<Box<Sleep>>,
}

impl<B> RequestBody<B> {
    pub(super) fn new(body: B, timeout: Duration, limits: Arc<LimitMeters>) -> Self {
        Self {
            body,
            timeout,
            received: 0,
            waited: Duration::ZERO,
            wait: None,
            limits,
        }
    }

    /// Returns the time that the server still waits for the client.
    fn left(&self) -> Duration {
        let earned = Duration::from_millis(self.received.saturating_mul(1000) / MIN_RATE);
        self.timeout
            .saturating_add(earned)
            .saturating_sub(self.waited)
    }

    /// Counts the time of a wait that is over.
    fn end_wait(&mut self) {
        if let Some(wait) = self.wait.take() {
            self.waited = self.waited.saturating_add(wait.since.elapsed());
        }
    }
}

impl<B> Body for RequestBody<B>
where
    B: Body<Data = Bytes, Error: Into<BoxError>> + Unpin,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = &mut *self;
        if let Poll::Ready(frame) = Pin::new(&mut this.body).poll_frame(cx) {
            this.end_wait();
            if let Some(Ok(frame)) = &frame {
                let bytes = frame.data_ref().map_or(0, Bytes::len);
                this.received = this.received.saturating_add(bytes as u64);
            }
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        let left = this.left();
        let wait = this.wait.get_or_insert_with(|| Wait {
            since: Instant::now(),
            end: Box::pin(sleep(left)),
        });
        if wait.end.as_mut().poll(cx).is_pending() {
            return Poll::Pending;
        }
        this.end_wait();
        let (received, timeout) = (this.received, this.timeout);
        let what = format_args!("a request's body, of which {received} bytes came");
        this.limits.closed(Limit::BodyTimeout, what);
        let error = format!(
            "the request's body did not arrive in time: {received} bytes came, and body_timeout is \
             {timeout:?}"
        );
        let error = io::Error::new(io::ErrorKind::TimedOut, error);
        Poll::Ready(Some(Err(error.into())))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use axum::body::to_bytes;
    use futures_util::{StreamExt, stream};

    use super::*;

    fn server_limits() -> Arc<LimitMeters> {
        Arc::new(LimitMeters::of_server())
    }

    /// Returns a body that sends `part` every second, `parts` times, and then nothing more.
    fn trickle(part: &'static [u8], parts: usize) -> axum::body::Body {
        let sent = stream::iter(0..parts).then(move |_| async move {
            sleep(Duration::from_secs(1)).await;
            Ok::<_, io::Error>(Bytes::from_static(part))
        });
        axum::body::Body::from_stream(sent.chain(stream::pending()))
    }

    /// Reads such a body to its end. Returns the time until then, in seconds.
    async fn fails_after(body: axum::body::Body) -> u64 {
        let body = RequestBody::new(body, Duration::from_secs(20), server_limits());
        let begin = Instant::now();
        let read = to_bytes(axum::body::Body::new(body), usize::MAX).await;
        assert!(read.is_err(), "a body that never ends was read to its end");
        begin.elapsed().as_secs()
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_never_comes_fails_after_the_timeout() {
        assert_eq!(fails_after(trickle(b"", 0)).await, 20);
    }

    #[tokio::test(start_paused = true)]
    async fn a_byte_a_second_earns_next_to_no_time() {
        assert_eq!(fails_after(trickle(b"x", 10_000)).await, 20);
    }

    #[tokio::test(start_paused = true)]
    async fn five_hundred_bytes_earn_a_second() {
        assert_eq!(fails_after(trickle(&[b'x'; 500], 100)).await, 120);
    }

    #[tokio::test(start_paused = true)]
    async fn the_time_that_the_app_takes_is_its_own() {
        let mut body = RequestBody::new(trickle(b"x", 3), Duration::from_secs(20), server_limits());
        for _ in 0..3 {
            let frame = std::future::poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await;
            assert!(frame.unwrap().is_ok());
            sleep(Duration::from_secs(60)).await;
        }
        // Three seconds of the client's, and three minutes of the app's.
        assert_eq!(body.waited.as_secs(), 3);
    }
}
