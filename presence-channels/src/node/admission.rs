//! Limits on connections: in all, from one address, and of one user.

use std::{
    collections::HashMap,
    hash::Hash,
    net::{IpAddr, Ipv6Addr},
    sync::{Arc, Once},
};

use http::StatusCode;
use parking_lot::Mutex;

use crate::telemetry::Limit;

/// Counts who is connected or about to be.
#[derive(Clone)]
pub(super) struct Admissions {
    /// Completed once the warning about a client of unknown address is logged.
    warned: Arc<Once>,
    counts: Arc<Mutex<AdmissionCounts>>,
}

impl Default for Admissions {
    fn default() -> Self {
        Self {
            warned: Arc::new(Once::new()),
            counts: Arc::default(),
        }
    }
}

#[derive(Default)]
struct AdmissionCounts {
    all: usize,
    by_address: HashMap<IpAddr, usize>,
    by_user: HashMap<String, usize>,
}

/// A place that is taken until all clones of this are dropped.
///
/// Both the client's transport and what its channels share have a clone. So neither a socket nor a
/// handler outlives the place.
#[derive(Clone)]
pub(crate) struct Admission(Arc<Place>);

struct Place {
    counts: Arc<Mutex<AdmissionCounts>>,
    address: Option<IpAddr>,
    user: Option<String>,
}

/// No place is left.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Full {
    Node,
    Address,
    User,
}

impl Full {
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::Node => StatusCode::SERVICE_UNAVAILABLE,
            Self::Address | Self::User => StatusCode::TOO_MANY_REQUESTS,
        }
    }

    pub(crate) fn limit(&self) -> Limit {
        match self {
            Self::Node => Limit::Connections,
            Self::Address => Limit::ConnectionsPerAddress,
            Self::User => Limit::ConnectionsPerUser,
        }
    }
}

impl Admissions {
    /// Says, once, that a limit per address cannot do anything.
    pub(super) fn warn_of_unknown_address(&self) {
        self.warned.call_once(|| {
            tracing::warn!(
                setting = "Config::max_connections_per_address",
                "the limit does nothing, because the addresses of clients are not known; serve \
                 the app with `into_make_service_with_connect_info::<SocketAddr>()`"
            );
        });
    }

    /// Takes a place for a client at `address`, within the limits that there are.
    pub(super) fn admit(
        &self,
        address: Option<IpAddr>,
        limit: Option<usize>,
        limit_per_address: Option<usize>,
    ) -> Result<Admission, Full> {
        let mut counts = self.counts.lock();
        if limit.is_some_and(|limit| counts.all >= limit) {
            return Err(Full::Node);
        }
        // Without a limit there is nothing to count an address for.
        let address = address.filter(|_| limit_per_address.is_some()).map(network);
        if let Some(address) = address {
            let count = counts.by_address.entry(address).or_default();
            if limit_per_address.is_some_and(|limit| *count >= limit) {
                return Err(Full::Address);
            }
            *count += 1;
        }
        counts.all += 1;
        let counts = self.counts.clone();
        Ok(Admission(Arc::new(Place {
            counts,
            address,
            user: None,
        })))
    }
}

impl Admission {
    /// Takes a place among those of the user, by the name that its socket gives it. Called once, in
    /// the handshake, before anything shares the place.
    pub(crate) fn take_for_user(&mut self, user: String, limit: usize) -> Result<(), Full> {
        let place = Arc::get_mut(&mut self.0).expect("the handshake does not share the place");
        let mut counts = place.counts.lock();
        let count = counts.by_user.get(&user).copied().unwrap_or_default();
        if count >= limit {
            return Err(Full::User);
        }
        counts.by_user.insert(user.clone(), count + 1);
        drop(counts);
        place.user = Some(user);
        Ok(())
    }
}

/// Returns the address that connections are counted by. For IPv6 that is the /64 network, because
/// one customer has all of its addresses.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let bits = address.to_bits() & !u128::from(u64::MAX);
            IpAddr::V6(Ipv6Addr::from_bits(bits))
        }
        address => address,
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = self.counts.lock();
        counts.all -= 1;
        if let Some(address) = self.address {
            give_back(&mut counts.by_address, &address);
        }
        if let Some(user) = &self.user {
            give_back(&mut counts.by_user, user);
        }
    }
}

/// Forgets a key when its last place is given back.
fn give_back<K: Hash + Eq>(counts: &mut HashMap<K, usize>, key: &K) {
    let Some(count) = counts.get_mut(key) else {
        return;
    };
    *count -= 1;
    if *count == 0 {
        counts.remove(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_given_back() {
        let admissions = Admissions::default();
        let admit = || admissions.admit(None, Some(2), None);
        let first = admit().ok().unwrap();
        let _second = admit().ok().unwrap();
        assert_eq!(admit().err(), Some(Full::Node));
        let shared = first.clone();
        drop(first);
        assert_eq!(admit().err(), Some(Full::Node), "one of two that share it");
        drop(shared);
        assert!(admit().is_ok());
    }

    #[test]
    fn a_user_is_counted_by_itself_and_forgotten() {
        let admissions = Admissions::default();
        let admit = |user: &str| {
            let mut admission = admissions.admit(None, None, None).ok().unwrap();
            admission.take_for_user(user.into(), 2).map(|()| admission)
        };
        let first = admit("ann").ok().unwrap();
        let _second = admit("ann").ok().unwrap();
        assert_eq!(admit("ann").err(), Some(Full::User));
        let bob = admit("bob").ok().unwrap();
        drop((first, bob));
        assert!(admit("ann").is_ok());
        let counts = admissions.counts.lock();
        assert_eq!((counts.by_user.len(), counts.all), (1, 1));
    }

    #[test]
    fn an_address_is_counted_by_itself_and_forgotten() {
        let admissions = Admissions::default();
        let admit = |address: &str| admissions.admit(address.parse().ok(), None, Some(1));
        let first = admit("192.0.2.1").ok().unwrap();
        assert_eq!(admit("192.0.2.1").err(), Some(Full::Address));
        assert_eq!(admit("::ffff:192.0.2.1").err(), Some(Full::Address));
        let _other = admit("192.0.2.2").ok().unwrap();
        let _v6 = admit("2001:db8::1").ok().unwrap();
        assert_eq!(admit("2001:db8::2").err(), Some(Full::Address));
        assert!(admit("2001:db8:0:1::2").is_ok());
        drop(first);
        assert_eq!(admissions.counts.lock().by_address.len(), 2);
        assert!(admit("192.0.2.1").is_ok());
        // An unknown address cannot be over its limit.
        assert!(admissions.admit(None, None, Some(0)).is_ok());
    }
}
