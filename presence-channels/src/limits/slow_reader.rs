//! What becomes of a client that reads too slowly.

/// What happens when more than [`max_outgoing_bytes`](crate::Limits::max_outgoing_bytes) wait for a
/// client.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum SlowReader {
    /// It is closed with code 1013. phoenix.js connects again and joins anew, so that nothing is
    /// missed unsaid.
    #[default]
    Close,
    /// The oldest broadcasts that wait for it are dropped: for topics whose messages replace each
    /// other (positions, prices). Replies and pushes are kept; if they alone are too many, it is
    /// closed.
    ///
    /// A `presence_diff` is a broadcast too. A client that misses one shows a wrong list until it
    /// joins again, so presences and this policy belong on different sockets.
    DropBroadcasts,
}
