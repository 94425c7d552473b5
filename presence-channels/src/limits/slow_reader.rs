/// The policy for broadcasts to a client for which more than
/// [`max_outgoing_bytes`](crate::Limits::max_outgoing_bytes) wait. Whatever the policy, a client
/// that takes nothing for [`slow_reader_timeout`](crate::Limits::slow_reader_timeout) while more
/// waits is closed with code 1013.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum SlowReader {
    /// Keeps them, but for [`Channel::DROPPABLE`](crate::Channel::DROPPABLE) events. A client that
    /// is closed in the end connects and joins again with phoenix.js, so it knows that it missed
    /// messages.
    #[default]
    Close,
    /// Drops the oldest broadcasts of any event that wait for the client: for sockets whose
    /// messages replace each other (positions, prices). A push of
    /// [`handle_out`](crate::Channel::handle_out) counts as the broadcast that it handles. Replies,
    /// other pushes and presences are kept: a client that misses a `presence_diff` shows a wrong
    /// list until it joins again.
    DropBroadcasts,
}
