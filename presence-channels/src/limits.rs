//! Limits on the resources of a client.

mod rate;
mod slow_reader;

use std::time::Duration;

use crate::option_error::{OptionError, SHORTEST_TIMEOUT, at_least};

pub use rate::Rate;
pub use slow_reader::SlowReader;

pub(crate) use rate::Bucket;

/// The limits of one mounted socket. The rates and
/// [`max_connections_per_user`](Self::max_connections_per_user) are off by default, and all other
/// limits are on. Each setter says what happens to the client that exceeds the limit. No limit ends
/// another client's connection. An endpoint does not start with a limit of 0
/// ([`StartError`](crate::StartError)).
///
/// # Examples
/// A socket for many clients that the app does not know, each with a few small messages a second.
/// One client may hold about `max_outgoing_bytes` and `max_waiting_bytes` of memory, each with one
/// message on top, and the message that it is sending:
///
/// ```
/// use presence_channels::{Limits, Rate, SlowReader, SocketOptions};
/// use std::time::Duration;
///
/// let limits = Limits::default()
///     .max_message_bytes(16 * 1024)
///     .max_channels(10)
///     .max_topic_bytes(128)
///     .max_event_bytes(64)
///     .max_ref_bytes(32)
///     .max_joins_under_way(10)
///     .max_connections_per_user(20)
///     // From the client.
///     .max_message_rate(Rate::per_second(20).burst(100))
///     .max_channel_message_rate(Rate::per_second(10).burst(50))
///     .max_waiting_messages(100)
///     .max_waiting_bytes(256 * 1024)
///     // To the client.
///     .max_outgoing_bytes(1024 * 1024)
///     .slow_reader_timeout(Duration::from_secs(20))
///     .slow_reader(SlowReader::DropBroadcasts);
/// let options = SocketOptions::default().limits(limits);
/// # let _ = options;
/// ```
#[derive(Clone, Debug)]
pub struct Limits {
    pub(crate) max_message_bytes: usize,
    pub(crate) max_channels: usize,
    pub(crate) max_topic_bytes: usize,
    pub(crate) max_event_bytes: usize,
    pub(crate) max_ref_bytes: usize,
    pub(crate) max_outgoing_bytes: usize,
    pub(crate) slow_reader_timeout: Duration,
    pub(crate) slow_reader: SlowReader,
    pub(crate) max_waiting_messages: usize,
    pub(crate) max_waiting_bytes: usize,
    pub(crate) max_joins_under_way: usize,
    pub(crate) max_connections_per_user: Option<usize>,
    pub(crate) max_message_rate: Option<Rate>,
    pub(crate) max_channel_message_rate: Option<Rate>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_message_bytes: 1024 * 1024,
            max_channels: 100,
            max_topic_bytes: 1024,
            max_event_bytes: 1024,
            max_ref_bytes: 256,
            max_outgoing_bytes: 4 * 1024 * 1024,
            slow_reader_timeout: Duration::from_secs(10),
            slow_reader: SlowReader::default(),
            max_waiting_messages: 1000,
            max_waiting_bytes: 4 * 1024 * 1024,
            max_joins_under_way: 100,
            max_connections_per_user: None,
            max_message_rate: None,
            max_channel_message_rate: None,
        }
    }
}

impl Limits {
    /// Sets the largest message, in bytes, whole or over several frames. Default 1 MiB. For a
    /// larger message the connection is closed with code 1009; by long-polling the publish is
    /// answered with 413. Raise the limit for uploads over a channel.
    #[must_use]
    pub fn max_message_bytes(mut self, bytes: usize) -> Self {
        self.max_message_bytes = bytes;
        self
    }

    /// Sets the number of channels that a connection may have joined. Default 100, as in Phoenix. A
    /// further join is refused with the reason `too many channels joined`. The connection stays.
    /// Raise the limit for pages that watch many topics at once.
    #[must_use]
    pub fn max_channels(mut self, channels: usize) -> Self {
        self.max_channels = channels;
        self
    }

    /// Sets the longest topic, in bytes. Default 1,024. A join of a longer topic is refused with
    /// the reason `topic too long`. The connection stays. Lower the limit if the app's topics are
    /// short and strangers may connect.
    #[must_use]
    pub fn max_topic_bytes(mut self, bytes: usize) -> Self {
        self.max_topic_bytes = bytes;
        self
    }

    /// Sets the longest event, in bytes. Default 1,024. A message with a longer event is answered
    /// with the error `event too long`. The channel stays.
    #[must_use]
    pub fn max_event_bytes(mut self, bytes: usize) -> Self {
        self.max_event_bytes = bytes;
        self
    }

    /// Sets the longest ref and the longest `join_ref`, in bytes of their JSON texts, without the
    /// quotes. Default 256; phoenix.js counts, and sends a few digits. A message with a longer one
    /// is malformed: the connection is closed with code 1011; by long-polling the publish is
    /// answered with 408, and the session ends. There is no answer to such a message, because it
    /// would carry the ref. Raise the limit for clients whose refs are longer.
    #[must_use]
    pub fn max_ref_bytes(mut self, bytes: usize) -> Self {
        self.max_ref_bytes = bytes;
        self
    }

    /// Sets the bytes that may wait to be sent to a client, beside the message that is being sent.
    /// Default 4 MiB. Each message counts with 160 bytes for the memory around it. A message of any
    /// size goes to a client for which nothing else waits. A client for which more waits is slow if
    /// it takes nothing for [`slow_reader_timeout`](Self::slow_reader_timeout). While a quarter of
    /// the limit waits, the client's own messages are not read. By long-polling a publish waits,
    /// for a window, and is then answered with 408. Polls wait while two answers or more are unread
    /// and hold the limit together.
    #[must_use]
    pub fn max_outgoing_bytes(mut self, bytes: usize) -> Self {
        self.max_outgoing_bytes = bytes;
        self
    }

    /// Sets the time after which a client that takes nothing is slow, while more than
    /// [`max_outgoing_bytes`](Self::max_outgoing_bytes) wait for it. Default 10 s. Its connection
    /// is closed with code 1013. Checked about twenty times per timeout, or per
    /// [`SocketOptions::timeout`](crate::SocketOptions::timeout) if that is shorter. An endpoint
    /// does not start with less than 100 ms.
    #[must_use]
    pub fn slow_reader_timeout(mut self, timeout: Duration) -> Self {
        self.slow_reader_timeout = timeout;
        self
    }

    /// Sets the policy for messages that a client may miss, while more bytes wait for it than may.
    /// By default no message is dropped, except [`DROPPABLE`](crate::Channel::DROPPABLE) events.
    #[must_use]
    pub fn slow_reader(mut self, policy: SlowReader) -> Self {
        self.slow_reader = policy;
        self
    }

    /// Sets the number of a connection's messages that may wait for the handlers of its channels.
    /// Default 1,000. At the limit the connection is not read until handlers have caught up. Up to
    /// 8 KiB that were read together with the last message are kept beyond the limit. By
    /// long-polling the publish waits, for a window, and is then answered with 408. Lower the limit
    /// if handlers are slow and clients are many.
    ///
    /// The same number of broadcasts may wait for a channel that
    /// [intercepts](crate::Channel::INTERCEPTS) them or
    /// [subscribes](crate::Socket::subscribe) to their topic. One more broadcast ends the channel
    /// with `phx_error`, and its client joins again. And the same number of messages of the app may
    /// wait for a channel. One more from a [`Notifier`](crate::Notifier) is its sender's error;
    /// one more by [`Socket::notify`](crate::Socket::notify) ends the channel.
    #[must_use]
    pub fn max_waiting_messages(mut self, messages: usize) -> Self {
        self.max_waiting_messages = messages;
        self
    }

    /// Sets the bytes that those messages may hold, together with joins that wait for their topic's
    /// last channel to end. Default 4 MiB. At the limit the connection is not read, and a publish
    /// waits, as at [`max_waiting_messages`](Self::max_waiting_messages). The message that exceeds
    /// the limit is still taken, so that a larger message gets through when nothing else waits. So
    /// up to one message of [`max_message_bytes`](Self::max_message_bytes) is held on top.
    ///
    /// The broadcasts that wait for one channel may hold as many bytes, and one broadcast on top.
    /// A payload counts for each channel that it waits for.
    #[must_use]
    pub fn max_waiting_bytes(mut self, bytes: usize) -> Self {
        self.max_waiting_bytes = bytes;
        self
    }

    /// Sets the number of a connection's joins that may be under way, repeated joins of one topic
    /// included. Default 100. A further join is refused with the reason `too many joins under way`.
    /// The connection stays.
    #[must_use]
    pub fn max_joins_under_way(mut self, joins: usize) -> Self {
        self.max_joins_under_way = joins;
        self
    }

    /// Sets the number of connections that one user may have on one node, by
    /// [`UserSocket::id`](crate::UserSocket::id). `None`, the default, sets no limit; neither do
    /// sockets without an id. A further client of the user is refused with the status 429. A client
    /// that is gone counts until its handlers have ended. Set a limit that leaves room for a user's
    /// devices and tabs, and for connections that a phone has lost and the server has not noticed
    /// yet: 20, for example.
    #[must_use]
    pub fn max_connections_per_user(mut self, connections: impl Into<Option<usize>>) -> Self {
        self.max_connections_per_user = connections.into();
        self
    }

    /// Sets the rate at which a connection may send, heartbeats and leaves apart. `None`, the
    /// default, sets no limit. A message over the limit is not handled, and is answered with an
    /// error that names the limit. The connection and the channel stay. Set a rate if a message
    /// costs more than its broadcast, as when a handler writes to a database.
    #[must_use]
    pub fn max_message_rate(mut self, rate: impl Into<Option<Rate>>) -> Self {
        self.max_message_rate = rate.into();
        self
    }

    /// As [`max_message_rate`](Self::max_message_rate), for each channel of a connection by itself.
    /// `None` by default. Joins do not count. A client that leaves a topic and joins it again may
    /// send no more than one that stays.
    #[must_use]
    pub fn max_channel_message_rate(mut self, rate: impl Into<Option<Rate>>) -> Self {
        self.max_channel_message_rate = rate.into();
        self
    }

    /// Refuses limits with which no client could do anything.
    pub(crate) fn check(&self) -> Result<(), OptionError> {
        for (option, value) in [
            ("Limits::max_message_bytes", self.max_message_bytes),
            ("Limits::max_channels", self.max_channels),
            ("Limits::max_topic_bytes", self.max_topic_bytes),
            ("Limits::max_event_bytes", self.max_event_bytes),
            ("Limits::max_ref_bytes", self.max_ref_bytes),
            ("Limits::max_outgoing_bytes", self.max_outgoing_bytes),
            ("Limits::max_waiting_messages", self.max_waiting_messages),
            ("Limits::max_waiting_bytes", self.max_waiting_bytes),
            ("Limits::max_joins_under_way", self.max_joins_under_way),
        ] {
            at_least(option, value, 1)?;
        }
        at_least(
            "Limits::slow_reader_timeout",
            self.slow_reader_timeout,
            SHORTEST_TIMEOUT,
        )?;
        if let Some(connections) = self.max_connections_per_user {
            at_least("Limits::max_connections_per_user", connections, 1)?;
        }
        for (option, rate) in [
            ("Limits::max_message_rate", self.max_message_rate),
            (
                "Limits::max_channel_message_rate",
                self.max_channel_message_rate,
            ),
        ] {
            rate.map_or(Ok(()), |rate| rate.check(option))?;
        }
        Ok(())
    }
}
