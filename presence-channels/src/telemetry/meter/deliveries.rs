use super::SocketMeter;
use crate::telemetry::{IS_ON, Limit};

/// The frames of one dispatch. They are counted here, on the dispatch's own stack, and reported
/// when this is dropped: once per dispatch and meter, not once per client.
#[derive(Default)]
pub(crate) struct Deliveries {
    /// One for each mount and transport that has members in the topic: few.
    counts: Vec<Count>,
}

struct Count {
    meter: SocketMeter,
    messages: u64,
    bytes: u64,
    /// The clients for which the broadcast was dropped, because too much was unflushed.
    unflushed: u64,
}

impl Deliveries {
    /// Counts a frame that was queued for a client.
    pub(crate) fn count(&mut self, meter: &SocketMeter, bytes: usize) {
        if !IS_ON {
            return;
        }
        let count = self.of(meter);
        count.messages += 1;
        count.bytes += bytes as u64;
    }

    /// Counts a client for which the broadcast is dropped. The log tells of it, too.
    pub(crate) fn drop_unflushed(&mut self, meter: &SocketMeter) {
        self.of(meter).unflushed += 1;
    }

    fn of(&mut self, meter: &SocketMeter) -> &mut Count {
        // Clients of a mount stand together more often than not.
        let known = self.counts.iter().rposition(|count| count.meter.is(meter));
        let index = known.unwrap_or_else(|| {
            self.counts.push(Count {
                meter: meter.clone(),
                messages: 0,
                bytes: 0,
                unflushed: 0,
            });
            self.counts.len() - 1
        });
        &mut self.counts[index]
    }
}

impl Drop for Deliveries {
    fn drop(&mut self) {
        for count in &self.counts {
            if count.messages > 0 {
                count.meter.messages_out(count.messages, count.bytes);
            }
            if count.unflushed > 0 {
                let limits = count.meter.limits();
                limits.dropped_all(Limit::UnflushedBytes, count.unflushed);
            }
        }
    }
}
