//! What is counted of each mount and each route. Names, units and labels stand in the module's
//! table.

mod queues;
mod route;
mod socket;

pub(crate) use route::{Callback, Present, RouteMeter};
pub(crate) use socket::{Connected, Drops, MountMeters, SocketMeter};

use super::instrument::Counter;

/// How something that a client asked for went.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Asked {
    Ok,
    /// No, said the app.
    Refused,
    /// The app failed.
    Failed,
}

/// One counter for each way.
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
