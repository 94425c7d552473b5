//! The meters of a mount's clients.

use std::sync::Arc;

use super::{Asked, AskedCounters, queues::Queues};
use crate::telemetry::{
    LimitMeters, Transport,
    instrument::{Counter, Gauge},
};

/// Counts for one mount: for each transport, and of its limits.
pub(crate) struct MountMeters {
    sockets: [SocketMeter; 2],
    limits: Arc<LimitMeters>,
}

impl MountMeters {
    /// Creates the meters of the socket at `path`.
    pub(crate) fn new(path: &str) -> Self {
        let limits = Arc::new(LimitMeters::of_socket(path));
        let meter = |transport| SocketMeter::new(path, transport, limits.clone());
        Self {
            sockets: [Transport::Websocket, Transport::Longpoll].map(meter),
            limits,
        }
    }

    pub(crate) fn of(&self, transport: Transport) -> &SocketMeter {
        &self.sockets[transport as usize]
    }

    pub(crate) fn limits(&self) -> &Arc<LimitMeters> {
        &self.limits
    }

    /// Records the sums of what waits in queues, after all queues have been sampled, and logs the
    /// broadcasts that were dropped meanwhile.
    pub(crate) fn tell(&self) {
        self.sockets.iter().for_each(|meter| meter.0.queues.tell());
        self.limits.tell_drops();
    }
}

/// Counts for the clients of a mount that use one transport. A clone counts in the same place.
#[derive(Clone)]
pub(crate) struct SocketMeter(Arc<SocketCounters>);

struct SocketCounters {
    transport: &'static str,
    sockets: Gauge,
    connects: AskedCounters,
    messages_in: Counter,
    bytes_in: Counter,
    messages_out: Counter,
    bytes_out: Counter,
    drops: [Counter; 2],
    queues: Queues,
    limits: Arc<LimitMeters>,
}

/// The reason that a message was dropped or a client was closed.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Drops {
    Unencodable,
    Malformed,
}

impl SocketMeter {
    fn new(path: &str, transport: Transport, limits: Arc<LimitMeters>) -> Self {
        let name = transport.name();
        let labels = [("socket", path), ("transport", name)];
        let [socket, transport] = labels;
        let counter = |name| Counter::new(name, &labels);
        let drops = |reason| {
            let labels = [socket, transport, ("reason", reason)];
            Counter::new("presence_channels_drops_total", &labels)
        };
        Self(Arc::new(SocketCounters {
            transport: name,
            sockets: Gauge::new("presence_channels_sockets", &labels),
            connects: AskedCounters::new("presence_channels_connects_total", labels),
            messages_in: counter("presence_channels_messages_in_total"),
            bytes_in: counter("presence_channels_bytes_in_total"),
            messages_out: counter("presence_channels_messages_out_total"),
            bytes_out: counter("presence_channels_bytes_out_total"),
            drops: ["unencodable", "malformed"].map(drops),
            queues: Queues::new(&labels),
            limits,
        }))
    }

    /// Returns the meters of the mount's limits.
    pub(crate) fn limits(&self) -> &LimitMeters {
        &self.0.limits
    }

    /// Returns the name of the transport.
    pub(crate) fn transport(&self) -> &'static str {
        self.0.transport
    }

    pub(crate) fn connected(&self, asked: Asked) {
        self.0.connects.count(asked);
    }

    pub(crate) fn message_in(&self, bytes: usize) {
        self.0.messages_in.add(1);
        self.0.bytes_in.add(bytes as u64);
    }

    pub(crate) fn message_out(&self, bytes: usize) {
        self.messages_out(1, bytes as u64);
    }

    pub(crate) fn messages_out(&self, messages: u64, bytes: u64) {
        self.0.messages_out.add(messages);
        self.0.bytes_out.add(bytes);
    }

    /// Returns whether both count in the same place.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    pub(crate) fn dropped(&self, reason: Drops) {
        self.0.drops[reason as usize].add(1);
    }

    /// Counts a message of `bytes` that is left out of a poll's answer, and logs it.
    pub(crate) fn left_out(&self, bytes: usize) {
        self.dropped(Drops::Unencodable);
        self.0.limits.left_out(bytes);
    }

    /// Adds what waits for one client to the sums.
    pub(crate) fn see_queue(&self, bytes: usize, frames: usize) {
        self.0.queues.see(bytes, frames);
    }

    /// Counts a client until the returned guard is dropped.
    pub(crate) fn socket(&self) -> Connected {
        self.0.sockets.change(1);
        Connected(self.clone())
    }
}

/// A client that is counted.
pub(crate) struct Connected(SocketMeter);

impl Drop for Connected {
    fn drop(&mut self) {
        self.0.0.sockets.change(-1);
    }
}
