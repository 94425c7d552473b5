//! The node that is responsible for a topic.

use super::{ReplicaName, Tracker};
use crate::presence::Presence;

impl<P: Presence> Tracker<P> {
    /// Returns the node that is responsible for a topic: the one to do what the cluster needs done
    /// once, such as a job for a room.
    ///
    /// Rendezvous hashing chooses it among the nodes that are up: this node, and those whose
    /// [status](super::Status) is up or suspect. Nodes that see the same nodes up return the same.
    /// Topics spread evenly over the nodes. When a node comes, it takes its share of the topics,
    /// and no other topic moves. When it goes, only its topics move.
    ///
    /// A node that has [left](Self::leave) is no longer responsible for a topic, unless it is
    /// alone. The two sides of a partition each have a responsible node, and so may two nodes for
    /// the moment in which a node comes or goes. So the job must bear being done twice.
    ///
    /// The call hashes the topic once for each node.
    ///
    /// # Examples
    ///
    /// ```
    /// # use presence_core::{Presence, PubSub, Tracker};
    /// # struct Online;
    /// # impl Presence for Online {
    /// #     const NAME: &str = "docs.online";
    /// # }
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let pubsub = PubSub::local();
    /// let online = Tracker::start(&pubsub, Online);
    /// // A node that is alone is responsible for all topics.
    /// assert_eq!(online.responsible_for("room:1").as_str(), pubsub.node_name());
    /// # }
    /// ```
    pub fn responsible_for(&self, topic: impl AsRef<str>) -> ReplicaName {
        let roll = self.shared.host.roll();
        roll.responsible(topic.as_ref()).name.clone()
    }

    /// Returns whether this node is [responsible](Self::responsible_for) for a topic.
    pub fn is_responsible_for(&self, topic: impl AsRef<str>) -> bool {
        let roll = self.shared.host.roll();
        roll.responsible(topic.as_ref()).name == roll.me.name
    }
}
