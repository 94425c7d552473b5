//! The topics on which nodes send messages to each other. No client can join them,
//! and no endpoint broadcasts on them for an app.

/// The topic of kicks.
pub(crate) const KICK: &str = "phx:kick";

/// The beginning of the topics on which nodes pass the requests of clients that poll.
pub(crate) const LONGPOLL: &str = "phx:lp:";

/// Returns whether `topic` belongs to the nodes.
pub(crate) fn is_of_nodes(topic: &str) -> bool {
    let prefixes = [presence_core::tracker::TOPIC_PREFIX, LONGPOLL, KICK];
    prefixes.iter().any(|prefix| topic.starts_with(prefix))
}
