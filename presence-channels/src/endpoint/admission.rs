//! Limits on connections, in all and from one address.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::Arc,
};

use http::StatusCode;
use parking_lot::Mutex;

/// Counts who is connected or about to be.
#[derive(Clone, Default)]
pub(super) struct Admissions {
    counts: Arc<Mutex<AdmissionCounts>>,
}

#[derive(Default)]
struct AdmissionCounts {
    all: usize,
    by_address: HashMap<IpAddr, usize>,
}

/// A place that is taken until this is dropped.
pub(crate) struct Admission {
    counts: Arc<Mutex<AdmissionCounts>>,
    address: Option<IpAddr>,
}

/// No place is left.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Full {
    Node,
    Address,
}

impl Full {
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::Node => StatusCode::SERVICE_UNAVAILABLE,
            Self::Address => StatusCode::TOO_MANY_REQUESTS,
        }
    }
}

impl Admissions {
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
        Ok(Admission { counts, address })
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

impl Drop for Admission {
    fn drop(&mut self) {
        let mut counts = self.counts.lock();
        counts.all -= 1;
        if let Some(address) = self.address
            && let Some(count) = counts.by_address.get_mut(&address)
        {
            *count -= 1;
            if *count == 0 {
                counts.by_address.remove(&address);
            }
        }
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
        drop(first);
        assert!(admit().is_ok());
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
