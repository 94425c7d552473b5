//! The requests of one connection that are under way, and the time without one.

use std::{sync::Arc, time::Duration};

use parking_lot::Mutex;
use tokio::time::{Instant, sleep_until};

use super::Timeouts;
use crate::outgoing::Stall;

/// The time that the rest of a first request's head has when the server stops: it is on its way, or
/// never comes.
const FIRST_HEAD_AT_STOP: Duration = Duration::from_secs(1);

/// The number of times that a write is tried within `write_timeout`, while the system does not
/// report that it can go on.
const PROBES: u32 = 8;

/// The requests of one connection.
pub(super) struct Requests {
    state: Mutex<RequestsState>,
    /// Of the writes of responses.
    stall: Arc<Stall>,
    timeouts: Timeouts,
}

struct RequestsState {
    under_way: usize,
    /// The time at which the connection is closed if no request begins.
    deadline: Instant,
    has_begun: bool,
    /// The parts of responses of HTTP/2 that their client has yet to take.
    parts: usize,
    /// The time at which the client last took some of them, or began to owe it.
    moved: Instant,
}

/// The reason to close a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Silence {
    /// The first request did not come within `head_timeout`.
    Head,
    /// The next request did not come within `keep_alive_timeout`.
    KeepAlive,
    /// The client took nothing of a response for `write_timeout`.
    Write,
}

impl Requests {
    /// Begins with a connection that has just been accepted.
    pub(super) fn new(timeouts: Timeouts, stall: Arc<Stall>) -> Arc<Self> {
        let state = RequestsState {
            under_way: 0,
            deadline: after(timeouts.head),
            has_begun: false,
            parts: 0,
            moved: Instant::now(),
        };
        Arc::new(Self {
            state: Mutex::new(state),
            stall,
            timeouts,
        })
    }

    /// Counts a request, whose head has arrived, until the returned guard is dropped.
    pub(super) fn begin(self: &Arc<Self>) -> UnderWay {
        let mut state = self.state.lock();
        state.under_way += 1;
        state.has_begun = true;
        UnderWay(self.clone())
    }

    /// Shortens the wait for the first request, because the server stops.
    pub(super) fn hurry(&self) {
        let mut state = self.state.lock();
        if !state.has_begun {
            state.deadline = state.deadline.min(after(FIRST_HEAD_AT_STOP));
        }
    }

    /// Waits until no request has begun in time, or a response was not read. After
    /// [`hurry`](Self::hurry), call it anew.
    pub(super) async fn silence(&self) -> Silence {
        loop {
            let look_again = match self.look() {
                Ok(silence) => return silence,
                Err(look_again) => look_again,
            };
            tokio::select! {
                () = sleep_until(look_again) => {}
                () = self.stall.begins() => {}
            }
        }
    }

    /// Returns the reason to close the connection now, or the time for the next look.
    fn look(&self) -> Result<Silence, Instant> {
        if let Some(since) = self.stall.since() {
            let timeout = within_decades(self.timeouts.write);
            let (now, end) = (Instant::now(), since + timeout);
            return match end <= now {
                true => Ok(Silence::Write),
                // The look polls the connection, too, which then tries its write again.
                false => Err(end.min(now + timeout / PROBES)),
            };
        }
        let state = self.state.lock();
        let keep_alive = within_decades(self.timeouts.keep_alive);
        // A request that ends after this look moves the deadline to this time or later.
        let after_next = Instant::now() + keep_alive;
        let write = within_decades(self.timeouts.write);
        if state.parts > 0 {
            // HTTP/2 has windows of its own: with none, the system takes what little is written.
            let end = state.moved + write;
            return match end <= Instant::now() {
                true => Ok(Silence::Write),
                false => Err(end.min(after_next)),
            };
        }
        if state.under_way > 0 {
            return Err(after_next.min(Instant::now() + write));
        }
        // A response that is already made may still be under way to its client.
        let written = self.stall.ended().map(|ended| ended + keep_alive);
        let deadline = written.map_or(state.deadline, |written| state.deadline.max(written));
        match (deadline <= Instant::now(), state.has_begun) {
            (false, _) => Err(deadline.min(after_next)),
            (true, false) => Ok(Silence::Head),
            (true, true) => Ok(Silence::KeepAlive),
        }
    }
}

/// Returns the time after `timeout`.
fn after(timeout: Duration) -> Instant {
    Instant::now() + within_decades(timeout)
}

/// Returns the timeout, or decades if it is beyond the clock.
fn within_decades(timeout: Duration) -> Duration {
    const DECADES: Duration = Duration::from_secs(30 * 365 * 24 * 60 * 60);
    timeout.min(DECADES)
}

/// A request under way.
pub(super) struct UnderWay(Arc<Requests>);

impl Drop for UnderWay {
    fn drop(&mut self) {
        let mut state = self.0.state.lock();
        state.under_way -= 1;
        if state.under_way == 0 {
            state.deadline = after(self.0.timeouts.keep_alive);
        }
    }
}

/// A part of a response that is under way to its client, until it is dropped.
pub(super) struct PartUnderWay(Arc<UnderWay>);

impl PartUnderWay {
    /// Counts a part of the response to this request.
    pub(super) fn begin(under_way: Arc<UnderWay>) -> Self {
        let mut state = under_way.0.state.lock();
        if state.parts == 0 {
            state.moved = Instant::now();
        }
        state.parts += 1;
        drop(state);
        Self(under_way)
    }

    /// Notes that the client has taken some of it.
    pub(super) fn moves(&self) {
        self.0.0.state.lock().moved = Instant::now();
    }
}

impl Drop for PartUnderWay {
    fn drop(&mut self) {
        self.0.0.state.lock().parts -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMEOUTS: Timeouts = Timeouts {
        head: Duration::from_secs(20),
        keep_alive: Duration::from_secs(75),
        body: Duration::from_secs(20),
        write: Duration::from_secs(60),
    };

    async fn ends_after(requests: &Requests) -> (Silence, Duration) {
        let begin = Instant::now();
        let silence = requests.silence().await;
        (silence, begin.elapsed())
    }

    // tokio's timers have a resolution of a millisecond.
    fn is_about(elapsed: Duration, seconds: u64) -> bool {
        elapsed >= Duration::from_secs(seconds)
            && elapsed < Duration::from_millis(seconds * 1000 + 5)
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_without_a_request_has_the_head_timeout() {
        let requests = Requests::new(TIMEOUTS, Arc::default());
        let (silence, elapsed) = ends_after(&requests).await;
        assert_eq!(silence, Silence::Head);
        assert!(is_about(elapsed, 20), "{elapsed:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_under_way_may_take_long_and_the_keep_alive_begins_at_its_end() {
        let requests = Requests::new(TIMEOUTS, Arc::default());
        let first = requests.begin();
        let second = requests.begin();
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_secs(10)).await;
            drop(first);
            tokio::time::sleep(Duration::from_secs(190)).await;
            drop(second);
        });
        let (silence, elapsed) = ends_after(&requests).await;
        assert_eq!(silence, Silence::KeepAlive);
        assert!(is_about(elapsed, 200 + 75), "{elapsed:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn the_keep_alive_may_be_shorter_than_the_head_timeout() {
        let timeouts = Timeouts {
            keep_alive: Duration::from_secs(5),
            ..TIMEOUTS
        };
        let requests = Requests::new(timeouts, Arc::default());
        let first = requests.begin();
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_secs(2)).await;
            drop(first);
        });
        let (silence, elapsed) = ends_after(&requests).await;
        assert_eq!(silence, Silence::KeepAlive);
        assert!(is_about(elapsed, 7), "{elapsed:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_stop_waits_a_second_for_a_first_head_and_cuts_no_other_wait() {
        let requests = Requests::new(TIMEOUTS, Arc::default());
        requests.hurry();
        let (silence, elapsed) = ends_after(&requests).await;
        assert_eq!(silence, Silence::Head);
        assert!(is_about(elapsed, 1), "{elapsed:?}");

        let requests = Requests::new(TIMEOUTS, Arc::default());
        drop(requests.begin());
        requests.hurry();
        let (silence, elapsed) = ends_after(&requests).await;
        assert_eq!(silence, Silence::KeepAlive);
        assert!(is_about(elapsed, 75), "{elapsed:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn no_timeout_is_too_long() {
        let timeouts = Timeouts {
            head: Duration::MAX,
            ..TIMEOUTS
        };
        let requests = Requests::new(timeouts, Arc::default());
        let day = Duration::from_secs(24 * 60 * 60);
        let silence = tokio::time::timeout(day, requests.silence()).await;
        assert!(silence.is_err(), "{silence:?}");
    }
}
