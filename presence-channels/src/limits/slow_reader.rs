/// The policy for a client for which more than
/// [`max_outgoing_bytes`](crate::Limits::max_outgoing_bytes) wait.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum SlowReader {
    /// Closes the connection with code 1013. phoenix.js connects and joins again, so the client
    /// knows that it missed messages.
    #[default]
    Close,
    /// Drops the oldest broadcasts that wait for the client: for topics whose messages replace each
    /// other (positions, prices). Replies and pushes are kept. If they alone exceed the limit, the
    /// connection is closed.
    ///
    /// A `presence_diff` is a broadcast too. A client that misses one shows a wrong list until it
    /// joins again, so presences and this policy belong on different sockets.
    DropBroadcasts,
}
