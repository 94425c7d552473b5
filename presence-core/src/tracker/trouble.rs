//! The limit on logs of trouble that other nodes cause, and could fill the disk with.

use std::collections::HashMap;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

/// The time between two logs of trouble with one peer.
const LOG_AGAIN: Duration = Duration::from_secs(10);
/// The most peers that are counted separately. Names may be made up, and must not fill the memory.
const MAX_PEERS: usize = 256;

/// Lets one of many complaints about a peer through, and counts the others. Each peer counts by
/// itself, so that a peer that sends garbage does not hide another with a wrong configuration.
#[derive(Debug, Default)]
pub(super) struct Troubles {
    peers: Mutex<HashMap<Option<Box<str>>, Trouble>>,
}

#[derive(Debug)]
struct Trouble {
    last: Instant,
    since: u64,
}

impl Troubles {
    /// Returns the number of complaints about `peer` since the last log, this one included, if it
    /// is time to log again. The name is `None` if the peer is not known.
    pub(super) fn pass(&self, peer: Option<&str>) -> Option<u64> {
        let mut peers = self.peers.lock();
        let mut key = peer.map(Box::from);
        if peers.len() >= MAX_PEERS && !peers.contains_key(&key) {
            peers.retain(|_, trouble| trouble.last.elapsed() < LOG_AGAIN);
            // Still as many: further ones share what those without a name have.
            key = key.filter(|_| peers.len() < MAX_PEERS);
        }
        let now = Instant::now();
        match peers.get_mut(&key) {
            None => {
                peers.insert(
                    key,
                    Trouble {
                        last: now,
                        since: 0,
                    },
                );
                Some(1)
            }
            Some(trouble) => {
                trouble.since += 1;
                if trouble.last.elapsed() < LOG_AGAIN {
                    return None;
                }
                trouble.last = now;
                Some(std::mem::take(&mut trouble.since))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn one_complaint_of_many_passes_for_each_peer() {
        let troubles = Troubles::default();
        assert_eq!(troubles.pass(None), Some(1));
        assert_eq!(troubles.pass(None), None);
        assert_eq!(troubles.pass(None), None);
        // Messages without a known sender do not silence complaints about a node.
        assert_eq!(troubles.pass(Some("b")), Some(1));
        assert_eq!(troubles.pass(Some("c")), Some(1));
        assert_eq!(troubles.pass(Some("b")), None);
        tokio::time::advance(LOG_AGAIN).await;
        assert_eq!(troubles.pass(None), Some(3));
        assert_eq!(troubles.pass(Some("b")), Some(2));
        assert_eq!(troubles.pass(Some("b")), None);
    }

    #[tokio::test(start_paused = true)]
    async fn made_up_names_fill_no_memory_and_hide_nobody_for_long() {
        let troubles = Troubles::default();
        let forge = |round: usize| {
            let names = (0..2 * MAX_PEERS).map(|number| format!("{round}-{number}"));
            names
                .filter(|name| troubles.pass(Some(name)).is_some())
                .count()
        };
        // All of those that have a place, and the first of the rest.
        assert_eq!(forge(0), MAX_PEERS + 1);
        assert!(troubles.peers.lock().len() <= MAX_PEERS + 1);
        tokio::time::advance(LOG_AGAIN).await;
        assert_eq!(troubles.pass(Some("b")), Some(1));
        assert_eq!(troubles.peers.lock().len(), 1);
    }
}
