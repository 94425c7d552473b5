//! Meters of each mount and each route. Names, units and labels stand in the module's table.

mod deliveries;
mod queues;
mod route;
mod socket;

pub(crate) use deliveries::Deliveries;
pub(crate) use route::{Callback, Crash, Present, RouteMeter};
pub(crate) use socket::{Connected, Drops, MountMeters, SocketMeter};

use super::instrument::Counter;

/// The result of a client's request.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Asked {
    Ok,
    /// The app refused.
    Refused,
    /// The app failed.
    Failed,
}

/// One counter for each result.
struct AskedCounters([Counter; 3]);

impl AskedCounters {
    fn new(name: &'static str, [one, two]: [(&'static str, &str); 2]) -> Self {
        let counter = |result| Counter::new(name, &[one, two, ("result", result)]);
        Self(["ok", "refused", "failed"].map(counter))
    }

    fn count(&self, asked: Asked) {
        self.0[asked as usize].add(1);
    }
}
