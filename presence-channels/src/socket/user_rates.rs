//! Rates that all connections of one user share on a node.

use std::{collections::HashMap, sync::Arc};

use parking_lot::Mutex;

use crate::limits::{Bucket, Rate};

/// The number of users up to which the table is never swept.
const UNSWEPT: usize = 64;

/// The users of one mount whose messages a rate limits.
#[derive(Default)]
pub(crate) struct UserRates {
    users: Mutex<Users>,
}

#[derive(Default)]
struct Users {
    buckets: HashMap<String, Arc<UserBuckets>>,
    /// The number of users at which those are forgotten who are gone and may send as much as anew.
    sweep_at: usize,
}

/// The messages that one user may still send, over all connections.
#[derive(Default)]
pub(crate) struct UserBuckets(Mutex<Vec<(Option<u32>, Bucket)>>);

impl UserRates {
    /// Returns the buckets of the user `id`. A user who connects again finds them as they were.
    pub(crate) fn of(&self, id: &str, now: u64) -> Arc<UserBuckets> {
        let mut users = self.users.lock();
        if let Some(buckets) = users.buckets.get(id) {
            return buckets.clone();
        }
        if users.buckets.len() >= users.sweep_at.max(UNSWEPT) {
            users
                .buckets
                .retain(|_, buckets| Arc::strong_count(buckets) > 1 || !buckets.are_full(now));
            users.sweep_at = 2 * users.buckets.len();
        }
        let buckets = Arc::<UserBuckets>::default();
        users.buckets.insert(id.to_owned(), buckets.clone());
        buckets
    }
}

impl UserBuckets {
    /// Takes a message of the user out of the bucket of `route`, or of the socket for `None`.
    /// Returns whether the bucket had one.
    pub(crate) fn take(&self, route: Option<u32>, rate: Rate, now: u64) -> bool {
        take(&mut self.0.lock(), route, rate, now)
    }

    fn are_full(&self, now: u64) -> bool {
        self.0.lock().iter().all(|(_, bucket)| bucket.is_full(now))
    }
}

/// Takes a message out of the bucket of `key`, which begins full. Returns whether the bucket had
/// one.
pub(crate) fn take<K: PartialEq>(
    buckets: &mut Vec<(K, Bucket)>,
    key: K,
    rate: Rate,
    now: u64,
) -> bool {
    let known = buckets.iter().position(|(known, _)| *known == key);
    let index = known.unwrap_or_else(|| {
        buckets.reserve_exact(1);
        buckets.push((key, Bucket::new(rate, now)));
        buckets.len() - 1
    });
    buckets[index].1.take(now).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_forgotten_only_when_that_gives_nothing_away() {
        let rates = UserRates::default();
        let rate = Rate::per_second(1);
        assert!(rates.of("ann", 0).take(None, rate, 0));
        assert!(!rates.of("ann", 0).take(None, rate, 0));
        // Strangers come and go, and nothing of them is kept.
        for stranger in 0..10_000 {
            rates.of(&format!("stranger {stranger}"), 0);
        }
        assert!(rates.users.lock().buckets.len() <= 4 * UNSWEPT);
        assert!(!rates.of("ann", 999).take(None, rate, 999));
        assert!(rates.of("ann", 1999).take(None, rate, 1999));
        // One who is connected stays.
        let bob = rates.of("bob", 10_000);
        for stranger in 0..10_000 {
            rates.of(&format!("stranger {stranger}"), 10_000);
        }
        assert!(Arc::ptr_eq(&bob, &rates.of("bob", 10_000)));
        assert!(!rates.users.lock().buckets.contains_key("ann"));
    }
}
