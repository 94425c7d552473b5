//! The classes of the traffic between nodes.

/// The urgency of a message between nodes. An engine that can send one message before another
/// sends a lower class first.
///
/// Messages of one class keep their order. Those of different classes need not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum TrafficClass {
    /// Heartbeats, leaves and probes: few and small, and without them a healthy node looks dead.
    Control,
    /// The app's messages, and the changes of presence.
    #[default]
    Live,
    /// The changes that a node catches up with after it was away: large, and in no hurry.
    Bulk,
}
