//! What a client may use up, and what happens beyond.

mod rate;
mod slow_reader;

pub use rate::Rate;
pub use slow_reader::SlowReader;

pub(crate) use rate::Bucket;

/// The limits of one mounted socket. All but the rates are on by default; what each costs the
/// client that goes over it is said with it. None of them ends another client's connection.
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
    /// The largest message, in bytes, whole or over several frames. Default 1 MiB. Over it the
    /// connection is closed with code 1009; by long-polling the publish is answered with 413. Raise
    /// it for uploads over a channel.
    pub max_message_bytes: usize,
    /// How many channels a connection may have joined. Default 100, as in Phoenix. A further join
    /// is refused with the reason `too many channels joined`; the connection lives.
    pub max_channels: usize,
    /// The longest topic, in bytes. Default 1,024. A join to a longer one is refused with the
    /// reason `topic too long`; the connection lives.
    pub max_topic_bytes: usize,
    /// The longest event, in bytes. Default 1,024. A message with a longer one is answered with the
    /// error `event too long`; the channel lives.
    pub max_event_bytes: usize,
    /// The longest ref and the longest `join_ref`, in bytes as JSON writes them, quotes apart.
    /// Default 256; phoenix.js counts, and sends a few digits. A message with a longer one is
    /// malformed: the connection is closed with code 1011; by long-polling the publish is answered
    /// with 408, and the session ends. There is no answer to such a message, because it would carry
    /// the ref.
    pub max_ref_bytes: usize,
    /// How many bytes may wait to be sent to a client that does not read. Default 4 MiB. Over it
    /// [`slow_reader`](Self::slow_reader) decides. While a quarter of it waits, the client's own
    /// messages are left unread; who polls may still publish.
    pub max_outgoing_bytes: usize,
    /// What becomes of a client for whom more waits. By default it is closed with code 1013.
    pub slow_reader: SlowReader,
    /// How many of a connection's messages may wait for the handlers of its channels. Default
    /// 1,000. At the limit nothing more is read from the connection until handlers have caught up;
    /// what was read with the last of them (8 KiB at the most) waits on top. By long-polling the
    /// publish waits, for a window, and is answered with 408 then. As many broadcasts may wait for
    /// a channel that [intercepts](crate::Channel::INTERCEPTS) them; one more ends it with
    /// `phx_error`, and its client joins again.
    pub max_waiting_messages: usize,
    /// How many bytes those messages may hold, and joins that wait for their topic's last channel
    /// to end. Default 4 MiB. At the limit nothing more is read from the connection, and a publish
    /// waits, as at [`max_waiting_messages`](Self::max_waiting_messages). The message that goes
    /// over it is still taken, so that one that is larger gets through when nothing else waits; up
    /// to one of [`max_message_bytes`](Self::max_message_bytes) is held on top.
    pub max_waiting_bytes: usize,
    /// How many joins of a connection may be under way, those of a topic that is joined again and
    /// again included. Default 100. A further one is refused with the reason
    /// `too many joins under way`; the connection lives.
    pub max_joins_under_way: usize,
    /// How fast a connection may send, heartbeats and leaves apart. Off by default. A message over
    /// it is answered with an error that names the limit, and handled by nobody; connection and
    /// channel live.
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
            slow_reader: SlowReader::default(),
            max_waiting_messages: 1000,
            max_waiting_bytes: 4 * 1024 * 1024,
            max_joins_under_way: 100,
            max_message_rate: None,
            max_channel_message_rate: None,
        }
    }
}
