//! The limit on log lines about each peer.

use std::collections::HashMap;

use parking_lot::Mutex;

use super::LogLimit;

/// The most peers that are counted separately. Names may be made up, and must not fill the memory.
const MAX_PEERS: usize = 256;

/// Lets one of many complaints about a peer through, and counts the others. Each peer counts by
/// itself, so that a peer that sends garbage does not hide another with a wrong configuration.
#[derive(Debug, Default)]
pub(crate) struct LogLimitByPeer {
    peers: Mutex<HashMap<Option<Box<str>>, LogLimit>>,
}

impl LogLimitByPeer {
    /// Returns the number of complaints about `peer` since the last log line, this one included, if
    /// it is time to log again. The name is `None` if the peer is not known.
    pub(crate) fn pass(&self, peer: Option<&str>) -> Option<u64> {
        let mut peers = self.peers.lock();
        let mut key = peer.map(Box::from);
        if peers.len() >= MAX_PEERS && !peers.contains_key(&key) {
            peers.retain(|_, limit| !limit.is_open());
            // Still as many: further ones share what those without a name have.
            key = key.filter(|_| peers.len() < MAX_PEERS);
        }
        let held_back = peers.entry(key).or_default().pass()?;
        Some(held_back + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log_limit::EVERY;

    #[tokio::test(start_paused = true)]
    async fn one_complaint_of_many_passes_for_each_peer() {
        let limit = LogLimitByPeer::default();
        assert_eq!(limit.pass(None), Some(1));
        assert_eq!(limit.pass(None), None);
        assert_eq!(limit.pass(None), None);
        // Messages without a known sender do not silence complaints about a node.
        assert_eq!(limit.pass(Some("b")), Some(1));
        assert_eq!(limit.pass(Some("c")), Some(1));
        assert_eq!(limit.pass(Some("b")), None);
        tokio::time::advance(EVERY).await;
        assert_eq!(limit.pass(None), Some(3));
        assert_eq!(limit.pass(Some("b")), Some(2));
        assert_eq!(limit.pass(Some("b")), None);
    }

    #[tokio::test(start_paused = true)]
    async fn made_up_names_fill_no_memory_and_hide_nobody_for_long() {
        let limit = LogLimitByPeer::default();
        let forge = |round: usize| {
            let names = (0..2 * MAX_PEERS).map(|number| format!("{round}-{number}"));
            names
                .filter(|name| limit.pass(Some(name)).is_some())
                .count()
        };
        // All of those that have a place, and the first of the rest.
        assert_eq!(forge(0), MAX_PEERS + 1);
        assert!(limit.peers.lock().len() <= MAX_PEERS + 1);
        tokio::time::advance(EVERY).await;
        assert_eq!(limit.pass(Some("b")), Some(1));
        assert_eq!(limit.peers.lock().len(), 1);
    }
}
