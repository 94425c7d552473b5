//! Options of long-polling.

use std::time::Duration;

use crate::option_error::{OptionError, SHORTEST_TIMEOUT, at_least, within};

/// A longer poll keeps a request open for a client that may have gone.
const LONGEST_WINDOW: Duration = Duration::from_secs(3600);

/// The options of long-polling, for [`SocketOptions::longpoll`](crate::SocketOptions::longpoll).
///
/// ```
/// use presence_channels::{LongpollOptions, SocketOptions};
/// use std::time::Duration;
///
/// let longpoll = LongpollOptions::default()
///     .window(Duration::from_secs(5))
///     .max_body_bytes(256 * 1024)
///     .max_batch(100);
/// let options = SocketOptions::default().longpoll(longpoll);
/// # let _ = options;
/// ```
#[derive(Clone, Debug)]
pub struct LongpollOptions {
    pub(crate) window: Duration,
    pub(crate) max_body_bytes: usize,
    pub(crate) max_batch: usize,
}

impl Default for LongpollOptions {
    fn default() -> Self {
        Self {
            window: Duration::from_secs(10),
            max_body_bytes: 8_000_000,
            max_batch: 1000,
        }
    }
}

impl LongpollOptions {
    /// Sets the time that a poll waits for messages, and that a publish may take. Default 10 s, as
    /// in Phoenix. An endpoint does not start with less than 100 ms or more than an hour. A session
    /// that is not polled for one and a half windows ends. While a client takes an answer, however
    /// slowly, it counts as polling: it may take nothing of it for six windows. Lower the window if
    /// a proxy cuts requests off sooner. Raise it to have fewer requests.
    #[must_use]
    pub fn window(mut self, window: Duration) -> Self {
        self.window = window;
        self
    }

    /// Sets the largest body of a publish, in bytes. Default 8,000,000, as in Phoenix. A larger
    /// body is answered with 413, and none of its messages is handled. The session stays.
    /// [`Limits::max_message_bytes`](crate::Limits::max_message_bytes) limits each message in the
    /// same way. The cluster engine's limit applies to a publish that reaches another node than its
    /// session's.
    #[must_use]
    pub fn max_body_bytes(mut self, max_body_bytes: usize) -> Self {
        self.max_body_bytes = max_body_bytes;
        self
    }

    /// Sets the number of messages that one publish may carry. Default 1,000. phoenix.js sends at
    /// most 100; old versions send as many as they have. A longer batch is answered with 413, and
    /// none of its messages is handled. The session stays.
    #[must_use]
    pub fn max_batch(mut self, max_batch: usize) -> Self {
        self.max_batch = max_batch;
        self
    }

    /// Refuses options with which no client could poll or publish.
    pub(crate) fn check(&self) -> Result<(), OptionError> {
        let windows = SHORTEST_TIMEOUT..=LONGEST_WINDOW;
        within("LongpollOptions::window", self.window, windows)?;
        at_least("LongpollOptions::max_body_bytes", self.max_body_bytes, 1)?;
        at_least("LongpollOptions::max_batch", self.max_batch, 1)
    }
}
