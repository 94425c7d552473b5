//! The counts of nodes that came and went.

/// The counts of one node's judgement of the others, since the node was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct MembershipCounts {
    /// Nodes that came, or came back.
    pub(crate) ups: u64,
    /// Times that a node was suspected.
    pub(crate) suspects: u64,
    /// Of these, those that proved to be there.
    pub(crate) suspects_saved: u64,
    /// Of these, those that another node vouched for.
    pub(crate) vouched: u64,
    /// Nodes that went down.
    pub(crate) downs: u64,
    /// Nodes that were given up.
    pub(crate) permdowns: u64,
    /// Nodes that left in order.
    pub(crate) leaves: u64,
    /// Of these, those of which another node told.
    pub(crate) leaves_passed_on: u64,
    /// Senders that were told that what they said is older than what is known of them.
    pub(crate) refusals: u64,
    /// Messages with a number that was not above the last one heard. Their senders are told, too.
    pub(crate) overtaken: u64,
    /// Messages of nodes that were given up or left, sent before they went.
    pub(crate) buried: u64,
    /// Times that this node went on under a higher incarnation.
    pub(crate) retags: u64,
    /// Times that it would have had to too often: another node has its name.
    pub(crate) conflicts: u64,
    /// Times that this process was found to have been stopped.
    pub(crate) late_turns: u64,
    /// Times that the engine was connected again.
    pub(crate) reconnects: u64,
    /// Suspects that were given more time for that reason.
    pub(crate) respites: u64,
}
