//! Limits on the resources of a client.

mod rate;
mod slow_reader;

use std::time::Duration;

pub use rate::Rate;
pub use slow_reader::SlowReader;

pub(crate) use rate::Bucket;

/// The limits of one mounted socket. All but the rates are on by default. Each field says what
/// happens to the client that exceeds it. No limit ends another client's connection.
///
/// ```
/// use presence_channels::{Limits, SocketOptions};
///
/// let mut limits = Limits::default();
/// limits.max_channels = 10;
/// let options = SocketOptions::default().limits(limits);
/// # let _ = options;
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Limits {
    /// The largest message, in bytes, whole or over several frames. Default 1 MiB. For a larger
    /// message the connection is closed with code 1009; by long-polling the publish is answered
    /// with 413. Raise the limit for uploads over a channel.
    pub max_message_bytes: usize,
    /// The number of channels that a connection may have joined. Default 100, as in Phoenix. A
    /// further join is refused with the reason `too many channels joined`. The connection stays.
    pub max_channels: usize,
    /// The longest topic, in bytes. Default 1,024. A join of a longer topic is refused with the
    /// reason `topic too long`. The connection stays.
    pub max_topic_bytes: usize,
    /// The longest event, in bytes. Default 1,024. A message with a longer event is answered with
    /// the error `event too long`. The channel stays.
    pub max_event_bytes: usize,
    /// The longest ref and the longest `join_ref`, in bytes as JSON writes them, quotes apart.
    /// Default 256; phoenix.js counts, and sends a few digits. A message with a longer one is
    /// malformed: the connection is closed with code 1011; by long-polling the publish is answered
    /// with 408, and the session ends. There is no answer to such a message, because it would carry
    /// the ref.
    pub max_ref_bytes: usize,
    /// The bytes that may wait to be sent to a client, beside the message that is being sent.
    /// Default 4 MiB. Each message counts with 160 bytes for the memory around it. A message of
    /// any size goes to a client for which nothing else waits. A client for which more waits is
    /// slow if it takes nothing for [`slow_reader_timeout`](Self::slow_reader_timeout). While a
    /// quarter of the limit waits, the client's own messages are not read. A client that polls may
    /// still publish.
    pub max_outgoing_bytes: usize,
    /// The time after which a client that takes nothing is slow, while more than
    /// [`max_outgoing_bytes`](Self::max_outgoing_bytes) wait for it. Default 10 s. Its connection
    /// is closed with code 1013. Checked about twenty times per
    /// [`SocketOptions::timeout`](crate::SocketOptions::timeout), at least once a second.
    pub slow_reader_timeout: Duration,
    /// The policy for messages that a client may miss, while more bytes wait for it than may. By
    /// default it misses none.
    pub slow_reader: SlowReader,
    /// The number of a connection's messages that may wait for the handlers of its channels.
    /// Default 1,000. At the limit the connection is not read until handlers have caught up. Bytes
    /// that were read with the last message (8 KiB at most) wait on top. By long-polling the
    /// publish waits, for a window, and is then answered with 408.
    ///
    /// The same number of broadcasts may wait for a channel that
    /// [intercepts](crate::Channel::INTERCEPTS) them or
    /// [subscribes](crate::Socket::subscribe) to their topic. One more broadcast ends the channel
    /// with `phx_error`, and its client joins again. And the same number of messages of the app may
    /// wait for a channel. One more from a [`Notifier`](crate::Notifier) is its sender's error;
    /// one more by [`Socket::notify`](crate::Socket::notify) ends the channel.
    pub max_waiting_messages: usize,
    /// The bytes that those messages may hold, together with joins that wait for their topic's last
    /// channel to end. Default 4 MiB. At the limit the connection is not read, and a publish waits,
    /// as at [`max_waiting_messages`](Self::max_waiting_messages). The message that exceeds the
    /// limit is still taken, so that a larger message gets through when nothing else waits. So up
    /// to one message of [`max_message_bytes`](Self::max_message_bytes) is held on top.
    ///
    /// The broadcasts that wait for one channel may hold as many bytes, and one broadcast on top.
    /// A payload counts for each channel that it waits for.
    pub max_waiting_bytes: usize,
    /// The number of a connection's joins that may be under way, repeated joins of one topic
    /// included. Default 100. A further join is refused with the reason `too many joins under way`.
    /// The connection stays.
    pub max_joins_under_way: usize,
    /// The rate at which a connection may send, heartbeats and leaves apart. Off by default. A
    /// message over the limit is not handled, and is answered with an error that names the limit.
    /// The connection and the channel stay.
    pub max_message_rate: Option<Rate>,
    /// As [`max_message_rate`](Self::max_message_rate), for each channel of a connection by itself.
    /// Off by default. Joins do not count.
    pub max_channel_message_rate: Option<Rate>,
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
            max_message_rate: None,
            max_channel_message_rate: None,
        }
    }
}
